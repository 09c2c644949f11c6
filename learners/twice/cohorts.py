"""How much pCVR mass each cohort of clicks holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from learners.auxiliary.base import AUXILIARIES, Auxiliary, Estimator
from learners.twice.delays import RATES, bounds, bucket
from learners.twice.fields import Groups, chosen
from simulator.log.schema import Float64, Int64
from simulator.samples import Samples
from simulator.units import PositiveDuration

if TYPE_CHECKING:
    from learners.materials import Materials
    from simulator.learning import Clicks

LEAST = -30.0
"""Log of the rate of a cohort without any mass, relative to that with the most."""


@AUXILIARIES.register("cohorts")
class Cohorts(Auxiliary):
    """``rate_k``, for a conversion that arrives at t: the log of the mass per time of the clicks at t - d, d in delay bucket k,
    relative to the largest (TWICE, 2026).

    The mass of a click is the conversion rate that was served for it, told at the end of its segment (policy ``two-clocks``); a
    cohort is the clicks of one group in an hour, or however long. Of what is no conversion, and of one whose own cohort was
    never told, it says nothing: 0 for all buckets, but for those beyond the attribution window, which nothing reaches.
    """

    estimates = RATES

    by: Literal["cvr", "clicks"] = "cvr"
    """What a click counts: its served conversion rate, or 1."""
    fields: tuple[str, ...] = ()
    """Features that make the groups; those that the delays of the network depend on, which has the same choice unless given."""
    length: PositiveDuration = "1h"  # type: ignore[assignment]
    """How long a cohort is; inside one mass is spread evenly."""

    def prepare(self, materials: Materials) -> Estimator:
        features = materials.history.log.features
        groups = Groups(chosen(self.fields, features), features)
        return CohortMass(self, groups, materials.history.windows.attribution)


class CohortMass(Estimator):
    """Keeps the mass of the cohorts whose clicks can still convert."""

    adapts = True

    def __init__(self, part: Cohorts, groups: Groups, attribution: int) -> None:
        self._part, self._groups, self._attribution = part, groups, attribution
        self._bounds = bounds(attribution)
        self._first = 0
        self._mass = np.zeros((0, len(groups)))
        """Of the cohorts from ``_first`` on, shape (cohorts, groups)."""

    def hear(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64]) -> None:
        """Add clicks to their cohorts, and forget those that are too old to convert."""
        if not len(clicks):
            return
        cohort = clicks.time // self._part.length
        mass = known["cvr"] if self._part.by == "cvr" else np.ones(len(clicks))
        oldest = int((now.max() - 2 * self._attribution) // self._part.length) - 1
        self._reach(max(int(cohort.min()), oldest), int(cohort.max()), oldest)
        told = cohort >= self._first
        place = (cohort[told] - self._first, self._groups.of(clicks.features[told]))
        np.add.at(self._mass, place, mass[told])

    def _reach(self, low: int, high: int, oldest: int) -> None:
        """Make room for the cohorts from ``low`` to ``high``, and for none before ``oldest``."""
        if not len(self._mass):
            self._first = low
        start = max(min(low, self._first), oldest)
        stop = max(high + 1, self._first + len(self._mass), start)
        held = np.zeros((stop - start, len(self._groups)))
        kept = self._mass[max(start - self._first, 0) :]
        place = max(self._first - start, 0)
        held[place : place + len(kept)] = kept
        self._first, self._mass = start, held

    def of_samples(self, samples: Samples) -> Mapping[str, Float64]:
        """Return the rates of each bucket's cohort for conversions."""
        delay = samples.column("delay")
        arrived = np.flatnonzero(np.isfinite(delay))
        beyond = np.diff(self._bounds) <= 0
        rates = np.tile(np.where(beyond, LEAST, 0.0)[:, None], len(samples))
        if len(arrived) and len(self._mass):
            found = self._rates(
                samples.click_time[arrived] + delay[arrived], self._groups.of(samples.features[arrived])
            )
            own = found[bucket(delay[arrived]), np.arange(len(arrived))] > 0
            rates[:, arrived[own]] = _relative(found[:, own])
        return dict(zip(RATES, rates, strict=True))

    def _rates(self, arrival: Float64, group: Int64) -> Float64:
        """Return the mass per microsecond of the cohort of each bucket, shape (buckets, n)."""
        total = np.vstack([np.zeros(len(self._groups)), self._mass.cumsum(axis=0)])
        place = (arrival - self._bounds[:, None]) / self._part.length - self._first
        place = np.clip(place, 0, len(self._mass))
        below = np.minimum(place.astype(np.int64), len(self._mass) - 1)
        before = total[below, group] + (place - below) * self._mass[below, group]
        width = np.diff(self._bounds)[:, None]
        mass = before[:-1] - before[1:]
        return np.divide(mass, width, out=np.zeros_like(mass), where=width > 0)

    def state_dict(self) -> dict[str, Any]:
        import torch

        return {"first": self._first, "mass": torch.from_numpy(self._mass.copy())}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        mass: Float64 = state["mass"].numpy().copy()
        if mass.shape[1] != len(self._groups):
            raise ValueError(f"the state has {mass.shape[1]} groups, not {len(self._groups)}")
        self._first, self._mass = int(state["first"]), mass


def _relative(rates: Float64) -> Float64:
    """Return the logs of rates, less the largest of each column, and not below `LEAST`."""
    logs = np.log(np.maximum(rates / rates.max(axis=0), np.exp(LEAST)))
    relative: Float64 = logs
    return relative
