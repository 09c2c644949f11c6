"""Methods of a scenario that serve by the predictions of its other methods. Loads no torch.

They have no learner: a member learns and is judged as if nobody used it, and whatever is made of its predictions is made
when they are judged. Nothing is computed twice, and no other number changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from simulator.calendar import PHASES
from simulator.errors import nearest, unknown
from simulator.evaluation.composed import Composed
from simulator.scenario.model import MethodBlock, PipelineBlock, Scenario

PORTFOLIO, BY_PHASE = "portfolio", "by-phase"
COMPOSED = {
    PORTFOLIO: (
        "Serves the mean of what several methods of the scenario serve (members): of their logits, or of the logarithms of "
        "their amounts."
    ),
    BY_PHASE: (
        "Serves in each phase of the calendar what another method of the scenario serves (members); a phase that is not named "
        "is served as before is."
    ),
}
"""By name, what each is."""
_TAKES = {
    PORTFOLIO: 'a list of methods of this scenario, such as ["NAME", "OTHER"]',
    BY_PHASE: 'a table of phases, such as { before = "NAME", promotion = "OTHER" }',
}
OF_MEMBERS = "those of its members"
"""Tasks of a composed method, in words."""
_OWN = ("method", "name", "members", "mixing")
"""Keys of a composed method; all others are those of one that learns."""


def composed_faults(scenario: Scenario) -> list[str]:
    """Return what is wrong with composed methods as they are written, before anything is known of what members serve."""
    labels = [block.label for block in scenario.method]
    if scenario.auction is not None:
        return [
            f"method[{index}].method: {block.method!r} cannot bid: in an auction each member serves what it won "
            "itself, so that predictions are of different impressions; leave it out, or leave out [auction]"
            for index, block in enumerate(scenario.method)
            if block.method in COMPOSED
        ]
    return [
        f"method[{index}].{fault}"
        for index, block in enumerate(scenario.method)
        for fault in (_faults(block, labels) if block.method in COMPOSED else _not_composed(block))
    ] + _cycles(scenario)


def composed_of(scenario: Scenario) -> dict[str, Composed]:
    """Return the composed methods of a scenario without `composed_faults` by label, each after its members."""
    blocks = {block.label: block for block in scenario.method}
    found: dict[str, Composed] = {}

    def enter(block: MethodBlock) -> None:
        if block.method in COMPOSED and block.label not in found:
            for name in _names(block):
                enter(blocks[name])
            found[block.label] = Composed(_by_phase(block))

    for block in scenario.method:
        enter(block)
    return found


def with_composed(
    tasks: Mapping[str, tuple[str, ...]], composed: Mapping[str, Composed]
) -> dict[str, tuple[str, ...]]:
    """Return what each method serves, given that for those that learn: a composed one what all of its members do."""
    found = dict(tasks)
    for name, made in composed.items():
        first, *others = (found[member] for member in made.names)
        found[name] = tuple(task for task in first if all(task in other for other in others))
    return found


def task_faults(scenario: Scenario, tasks: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Name composed methods whose members have no task in common, given what those that learn serve."""
    composed = composed_of(scenario)
    served, faults = with_composed(tasks, composed), []
    for index, block in enumerate(scenario.method):
        if block.label in composed and not served[block.label]:
            told = "; ".join(
                f"{name!r} serves {', '.join(served[name]) or 'none'}" for name in composed[block.label].names
            )
            faults.append(f"method[{index}].members: have no task in common: {told}")
    return faults


def learners_of(name: str, composed: Mapping[str, Composed]) -> tuple[str, ...]:
    """Return the methods that learn for one of this name, itself if it does, once each."""
    if name not in composed:
        return (name,)
    return tuple(
        dict.fromkeys(one for member in composed[name].names for one in learners_of(member, composed))
    )


def _names(block: MethodBlock) -> tuple[str, ...]:
    members = block.members or ()
    return tuple(dict.fromkeys(map(str, members.values() if isinstance(members, dict) else members)))


def _by_phase(block: MethodBlock) -> dict[str, tuple[str, ...]]:
    members = block.members
    if isinstance(members, dict):
        return {phase: (str(members[phase if phase in members else "before"]),) for phase in PHASES}
    return dict.fromkeys(PHASES, _names(block))


def _not_composed(block: MethodBlock) -> list[str]:
    if nearest(block.method, COMPOSED):
        return []  # that is said of the method's name
    return [
        f"{key}: {block.method!r} learns itself and is made of no other methods; those that are: {', '.join(COMPOSED)}"
        for key in ("members", "mixing")
        if getattr(block, key) is not None
    ]


def _faults(block: MethodBlock, labels: Sequence[str]) -> list[str]:
    """Say what is wrong with one composed method."""
    own = f"{block.method!r} serves what its members predict and learns nothing itself; leave it out"
    faults = [
        f"{key}: {own}{', or say it of them' if key in PipelineBlock.model_fields else ''}"
        for key, field in MethodBlock.model_fields.items()
        if key not in _OWN and getattr(block, key) != field.get_default(call_default_factory=True)
    ]
    members, phased = block.members, block.method == BY_PHASE
    if phased and block.mixing is not None:
        faults.append(f"mixing: {block.method!r} serves one method at a time and mixes nothing; leave it out")
    if not isinstance(members, dict if phased else list):
        return [*faults, f"members: must be {_TAKES[block.method]}"]
    if isinstance(members, dict):
        faults += [f"members: {unknown('phase', phase, PHASES)}" for phase in members if phase not in PHASES]
        if "before" not in members:
            faults.append(
                "members: before is missing; it serves until the first promotion, and in every phase that is not named"
            )
    return faults + [f"members: {fault}" for fault in _member_faults(block, labels)]


def _member_faults(block: MethodBlock, labels: Sequence[str]) -> Iterator[str]:
    names, others = _names(block), [label for label in labels if label != block.label]
    for name in names:
        if name == block.label:
            yield f"{name!r} is this method itself; allowed: {', '.join(others)}"
        elif name not in labels:
            yield f"{unknown('method', name, others)} A member is called as it is in results."
    if isinstance(block.members, list) and len(block.members) > len(names):
        twice = [name for name in names if block.members.count(name) > 1]
        yield f"{', '.join(twice)} named more than once; name each once"
    elif len(names) < 2:
        yield f"{f'{names[0]!r} alone is that method' if names else 'is empty'}; name two or more"


def _cycles(scenario: Scenario) -> list[str]:
    """Name composed methods that would wait for each other."""
    members = {block.label: _names(block) for block in scenario.method if block.method in COMPOSED}

    def way(path: tuple[str, ...]) -> tuple[str, ...]:
        """Return a way from the first of a path back to it, of as few as there are; empty: there is none."""
        for name in members.get(path[-1], ()):
            if name == path[0] and len(path) > 1:
                return (*path, name)
            if name not in path and (found := way((*path, name))):
                return found
        return ()

    found: list[str] = []
    told: set[frozenset[str]] = set()
    for index, block in enumerate(scenario.method):
        path = way((block.label,)) if block.label in members else ()
        if path and frozenset(path) not in told:
            told.add(frozenset(path))
            said = " by ".join(map(repr, path))
            found.append(f"method[{index}].members: go round in a circle: {said}")
    return found
