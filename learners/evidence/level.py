"""The level of the outputs, solved for at every segment's end from what is believed of all recent clicks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from learners.offsets.base import KnownOffset, Served
from simulator.calendar import Calendar
from simulator.log.schema import Float64, Int64, UInt8
from simulator.policies.stage import posterior
from simulator.units import HOUR

if TYPE_CHECKING:
    from simulator.learning import Clicks

RECENT = 3_000
"""Latest clicks by which the network's own drift is measured."""
ROUNDS, LONGEST, CLOSE = 30, 0.5, 1e-7
"""Newton steps at most, the longest one, and one short enough to stop at."""


class Level(KnownOffset):
    """One number for clicks before or far from a promotion, one for those in it, one for those of the days after.

    At each segment's end they maximise the likelihood of what all clicks of the attribution window have shown so far,
    the sum of log[p P(path | pays) + (1 - p) P(path | does not)], whose slope in the level is the sum of q - p
    (`simulator.policies.settlement`), with a normal prior. Clicks outside of promotions weigh exp(-age / memory).

    The logits that were served to those clicks are brought to one scale first: the level of their time is taken off, and
    so is the network's own drift, measured on the latest clicks before and after each segment's steps. What is served is
    network - drift + level: so that the level is decided by all that is known, and the network learns the rest.

    Parameters
    ----------
    calendar : the promotions.
    memory : hours in which a click of no promotion loses most of its weight (by e).
    spreads : standard deviations of the levels about what they are believed to be: outside of promotions the last value, in
        and after one the level outside.
    head : output that is moved.
    """

    adapts = True

    def __init__(
        self, calendar: Calendar, memory: float, spreads: tuple[float, float, float], head: str = "cvr"
    ) -> None:
        self._calendar, self._head = calendar, head
        self._memory, self._spreads = memory, spreads
        self._level, self._drift = np.zeros(3), 0.0
        self._since: list[int] = []
        """When each of ``_levels`` began to be served; before the first it was zero."""
        self._levels: list[Float64] = []
        self._told: _Told | None = None

    def __call__(self, clicks: Clicks) -> Mapping[str, Float64]:
        return {self._head: self._level[self._calendar.around(clicks.time)] - self._drift}

    def heed(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64], served: Served) -> None:
        if "prior" not in known:
            return
        phase = self._calendar.around(clicks.time)
        recent = clicks[max(len(clicks) - RECENT, 0) :]
        self._told = _Told(
            end=int(now[0]) + 1,
            oldest=int(clicks.time[0]),
            logit=known["prior"] - self._level_at(clicks.time, phase),
            evidence=known["evidence"],
            age=(now - clicks.time) / HOUR,
            phase=phase,
            recent=recent,
            output=served(recent.features)[self._head],
        )

    def publish(self, served: Served) -> None:
        told, self._told = self._told, None
        if told is None:
            return
        self._drift += float((served(told.recent.features)[self._head] - told.output).mean())
        found = self._level.copy()
        for phase in range(3):
            of = told.phase == phase
            age, last = told.age[of], float(self._level[phase])
            weight = np.ones(len(age)) if phase else np.exp(-age / self._memory)
            believed = float(found[0])  # outside of promotions: the last one
            found[phase] = solved(
                told.logit[of], told.evidence[of], weight, believed, self._spreads[phase], last
            )
        self._level = found
        kept = max(int(np.searchsorted(self._since, told.oldest, side="right")) - 1, 0)
        self._since = [*self._since[kept:], told.end]
        self._levels = [*self._levels[kept:], self._level]

    def _level_at(self, time: Int64, phase: UInt8) -> Float64:
        """Return the level with which clicks of these times were served (as of the drift of now)."""
        table = np.stack([np.zeros(3), *self._levels])
        return table[np.searchsorted(self._since, time, side="right"), phase]

    def state_dict(self) -> dict[str, Any]:
        return {
            "level": torch.from_numpy(self._level.copy()),
            "drift": self._drift,
            "since": list(self._since),
            "levels": [torch.from_numpy(level.copy()) for level in self._levels],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._level, self._drift = state["level"].numpy().copy(), float(state["drift"])
        self._since = list(state["since"])
        self._levels = [level.numpy().copy() for level in state["levels"]]
        self._told = None


@dataclass(frozen=True, slots=True)
class _Told:
    """What is believed of clicks at a segment's end; ``logit`` is without level and drift."""

    end: int
    oldest: int
    logit: Float64
    evidence: Float64
    age: Float64
    phase: UInt8
    recent: Clicks
    output: Float64


def solved(
    logit: Float64, evidence: Float64, weight: Float64, mean: float, spread: float, start: float
) -> float:
    """Return the level that maximises weighted likelihood and normal prior of clicks, by Newton's method from ``start``."""
    if not len(logit):
        return mean
    level, precision = start, spread**-2
    for _ in range(ROUNDS):
        p = posterior(logit + level, np.zeros(len(logit)))
        q = posterior(logit + level, evidence)
        slope = float(weight @ (q - p)) - (level - mean) * precision
        # Evidence may bend it the other way (a cart); then the prior's own curvature takes over.
        curve = max(float(weight @ (p * (1 - p) - q * (1 - q))) + precision, precision)
        step = float(np.clip(slope / curve, -LONGEST, LONGEST))
        level += step
        if abs(step) < CLOSE:
            break
    return level
