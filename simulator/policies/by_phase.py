"""By phase: each click follows the policy of the phase of the calendar in which it was made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import model_validator

from simulator.calendar import PHASES
from simulator.composite import Nested, following, union
from simulator.policies.base import Policy
from simulator.policies.registry import POLICIES, policy

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox
    from simulator.scenario.model import Scenario


@policy("by-phase")
class ByPhase(Policy):
    """Each click follows, for its whole journey, the policy of the phase of the calendar in which it was clicked; in a phase
    that is not named, and without promotions, it follows ``before``.

    What is delivered of a click is, sample for sample, what that policy alone delivers of it. Policies that ask a model or
    tell it something, and those that hear of impressions what others do not, cannot be followed for a phase alone.
    """

    before: Annotated[Policy, Nested(POLICIES)] = "elapsed-time"  # type: ignore[assignment]
    """Of clicks before the first anticipation."""
    anticipation: Annotated[Policy | None, Nested(POLICIES, optional=True)] = None
    """Of clicks in the anticipation of a promotion; "none": as before ("never" is the policy that delivers nothing)."""
    promotion: Annotated[Policy | None, Nested(POLICIES, optional=True)] = None
    """Of clicks in a promotion; "none": as before."""
    after: Annotated[Policy | None, Nested(POLICIES, optional=True)] = None
    """Of clicks after a promotion, up to the next anticipation; "none": as before."""

    peeks = following(False, lambda part: any(member.peeks for member in part.followed()))
    labels = following(("converted",), lambda part: union(*(member.labels for member in part.followed())))
    carries = following({}, lambda part: {k: v for one in part.followed() for k, v in one.carries.items()})
    own = following(
        {},
        lambda part: {
            f"{phase}/{k}": kept for phase, one in part.members().items() for k, kept in one.own.items()
        },
    )

    @model_validator(mode="after")
    def _followable(self) -> Self:
        carried: dict[str, str] = {}
        for phase, member in self.members().items():
            if fault := _fault(member, carried):
                raise ValueError(f"{phase} = {member.kind!r} {fault}")
            carried |= member.carries
        return self

    def members(self) -> dict[str, Policy]:
        """Return the policies that are written, by phase."""
        return {phase: one for phase in PHASES if (one := getattr(self, phase)) is not None}

    def followed(self) -> tuple[Policy, ...]:
        return tuple(one for member in self.members().values() for one in member.followed())

    def promises_final(self) -> bool:
        return all(member.promises_final() for member in self.followed())

    def uses(self, hook: str) -> bool:
        return any(member.uses(hook) for member in self.followed())

    def reads(self) -> dict[str, str]:
        return {name: found for member in self.followed() for name, found in member.reads().items()}

    def doubt(self, scenario: Scenario) -> str:
        return next(filter(None, (member.doubt(scenario) for member in self.followed())), "")

    def on_click(self, at: At, out: Outbox) -> None:
        self._follow("on_click", at, out)

    def on_cart(self, at: At, out: Outbox) -> None:
        self._follow("on_cart", at, out)

    def on_pay(self, at: At, out: Outbox) -> None:
        self._follow("on_pay", at, out)

    def on_refund(self, at: At, out: Outbox) -> None:
        self._follow("on_refund", at, out)

    def on_timer(self, at: At, out: Outbox) -> None:
        self._follow("on_timer", at, out)

    def on_close(self, at: At, out: Outbox) -> None:
        self._follow("on_close", at, out)

    def on_segment(self, at: At, out: Outbox) -> None:
        self._follow("on_segment", at, out)

    def _follow(self, hook: str, at: At, out: Outbox) -> None:
        """Call a hook of each policy with those of its clicks, which find there its own timers and values."""
        named = self.members()
        follows = np.array([PHASES.index(phase if phase in named else "before") for phase in PHASES])
        phases = follows[at.calendar.phase(at.click_time)]
        for phase, member in named.items():
            mine = phases == PHASES.index(phase)
            if member.uses(hook) and mine.any():
                getattr(member, hook)(replace(at[mine], prefix=f"{at.prefix}{phase}/"), out)


def _fault(member: Policy, carried: dict[str, str]) -> str:
    """Say why a policy cannot be followed for a phase alone, beside others that carry this; nothing where it can."""
    if member.asks or member.tells:
        return (
            "asks a model, or tells it something, at the ends of segments, of all clicks together; allowed: policies that need "
            "no model"
        )
    if member.impressions != Policy.impressions:
        return "hears of impressions what other policies do not, and impressions follow no policy; allowed: any other"
    if differing := [name for name, kind in member.carries.items() if carried.get(name, kind) != kind]:
        name = differing[0]
        return f"carries {name!r} as {member.carries[name]}, another phase's policy as {carried[name]}; allowed: one type"
    return ""
