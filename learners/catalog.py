"""How a scenario's ``[[method]]`` becomes a checked composition of parts. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from learners.auxiliary import AUXILIARIES, Auxiliary
from learners.composed import COMPOSED, composed_faults, task_faults
from learners.like import brought, like_fault
from learners.methods import METHODS, Method, Spec
from learners.misfits import (
    CLICKED,
    estimates_fault,
    heads_fault,
    impressions_fault,
    labels_fault,
    made_fault,
    offset_fault,
    several_fault,
    start_fault,
    window_faults,
)
from learners.networks import NETWORKS, Network
from learners.objectives import OBJECTIVES, Objective
from learners.offsets import OFFSETS, Offset
from learners.serve import LINKS, Link
from learners.start import RECIPES, Recipe
from simulator.composite import NONE
from simulator.errors import ScenarioError, nearest
from simulator.parts import Part, Registry, merged
from simulator.plugins import load_plugins
from simulator.policies import POLICIES, Policy
from simulator.policies.base import Heard
from simulator.scenario.learner import LearnerBlock
from simulator.scenario.model import MethodBlock, Scenario
from simulator.scenario.sentences import sentences
from simulator.units import Microseconds

__all__ = ["METHODS", "Method", "ResolvedMethod", "resolve_all"]

P = TypeVar("P", bound=Part)


@dataclass(frozen=True, slots=True)
class ResolvedMethod:
    """A method with the scenario's overrides, every name and parameter checked."""

    key: str
    """Where the scenario has it."""
    name: str
    method: str
    policy: Policy
    objective: Objective
    network: Network
    auxiliary: Auxiliary | None
    offset: Offset | None
    start: Recipe | None
    link: Link
    learner: LearnerBlock
    publish_every: str | None

    def parts(self) -> dict[str, Part | None]:
        """Return what the method is composed of, by the keys of a ``[[method]]`` (and of the table)."""
        return {
            "policy": self.policy,
            "objective": self.objective,
            "network": self.network.completed(self.learner),
            "auxiliary": self.auxiliary,
            "offset": self.offset,
            "start": self.start,
            "serve": self.link,
        }

    @property
    def listens(self) -> Heard | Literal[""]:
        """What it hears of the log's impressions; "" for nothing."""
        return self.policy.impressions if CLICKED in self.objective.targets else ""

    @property
    def peeks(self) -> bool:
        """Whether its policy reads the future, or its auxiliary the truth."""
        return self.policy.peeks or (self.auxiliary is not None and self.auxiliary.peeks)

    def on_finals(self) -> ResolvedMethod:
        """Return the method as it is on final labels: nothing corrects their delay, and of its policy there is left which
        impressions it hears of.
        """
        objective, link = self.objective.on_finals(), self.link.on_finals()
        asked = {*objective.estimates, *link.estimates}
        auxiliary = self.auxiliary if asked else None
        bound = self.listens in ("slice", "potential")
        policy = self.policy if bound else POLICIES.find("never")()
        return replace(self, policy=policy, objective=objective, link=link, auxiliary=auxiliary)


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of the table in short."""

    name: str
    tasks: tuple[str, ...]
    policy: str
    """Kind of its delay policy."""
    description: str
    origin: str = "afterclick"
    """Who brings it."""


def listed() -> list[Listed]:
    """List the table, and what is made of other methods."""

    def kind(spec: Spec) -> str:
        return str(merged(spec)["kind"])

    return [
        Listed(
            name,
            LINKS.find(kind(entry.serve)).tasks,
            kind(entry.policy),
            entry.description,
            METHODS.origin(name),
        )
        for name, entry in METHODS.items()
    ] + [Listed(name, (), "", description) for name, description in COMPOSED.items()]


def resolve_all(scenario: Scenario) -> tuple[ResolvedMethod, ...]:
    """Merge every ``[[method]]`` that learns with its entry in the table, and check every part; check the composed ones, too.

    A part is replaced by name, or by a table with ``kind`` and parameters; a table without ``kind`` changes
    parameters of the part the method has. ``auxiliary = "none"`` takes the auxiliary away. A policy's windows
    are the scenario's observation window unless given.

    Raises
    ------
    ScenarioError : plug-ins that cannot be imported, else all faults of all methods; each names its key
        (``method[2].objective``), the value, what is allowed, and the nearest spelling.
    """
    load_plugins(scenario.plugins, scenario.module_path)
    resolved: list[ResolvedMethod] = []
    found: list[str] = []
    for index, block in enumerate(scenario.method):
        if block.method in COMPOSED:
            continue
        try:
            resolved.append(_resolve(block, scenario, f"method[{index}]"))
        except ScenarioError as error:
            found += error.faults
    learning = [block.method for block in scenario.method if block.method not in COMPOSED]
    if fault := like_fault(scenario.learner.like, learning):
        found.append(f'learner.like = "{scenario.learner.like}": {fault}')
    found += composed_faults(scenario)
    if found:
        raise ScenarioError(found)
    methods = tuple(method.on_finals() if scenario.offline else method for method in resolved)
    if found := task_faults(scenario, {method.name: method.link.tasks for method in methods}):
        raise ScenarioError(found)
    return methods


def _resolve(block: MethodBlock, scenario: Scenario, key: str) -> ResolvedMethod:
    try:
        entry = METHODS.find(block.method)
    except ScenarioError as error:
        raise ScenarioError(f"{key}.method: {error}{nearest(block.method, COMPOSED)}") from None
    entry = _variant(entry, block, key)
    found: list[str] = []
    parts = _Parts(block, entry, key, found)
    objective, network = parts.one(OBJECTIVES, "objective"), parts.one(NETWORKS, "network")
    auxiliary, offset = parts.one(AUXILIARIES, "auxiliary"), parts.one(OFFSETS, "offset")
    start, link = parts.one(RECIPES, "start"), parts.one(LINKS, "serve")
    learner = _learner(block, entry, scenario.learner, f"{key}.learner", found)
    observation = Microseconds(scenario.windows.observation)
    policy = parts.one(POLICIES, "policy", {"window": observation, "refund_window": observation})
    if not found and objective and policy and link:
        start = None if start is None else start.for_method(objective, policy)
        checks = {
            "objective": heads_fault(objective, link) or impressions_fault(objective, scenario),
            "network": "" if network is None else made_fault(objective, network),
            "policy": labels_fault(objective, policy),
            "auxiliary": estimates_fault((objective, link, policy), block, auxiliary)
            or several_fault(auxiliary, policy),
            "offset": offset_fault(offset, objective, link),
            "start": start_fault(start) or several_fault(start, policy),
        }
        found += [f"{key}.{part}: {fault}" for part, fault in checks.items() if fault]
    if found or policy is None or objective is None or network is None or learner is None or link is None:
        raise ScenarioError(found)
    if auxiliary is not None:
        auxiliary = auxiliary.completed_for(policy, scenario.windows.observation)
    found += window_faults(key, policy, auxiliary, scenario.windows.attribution)
    for name, part in (("auxiliary", auxiliary), ("offset", offset)):
        if part is not None and (fault := part.misfit(scenario)):
            found.append(f"{key}.{name}: {fault}")
    if found:
        raise ScenarioError(found)
    if start is not None:
        start = start.completed(policy.setting("window", scenario.windows.observation))
    return ResolvedMethod(
        key=key,
        name=block.label,
        method=entry.name,
        policy=policy,
        objective=objective,
        network=network,
        auxiliary=auxiliary,
        offset=offset,
        start=start,
        link=link,
        learner=learner,
        publish_every=entry.publish_every,
    )


def _variant(entry: Method, block: MethodBlock, key: str) -> Method:
    """Return the entry for the task and with the fidelity that are asked for."""
    cascade = block.task == "netcvr" and bool(entry.netcvr)
    tasks = LINKS.find(str(merged(entry.serve)["kind"])).tasks
    if block.task is not None and not cascade and block.task not in tasks:
        raise ScenarioError(
            f'{key}.task = "{block.task}": {entry.name!r} serves {", ".join(tasks)} only; methods that can: '
            f"{_having('netcvr') if block.task == 'netcvr' else 'those without task'}"
        )
    own = entry.netcvr_reference if cascade else entry.reference
    if block.fidelity == "reference" and not own:
        raise ScenarioError(
            f'{key}.fidelity = "reference": {entry.name!r} has no such variant, since no public code of it departs from '
            f"the paper's formulas; methods that have one: {_having('netcvr_reference' if cascade else 'reference')}"
        )
    entry = _changed(entry, entry.netcvr) if cascade else entry
    return _changed(entry, own) if block.fidelity == "reference" else entry


def _having(variant: str) -> str:
    return ", ".join(name for name, entry in METHODS.items() if getattr(entry, variant)) or "none"


def _changed(entry: Method, parts: Mapping[str, Any]) -> Method:
    return replace(entry, **{name: _laid(getattr(entry, name), part) for name, part in parts.items()})


def _laid(own: Any, other: Any) -> Any:
    """Lay what the public code has over what the table has: parameters of the same kind are kept."""
    return {**own, **other} if isinstance(own, Mapping) and isinstance(other, Mapping) else other


class _Parts:
    """Reads the parts of one ``[[method]]``, and collects what is wrong with them."""

    def __init__(self, block: MethodBlock, entry: Method, key: str, found: list[str]) -> None:
        self._block, self._entry, self._key, self._found = block, entry, key, found

    def one(self, registry: Registry[P], name: str, fill: Mapping[str, Any] | None = None) -> P | None:
        """Return the part as it is written, else as the table has it; None where there is none, or a fault."""
        written: Spec | None = getattr(self._block, name)
        usual: Spec | None = getattr(self._entry, name)
        spec = usual if written is None else written
        optional = name in ("auxiliary", "offset", "start")
        if optional and spec in (None, NONE):
            return None
        assert spec is not None, "every method of the table has it"
        try:
            return registry.parse(spec, f"{self._key}.{name}", None if usual is None else merged(usual), fill)
        except ScenarioError as error:
            self._found += error.faults
            return None


def _learner(
    block: MethodBlock, entry: Method, common: LearnerBlock, key: str, found: list[str]
) -> LearnerBlock | None:
    written = common.model_dump(exclude_unset=True)
    try:
        like = LearnerBlock.model_validate({**written, **block.learner}).like
        whole = {**entry.learner, **brought(like, entry.name), **written, **block.learner}
        if "like" in block.learner and (fault := like_fault(like, [entry.name])):
            found.append(f'{key}.like = "{like}": {fault}')
        return LearnerBlock.model_validate(whole)
    except ValidationError as error:
        found += sentences(error, LearnerBlock, block.learner, key, "[method.learner]")
        return None
