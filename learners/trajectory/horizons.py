"""The ages at which a click is looked at, and what it has shown by each. Loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from simulator.log.schema import Bool, ClickBatch, EventBatch, Float64, Int64, Kind
from simulator.samples import Samples
from simulator.units import PositiveDuration

MOST = 8
"""Horizons at the most, the close of the attribution window among them."""
NEVER = np.iinfo(np.int64).max


def _ascending(ages: tuple[int, ...]) -> tuple[int, ...]:
    if any(later <= sooner for sooner, later in pairwise(ages)):
        raise ValueError("must be durations that grow, each once")
    return ages


Ages = Annotated[
    tuple[PositiveDuration, ...], Field(min_length=1, max_length=MOST - 1), AfterValidator(_ascending)
]
"""Ages of a click at which it is looked at, before the close of its attribution window."""
AGES = ("2m", "10m", "2h", "1d")
"""Those of TRACE and GDFM on Taobao, whose fifth is the close."""


def numbered(name: str) -> tuple[str, ...]:
    """Return the names of something that every horizon has: ``name_1`` and so on."""
    return tuple(f"{name}_{h}" for h in range(1, MOST + 1))


def ages_inside(ages: Sequence[int], attribution: int) -> tuple[int, ...]:
    """Return the ages before the close. Horizon h is the h-th of them, and the close is the last horizon."""
    return tuple(age for age in ages if age < attribution)


@dataclass(frozen=True, slots=True)
class States:
    """What clicks had shown up to a horizon each: arrays of shape (n,), horizons counted from 1.

    ``seen`` is the last horizon that is known, 0 for none; ``paid`` and ``carted`` the first one by which a pay, or a cart, was
    known, infinite where none is. Both are cumulative: what was known at a horizon is known at all later ones.
    """

    seen: Float64
    paid: Float64
    carted: Float64

    @classmethod
    def of_samples(cls, samples: Samples) -> States:
        """Read what the policy ``trajectory`` carries; samples of another policy have shown nothing."""
        seen, paid, carted = (samples.column(name) for name in ("horizon", "paid_from", "carted_from"))
        return cls(np.nan_to_num(seen), np.nan_to_num(paid, nan=np.inf), np.nan_to_num(carted, nan=np.inf))

    @classmethod
    def of_history(cls, clicks: ClickBatch, events: EventBatch, ages: Sequence[int]) -> States:
        """Return the whole lives of consecutive clicks, whose events are given."""
        last = len(ages) + 1
        paid, carted = (_horizon(_known(clicks, events, kind), ages) for kind in (Kind.PAY, Kind.CART))
        return cls(np.full(len(clicks), float(last)), paid, carted)

    def cut(self, seen: Float64) -> States:
        """Return them as they were at earlier horizons."""
        paid, carted = (np.where(first <= seen, first, np.inf) for first in (self.paid, self.carted))
        return States(seen, paid, carted)

    def visible(self, horizon: int) -> Bool:
        """Tell whose state at a horizon is known."""
        return self.seen >= horizon


def _known(clicks: ClickBatch, events: EventBatch, kind: Kind) -> Int64:
    """Return how long after its click the first event of a kind was known; `NEVER` where there is none."""
    own = events[events.kind == kind]
    place = own.row - clicks.row
    delay = np.full(len(clicks), NEVER)
    np.minimum.at(delay, place, own.arrival - clicks.time[place])
    return delay


def _horizon(delay: Int64, ages: Sequence[int]) -> Float64:
    """Return the first horizon by which something was known; an age is inside its own horizon."""
    first = np.searchsorted(np.array(ages, np.int64), delay, side="left") + 1
    return np.where(delay == NEVER, np.inf, first)
