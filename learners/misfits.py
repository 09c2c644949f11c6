"""What the parts of one method need of each other; each check says its fault, or nothing. Loads no torch."""

from __future__ import annotations

from collections.abc import Sequence

from learners.auxiliary import AUXILIARIES, Auxiliary
from learners.networks import NETWORKS, Network
from learners.objectives import OBJECTIVES, Objective
from learners.offsets import OFFSETS, Offset
from learners.serve import LINKS, Link
from learners.start import RECIPES, Recipe
from learners.start.objective import OwnObjective
from simulator.composite import NONE
from simulator.errors import nearest
from simulator.learning import PREDICTIONS
from simulator.parts import Part
from simulator.policies import POLICIES, Policy
from simulator.scenario.model import MethodBlock, Scenario
from simulator.units import format_duration

CLICKED = "clicked"
"""The target of objectives that learn from impressions."""
_FROM_POLICY = {"window": True, "refund_window": True, "ages": False}
"""What other parts take from the policy, and whether one of their own goes before it."""


def estimates_fault(
    asking: Sequence[Objective | Link | Policy], block: MethodBlock, auxiliary: Auxiliary | None
) -> str:
    """Say which estimates nobody gives, or that nobody asks for those that were chosen."""
    given = () if auxiliary is None else (*auxiliary.estimates, *auxiliary.answers)
    if auxiliary is not None and block.auxiliary is not None and not any(_asked_by(p) for p in asking):
        return (
            f"{auxiliary.kind!r} would estimate {', '.join(given)}, but {block.method!r} asks for no estimates; "
            f'allowed: "{NONE}"'
        )
    for part in asking:
        asked = _asked_by(part)
        missing = [name for name in asked if name not in given]
        if missing:
            able = [k for k, cls in AUXILIARIES.items() if set(asked) <= {*cls.estimates, *cls.answers}]
            has = (
                f"{auxiliary.kind!r} gives {', '.join(given)}"
                if auxiliary is not None
                else f"{block.method!r} has none"
            )
            return (
                f"{part.kind!r} needs estimates of {', '.join(missing)} from an auxiliary, and {has}; "
                f"allowed auxiliaries: {', '.join(able)}"
            )
    return ""


def _asked_by(part: Objective | Link | Policy) -> tuple[str, ...]:
    """Return what a part asks of the auxiliary."""
    if isinstance(part, Policy):
        return tuple(name for name in part.asks if name != PREDICTIONS)
    return part.estimates


def heads_fault(objective: Objective, link: Link) -> str:
    """Say that the objective does not train the heads that the link reads."""
    served = set(link.heads)
    if served <= set(objective.heads):
        return ""
    able = [kind for kind, cls in OBJECTIVES.items() if served <= set(cls.heads)]
    trains = ", ".join(objective.heads) or "no head (its heads are empty)"
    asks = ", ".join(link.tasks)
    return (
        f"{objective.kind!r} trains {trains}, but the method serves {asks}; "
        f"allowed: {', '.join(able)}.{nearest(objective.kind, able)}"
    )


def heads_doubts(objective: Objective, link: Link, offset: Offset | None, start: Recipe | None) -> list[str]:
    """Say which heads are trained, or pre-trained, for nobody."""
    moved = () if offset is None else offset.heads
    needed = {*objective.unserved, *link.heads, *moved}
    fitted = () if start is None else start.heads
    doubts = []
    if idle := [head for head in objective.heads if head not in needed]:
        able = [kind for kind, cls in LINKS.items() if {*idle, *link.heads} <= {*cls.heads}]
        serves = f"serve = {' or '.join(map(repr, able))} reads it too; " if able else ""
        doubts.append(
            f"objective {objective.kind!r} trains {', '.join(idle)}, which link {link.kind!r} does not serve: it costs "
            f"time and moves what heads share. {serves}an objective of one's own that means it says so in unserved."
        )
    if idle := [head for head in fitted if head not in {*objective.heads, *link.heads, *moved}]:
        doubts.append(
            f"pre-training {start and start.kind!r} fits {', '.join(idle)}, which neither objective {objective.kind!r} "
            f"nor link {link.kind!r} reads. Another start may be meant."
        )
    return doubts


def made_fault(objective: Objective, network: Network) -> str:
    """Say that the objective reads a head that only some networks can make, and this one is none of them."""
    needed = {head for cls in NETWORKS.values() for head in cls.made}.intersection(objective.heads)
    if needed <= set(network.made):
        return ""
    able = [kind for kind, cls in NETWORKS.items() if needed <= set(cls.made)]
    return (
        f"{network.kind!r} does not make {', '.join(sorted(needed))} of its own layers, which objective "
        f"{objective.kind!r} reads; allowed: {', '.join(able)}"
    )


def offset_fault(offset: Offset | None, objective: Objective, link: Link) -> str:
    """Say that the offset moves heads that the method does not have."""
    trained = {*objective.heads, *link.heads}
    if offset is None or set(offset.heads) <= trained:
        return ""
    able = [kind for kind, cls in OFFSETS.items() if set(cls.heads) <= trained]
    return (
        f"{offset.kind!r} moves {', '.join(offset.heads)}, but the method has {', '.join(sorted(trained))}; "
        f"allowed: {', '.join([*able, NONE])}"
    )


def start_fault(start: Recipe | None) -> str:
    """Say that what the history shall teach asks an auxiliary, which is itself made from the history."""
    if not isinstance(start, OwnObjective) or not start.objective.estimates:
        return ""
    able = [kind for kind in RECIPES if kind != start.kind]
    return (
        f"objective {start.objective.kind!r} needs estimates of {', '.join(start.objective.estimates)} on final labels, too, "
        f"and pre-training has no auxiliary; allowed: another recipe ({', '.join(able)}, {NONE}), or its own objective = ..."
    )


def window_faults(key: str, policy: Policy, auxiliary: Auxiliary | None, attribution: int) -> list[str]:
    """Say that a click would be observed for longer than its events count; at most once a method."""
    policies: list[tuple[str, Part | None]] = [("policy", one) for one in policy.followed()]
    for name, part in (*policies, ("auxiliary", auxiliary)):
        if part is not None and (fault := _window_fault(part, attribution)):
            return [f"{key}.{name}.{fault}"]  # an auxiliary takes the policy's window: one mend for both
    return []


def several_fault(part: Part | None, policy: Policy) -> str:
    """Say that a part takes from the policy what differs among the policies that its clicks follow."""
    for name, first in _FROM_POLICY.items():
        found = {str(one.model_dump(mode="json")[name]) for one in policy.followed() if hasattr(one, name)}
        if part is not None and len(found) > 1 and _taken(part, name, own=first):
            return (
                f"{part.kind!r} has one {name}, which it takes from the policy, and {policy.kind!r} follows policies with "
                f"{' and '.join(sorted(found))}; allowed: {f'{name} = ... of its own, or ' if first else ''}one {name} for all"
            )
    return ""


def _taken(part: Part, name: str, *, own: bool) -> bool:
    """Tell whether a part, or one inside it, takes a parameter from the policy."""
    inside = (value for _, value in part if isinstance(value, Part))
    taken = name in type(part).model_fields and not (own and getattr(part, name) is not None)
    return taken or any(_taken(one, name, own=own) for one in inside)


def _window_fault(part: Part, attribution: int) -> str:
    """Refuse to observe a click for longer than its events count: no such label is ever known in time."""
    window = getattr(part, "window", None)
    if not isinstance(window, int) or window <= attribution:
        return ""
    return (
        f'window = "{format_duration(window)}": {part.kind!r} would observe a click beyond windows.attribution '
        f"({format_duration(attribution)}), when nothing counts any more; allowed: up to "
        f"{format_duration(attribution)}, or a longer [windows] attribution"
    )


def labels_fault(objective: Objective, policy: Policy) -> str:
    """Say that the objective learns from what the policy does not deliver."""
    for one in policy.followed():
        # Whether an impression was clicked the log says itself, whatever the policy.
        delivers = (*one.labels, *one.carries)
        if missing := [target for target in objective.targets if target not in (*delivers, CLICKED)]:
            able = [kind for kind, cls in POLICIES.items() if set(missing) <= {*cls.labels, *cls.carries}]
            return (
                f"{one.kind!r} delivers {', '.join(delivers)}, but objective {objective.kind!r} "
                f"learns from {', '.join(missing)}; allowed: {', '.join(able)}"
            )
    return ""


def impressions_fault(objective: Objective, scenario: Scenario) -> str:
    """Say that the objective learns from impressions, and the scenario's world writes none."""
    if CLICKED not in objective.targets or scenario.world is None or scenario.world.impressions:
        return ""
    return f"{objective.kind!r} learns from impressions, and the world writes none; allowed: [world] impressions = true"
