"""What posterior settlement does of one outcome that may follow: believe, deliver and settle it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from simulator.learning import PREDICTIONS
from simulator.log.schema import Bool, Float64, Int64
from simulator.randomness import draws

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox

SMALLEST = 1e-9
"""Served probabilities are taken to lie in [1e-9, 1 - 1e-9], so that their log odds are finite."""
ROUNDS = 50
"""Of the search for the sampling rate; each saturates more items, and a handful is enough."""
LEARNT = ("evidence", "start", "network", "prior")
"""What the auxiliary answers, and is remembered of each journey with the settler's prefix."""


class Settler:
    """What `PosteriorSettlement` does of one outcome: here a pay after its click; `RefundSettler` is the other.

    Parameters
    ----------
    budget : settlements of silent items that are delivered, per item, over the whole window.
    evidence : "retraction" takes silence for a no.
    """

    prefix = ""
    """Of its own values, and of what it tells."""
    question = "evidence"
    """What it asks of the auxiliary."""
    task = "cvr"
    """Whose prediction is the prior."""
    target = "converted"
    """The label that its samples carry."""
    first, met, silence = "first", "pay", "silence"
    """Roles: the first delivery; the outcome has come; it has not come so far, or never will."""

    def __init__(self, budget: float, evidence: Literal["posterior", "retraction"]) -> None:
        self._budget, self._believes = budget, evidence == "posterior"

    @classmethod
    def own(cls) -> dict[str, tuple[str, float]]:
        """Return what it remembers of each journey."""
        unknown = {f"{cls.prefix}{name}": ("float64", np.nan) for name in LEARNT}
        return {**unknown, f"{cls.prefix}chance": ("float64", 0.0)}

    def origin(self, at: At) -> Int64:
        """Return when each item's window began."""
        return at.click_time

    def began(self, at: At) -> Int64:
        """Return when it became known that each item's window had begun."""
        return self.origin(at)

    def window(self, at: At) -> int:
        """Return how long the outcome can follow."""
        return at.windows.attribution

    def happened(self, at: At) -> Bool:
        """Tell whose outcome has come."""
        return at.journey.paid

    def when(self, at: At) -> Int64:
        """Return when it came."""
        return at.journey.first_pay_time

    def segment(self, at: At, out: Outbox) -> None:
        """Deliver and settle the items of open journeys at the end of a segment."""
        at = at[at.time - self.origin(at) < self.window(at) + at.windows.lateness]
        evidence = self._get(at, "evidence")
        new = np.isnan(evidence)
        self._first(at[new], out)
        running = ~new & np.isfinite(evidence) if self._believes else evidence == -np.inf
        happened = running & self.happened(at)
        met = at[happened]
        self._met(met, out, order=self.when(met))
        if self._believes:
            self._silence(at[running & ~happened], out)
            self._closing(at)
            if len(at):
                self._tell(at, evidence)

    def close(self, at: At, out: Outbox) -> None:
        """Settle the items whose window closes, at the instant of closing."""
        evidence, happened = self._get(at, "evidence"), self.happened(at)
        certain = np.where(happened, np.inf, -np.inf)
        unmet = np.isnan(evidence) & (self.began(at) >= at.segment_start)
        self._set(at, "evidence", np.where(np.isnan(evidence), certain, evidence))
        self._deliver(at[unmet], out, role=self.first)
        running = np.isfinite(evidence) | (evidence == -np.inf)
        self._met(at[running & happened], out)
        silent = np.isfinite(evidence) & ~happened
        at = at[silent & self._drawn(at, self._get(at, "chance"), "close")]
        previous = self._get(at, "evidence")
        self._set(at, "evidence", -np.inf)
        weight = 1 / self._get(at, "chance")
        self._deliver(at, out, role=self.silence, previous=previous, weight=weight)

    def _first(self, at: At, out: Outbox) -> None:
        if not len(at):
            return
        happened = self.happened(at)
        self._set(at, "prior", _log_odds(at.ask(PREDICTIONS)[self.task]))
        self._set(at, "evidence", np.where(happened, np.inf, -np.inf))
        if self._believes and not happened.all():
            silent = at[~happened]
            found = self._asked(silent, logit=self._get(silent, "prior"))
            for name in LEARNT:
                self._set(silent, name, found[name])
        # What began before the stream was never delivered as a prior: only what changes from here on is.
        served = at[self.began(at) >= at.segment_start]
        self._deliver(served, out, role=self.first, order=self.began(served))

    def _met(self, at: At, out: Outbox, order: Int64 | None = None) -> None:
        previous = self._get(at, "evidence")
        self._set(at, "evidence", np.inf)
        self._deliver(at, out, role=self.met, previous=previous, order=order)

    def _tell(self, at: At, previous: Float64) -> None:
        known = {"prior": self._get(at, "prior"), "evidence": self._get(at, "evidence"), "previous": previous}
        at.tell(**{self.prefix + name: values for name, values in known.items()})

    def _silence(self, at: At, out: Outbox) -> None:
        if not len(at):
            return
        previous, prior = self._get(at, "evidence"), self._get(at, "prior")
        known = {"network": self._get(at, "network"), "start": self._get(at, "start")}
        now = self._asked(at, logit=prior, **known)["evidence"]
        self._set(at, "evidence", now)
        moved = np.abs(posterior(prior, now) - posterior(prior, previous))
        chance = np.minimum(1.0, sampling_rate(moved, self._expected(at)) * moved)
        chosen = self._drawn(at, chance, "silence")
        delivered = at[chosen]
        self._deliver(
            delivered,
            out,
            role=self.silence,
            previous=previous[chosen],
            weight=1 / chance[chosen],
            order=spread(delivered, f"{self.prefix}silence"),
        )

    def _closing(self, at: At) -> None:
        """Fix, before the outcome, with which probability each item's last silence would be delivered."""
        silent = at[np.isfinite(self._get(at, "evidence"))]
        if not len(silent):
            return
        left = posterior(self._get(silent, "prior"), self._get(silent, "evidence"))
        # In a segment each belief moves by about its share of the window: that gives the rate of the next segment.
        rate = sampling_rate(left * self._share(silent), self._expected(silent))
        self._set(silent, "chance", np.minimum(1.0, rate * left))

    def _expected(self, at: At) -> float:
        """Return how many settlements of these items are to be delivered in a segment."""
        return self._budget * len(at) * self._share(at)

    def _share(self, at: At) -> float:
        """Return the length of the segment that ends over that of the window; a longer one counts as the whole."""
        return min(1.0, (int(at.time[0]) + 1 - at.segment_start) / self.window(at))

    def _deliver(
        self,
        at: At,
        out: Outbox,
        *,
        role: str,
        previous: Float64 | None = None,
        weight: Float64 | float = 1.0,
        order: Int64 | None = None,
    ) -> None:
        prior, evidence = self._get(at, "prior"), self._get(at, "evidence")
        label = posterior(prior, evidence)
        out.deliver(
            at,
            converted=label if self.target == "converted" else None,
            refunded=label if self.target == "refunded" else None,
            evidence=evidence,
            previous_evidence=previous,
            prior=prior,
            weight=weight,
            order=order,
            role=role,
        )

    def _get(self, at: At, name: str) -> Float64:
        values: Float64 = at.own[self.prefix + name]
        return values

    def _set(self, at: At, name: str, values: Float64 | float) -> None:
        at.own[self.prefix + name] = values

    def _asked(self, at: At, **known: Float64) -> Mapping[str, Float64]:
        # When the window is over, silence says no more; what it held may still arrive.
        last = self.origin(at) + self.window(at) - 1
        at = replace(at, time=np.minimum(at.time, last))
        return at.ask(self.question, **known)

    def _drawn(self, at: At, chance: Float64, purpose: str) -> Bool:
        """Draw each item with its chance: a number of its own and of the instant decides, whoever else there is."""
        time = at.time if len(at) else np.zeros(0, np.int64)
        ids = at.click_id * np.int64(0x1F3D5B79) + time
        return draws(ids, "settlement", self.prefix + purpose) < chance


class RefundSettler(Settler):
    """A refund after the first pay of a click; its items are journeys that have paid."""

    prefix = "refund_"
    question = "refund_evidence"
    task = "rfr"
    target = "refunded"
    first, met, silence = "refund_first", "refund", "kept"

    def origin(self, at: At) -> Int64:
        return at.journey.first_pay_time

    def began(self, at: At) -> Int64:
        return at.journey.first_pay_arrival

    def window(self, at: At) -> int:
        return at.windows.refund

    def happened(self, at: At) -> Bool:
        return at.journey.refunded

    def when(self, at: At) -> Int64:
        return at.journey.first_refund_time


def spread(at: At, purpose: str) -> Int64:
    """Return a random instant of the segment that ends for each item, to order what is delivered at its end by."""
    end = int(at.time[0]) + 1 if len(at) else at.segment_start
    within = draws(at.click_id, purpose, "order", end)
    return at.segment_start + (within * (end - at.segment_start)).astype(np.int64)


def _log_odds(probability: Float64) -> Float64:
    p = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return np.log(p) - np.log1p(-p)


def posterior(prior: Float64, evidence: Float64) -> Float64:
    """Return sigmoid(prior + evidence); certain evidence needs no prior."""
    known = np.isfinite(evidence)
    odds = np.where(known, prior + np.where(known, evidence, 0.0), evidence)
    decay = np.exp(-np.abs(odds))
    return np.where(odds >= 0, 1.0, decay) / (1.0 + decay)


def sampling_rate(moved: Float64, budget: float) -> float:
    """Return lambda with sum of min(1, lambda * moved) = budget; more than any needs where the budget is enough for all.

    ``moved`` are not negative. An item that is drawn for certain leaves its share of the budget to the others.
    """
    rest = moved[moved > 0]
    if len(rest) <= budget:
        return float(min(2 / rest.min(), 1e300)) if len(rest) else 1.0
    for _ in range(ROUNDS):
        rate = budget / rest.sum()
        certain = rest * rate >= 1
        if not certain.any():
            break
        budget -= np.count_nonzero(certain)
        rest = rest[~certain]
    return float(rate)
