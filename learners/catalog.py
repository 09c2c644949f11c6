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
from learners.registry import Registry, faults, merged
from simulator.errors import ScenarioError, nearest, unknown
from simulator.scenario.model import LearnerBlock, MethodBlock, Scenario
from simulator.units import Microseconds

__all__ = ["METHODS", "Method", "ResolvedMethod", "resolve", "resolve_all"]

P = TypeVar("P", Objective, Network, Auxiliary)


@dataclass(frozen=True, slots=True)
class ResolvedMethod:
    """A method with the scenario's overrides, every name and parameter checked."""

    name: str
    method: str
    task: str
    policy: Mapping[str, Any]
    """Table for `simulator.policies.policy_from`: kind and parameters."""
    objective: Objective
    network: Network
    auxiliary: Auxiliary | None
    start: Recipe | None
    link: Link
    learner: LearnerBlock
    publish_every: str | None
    description: str
    source: str

    def describe(self) -> dict[str, Any]:
        """Return the whole composition as plain values, for ``describe`` and the resolved scenario."""
        return {
            "name": self.name,
            "method": self.method,
            "task": self.task,
            "policy": dict(self.policy),
            "objective": self.objective.spec(),
            "network": self.network.settled(self.learner).spec(),
            "auxiliary": None if self.auxiliary is None else self.auxiliary.spec(),
            "start": None if self.start is None else self.start.spec(),
            "serve": self.link.spec(),
            "learner": self.learner.model_dump(mode="json"),
            "publish_every": self.publish_every,
        }


def resolve_all(scenario: Scenario) -> tuple[ResolvedMethod, ...]:
    """Resolve every ``[[method]]`` of a scenario.

    Raises
    ------
    ScenarioError : all faults of all methods, and names that are used twice.
    """
    resolved, found = [], []
    taken: dict[str, int] = {}
    for index, block in enumerate(scenario.method):
        first = taken.setdefault(block.label, index)
        if first != index:
            found.append(
                f"method[{index}].name: {block.label!r} is taken by method[{first}]; give it another name"
            )
        try:
            resolved.append(_resolve(block, scenario, f"method[{index}]"))
        except ScenarioError as error:
            found += error.faults
    if found:
        raise ScenarioError(found)
    return tuple(resolved)


def resolve(block: MethodBlock, scenario: Scenario) -> ResolvedMethod:
    """Merge a ``[[method]]`` with its entry in the table, and check every part.

    A part is replaced by name, or by a table with ``kind`` and parameters; a table without ``kind`` changes
    parameters of the part the method has. ``auxiliary = "none"`` takes the auxiliary away. The policy is
    passed on as a table: `simulator.policies.policy_from` checks it.

    Raises
    ------
    ScenarioError : all faults; each names its key, the value, what is allowed, and the nearest spelling.
    """
    same = (i for i, other in enumerate(scenario.method) if other is block or other == block)
    return _resolve(block, scenario, f"method[{next(same, 0)}]")


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
    policy = merged(block.policy if block.policy is not None else entry.policy, _table(entry.policy))
    start = None if entry.start is None else RECIPES[entry.start]()
    link = LINKS.parse(entry.serve, f"{key}.serve")
    if objective is not None:
        checks = {"objective": _heads_fault(objective, link), "policy": _labels_fault(objective, policy)}
        if auxiliary is not None or not wanted:  # else its own fault is reported already
            checks["auxiliary"] = _estimates_fault(objective, block, auxiliary)
        found += [f"{key}.{part}: {fault}" for part, fault in checks.items() if fault]
    if found or objective is None or network is None or learner is None:
        raise ScenarioError(found)
    if auxiliary is not None:
        auxiliary = auxiliary.settled(_window(policy, scenario.windows.observation))
    return ResolvedMethod(
        block.label, entry.name, entry.task, policy, objective, network, auxiliary, start, link, learner,
        entry.publish_every, entry.description, entry.source,
    )  # fmt: skip


def _table(spec: Spec | None) -> dict[str, Any] | None:
    return None if spec is None else merged(spec)


def _part(
    registry: Registry[P], written: Spec | None, default: Spec | None, key: str, found: list[str]
) -> P | None:
    spec = written if written is not None else default
    assert spec is not None
    try:
        return registry.parse(spec, key, _table(default))
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


def _labels_fault(objective: Objective, policy: Mapping[str, Any]) -> str:
    from simulator.policies.registry import find_policy  # noqa: PLC0415 (found when a scenario asks)

    try:
        labels = find_policy(str(policy["kind"])).labels
    except ScenarioError:
        return ""  # the policy's own check reports it
    missing = [target for target in objective.targets if target not in labels]
    if not missing:
        return ""
    return (
        f"{policy['kind']!r} delivers {', '.join(labels)}, but objective {objective.kind!r} "
        f"learns from {', '.join(missing)}"
    )


def _window(policy: Mapping[str, Any], observation: int) -> int:
    """Return the observation window of the policy: the delay network must speak of the same one."""
    from simulator.policies import policy_from  # noqa: PLC0415

    try:
        return int(getattr(policy_from(policy, {"window": Microseconds(observation)}), "window", observation))
    except ScenarioError:
        return observation
