"""How a scenario's ``[[method]]`` becomes a checked composition of parts. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from learners.auxiliary import AUXILIARIES, Auxiliary
from learners.links import LINKS, Link
from learners.methods import METHODS, Method, Spec
from learners.networks import NETWORKS, Network
from learners.objectives import OBJECTIVES, Objective
from learners.recipes import RECIPES, Recipe
from simulator.errors import ScenarioError, nearest, unknown
from simulator.parts import Part, Registry, faults, merged
from simulator.policies import POLICIES, Policy
from simulator.scenario.model import LearnerBlock, MethodBlock, Scenario
from simulator.units import Microseconds

__all__ = ["METHODS", "Method", "ResolvedMethod", "resolve_all"]

P = TypeVar("P", Objective, Network, Auxiliary, Policy)


@dataclass(frozen=True, slots=True)
class ResolvedMethod:
    """A method with the scenario's overrides, every name and parameter checked."""

    name: str
    method: str
    policy: Policy
    objective: Objective
    network: Network
    auxiliary: Auxiliary | None
    start: Recipe | None
    link: Link
    learner: LearnerBlock
    publish_every: str | None

    def parts(self) -> dict[str, Part | None]:
        """Return what the method is composed of, by the keys of a ``[[method]]`` (and of the table)."""
        return {
            "policy": self.policy,
            "objective": self.objective,
            "network": self.network.settled(self.learner),
            "auxiliary": self.auxiliary,
            "start": self.start,
            "serve": self.link,
        }


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of the table in short."""

    name: str
    tasks: tuple[str, ...]
    policy: str
    """Kind of its delay policy."""
    description: str


def listed() -> list[Listed]:
    """List the table."""

    def kind(spec: Spec) -> str:
        return str(merged(spec)["kind"])

    return [
        Listed(name, LINKS.find(kind(entry.serve)).tasks, kind(entry.policy), entry.description)
        for name, entry in METHODS.items()
    ]


def resolve_all(scenario: Scenario) -> tuple[ResolvedMethod, ...]:
    """Merge every ``[[method]]`` of a scenario with its entry in the table, and check every part.

    A part is replaced by name, or by a table with ``kind`` and parameters; a table without ``kind`` changes
    parameters of the part the method has. ``auxiliary = "none"`` takes the auxiliary away. A policy's window is
    the scenario's observation window unless given.

    Raises
    ------
    ScenarioError : all faults of all methods; each names its key (``method[2].objective``), the value, what is
        allowed, and the nearest spelling.
    """
    resolved: list[ResolvedMethod] = []
    found: list[str] = []
    for index, block in enumerate(scenario.method):
        try:
            resolved.append(_resolve(block, scenario, f"method[{index}]"))
        except ScenarioError as error:
            found += error.faults
    if found:
        raise ScenarioError(found)
    return tuple(resolved)


def _resolve(block: MethodBlock, scenario: Scenario, key: str) -> ResolvedMethod:
    if block.method not in METHODS:
        raise ScenarioError(f"{key}.method: {unknown('method', block.method, METHODS)}")
    entry = METHODS[block.method]
    found: list[str] = []
    objective = _part(OBJECTIVES, block.objective, entry.objective, f"{key}.objective", found)
    network = _part(NETWORKS, block.network, entry.network, f"{key}.network", found)
    auxiliary = None
    wanted = (entry.auxiliary if block.auxiliary is None else block.auxiliary) not in (None, "none")
    if wanted:
        auxiliary = _part(AUXILIARIES, block.auxiliary, entry.auxiliary, f"{key}.auxiliary", found)
    learner = _learner(block, entry, scenario.learner, f"{key}.learner", found)
    window = {"window": Microseconds(scenario.windows.observation)}
    policy = _part(POLICIES, block.policy, entry.policy, f"{key}.policy", found, window)
    start = None if entry.start is None else RECIPES[entry.start]()
    link = LINKS.parse(entry.serve, f"{key}.serve")
    if objective is not None:
        checks = {"objective": _heads_fault(objective, link)}
        if policy is not None:
            checks["policy"] = _labels_fault(objective, policy)
        if auxiliary is not None or not wanted:  # else its own fault is reported already
            checks["auxiliary"] = _estimates_fault(objective, block, auxiliary)
        found += [f"{key}.{part}: {fault}" for part, fault in checks.items() if fault]
    if found or policy is None or objective is None or network is None or learner is None:
        raise ScenarioError(found)
    if auxiliary is not None:
        auxiliary = auxiliary.settled(getattr(policy, "window", scenario.windows.observation))
    return ResolvedMethod(
        block.label, entry.name, policy, objective, network, auxiliary, start, link, learner, entry.publish_every,
    )  # fmt: skip


def _part(
    registry: Registry[P],
    written: Spec | None,
    default: Spec | None,
    key: str,
    found: list[str],
    fill: Mapping[str, Any] | None = None,
) -> P | None:
    spec = written if written is not None else default
    assert spec is not None
    try:
        return registry.parse(spec, key, None if default is None else merged(default), fill)
    except ScenarioError as error:
        found += error.faults
        return None


def _learner(
    block: MethodBlock, entry: Method, common: LearnerBlock, key: str, found: list[str]
) -> LearnerBlock | None:
    usual = LearnerBlock()
    written = {name: value for name, value in common if value != getattr(usual, name)}
    try:
        return LearnerBlock.model_validate({**entry.learner, **written, **block.learner})
    except ValidationError as error:
        found += faults(error, LearnerBlock, key, "[method.learner]")
        return None


def _estimates_fault(objective: Objective, block: MethodBlock, auxiliary: Auxiliary | None) -> str:
    given: Sequence[str] = tuple(auxiliary.scales) if auxiliary is not None else ()
    missing = [name for name in objective.estimates if name not in given]
    if not missing:
        return ""
    able = [kind for kind, cls in AUXILIARIES.items() if set(objective.estimates) <= set(cls.scales)]
    has = (
        f"{auxiliary.kind!r} gives {', '.join(given)}"
        if auxiliary is not None
        else f"{block.method!r} has none"
    )
    return (
        f"{objective.kind!r} needs estimates of {', '.join(missing)} from an auxiliary, and {has}; "
        f"allowed auxiliaries: {', '.join(able)}"
    )


def _heads_fault(objective: Objective, link: Link) -> str:
    served = set(link.heads)
    if served <= set(objective.heads):
        return ""
    able = [kind for kind, cls in OBJECTIVES.items() if served <= set(cls.heads)]
    trains = ", ".join(objective.heads)
    asks = ", ".join(link.tasks)
    return (
        f"{objective.kind!r} trains {trains}, but the method serves {asks}; "
        f"allowed: {', '.join(able)}.{nearest(objective.kind, able)}"
    )


def _labels_fault(objective: Objective, policy: Policy) -> str:
    missing = [target for target in objective.targets if target not in policy.labels]
    if not missing:
        return ""
    return (
        f"{policy.kind!r} delivers {', '.join(policy.labels)}, but objective {objective.kind!r} "
        f"learns from {', '.join(missing)}"
    )
