"""Posterior settlement: every click starts at what is believed of it, and is settled as the belief changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import PositiveFloat

from simulator.log.schema import Bool, Float64
from simulator.policies.base import Policy
from simulator.policies.registry import policy
from simulator.randomness import draws

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox

SMALLEST = 1e-9
"""Served probabilities are taken to lie in [1e-9, 1 - 1e-9], so that their log odds are finite."""
ROUNDS = 50
"""Of the search for the sampling rate; each saturates more items, and a handful is enough."""


@policy("posterior-settlement")
class PosteriorSettlement(Policy):
    """Deliver each click once as a posterior, then, every segment, the change of the posterior of all open clicks.

    With z the log odds that the model served for a click, and l(s) the log likelihood ratio of what its journey has
    shown by s (infinite once paid, minus infinite once closed unpaid; between, the auxiliary's ``evidence``), the posterior
    is q(s) = sigmoid(z + l(s)). At the end of the segment of the click, and of every later one until the window closes:

    * FIRST, role "first", once: evidence l(b) at the segment's end b. The objective pushes by p - q(b), not p - 0.
    * SETTLEMENT: evidence l(b), previous evidence l(a), pushed by q(a) - q(b). Role "pay": always delivered. Role
      "silence", a small negative push from each who did not pay (a positive one after a cart): only a sample is delivered,
      with probability pi = min(1, lambda |q(b) - q(a)|) and weight 1 / pi, where lambda makes the probabilities add up
      to the budget; so each carries about the same push, and the sum is that of all of them in expectation.
    * whose window closes within a segment is settled at its closing, silent ones with a probability fixed at the last
      segment end, before the outcome.

    **It telescopes.** What a click is fed adds up to p - q(b1) + [q(b1) - q(b2)] + ... + [q(bn) - y] = p - y, whatever the
    evidence said on the way. So the fixed point is the true p for any evidence, with no assumption on arrivals or delays.

    **It is a martingale.** If the evidence is right, q is the conditional probability of a pay given what is known, and
    q(b) - q(a) has mean 0 at every time: in every segment, that of a sale's opening too, the flood of pays meets the small
    negative pushes of all who were expected to pay and did not. With wrong evidence the timing of what is fed is
    biased, and made good within the window.

    **It is a likelihood.** p - q(s) is the slope in z of -log[p P(path | pays) + (1 - p) P(path | does not)], the
    likelihood of the journey's path up to s, which the DFM (Chapelle, KDD 2014) writes for exponential delays on the
    clock of the click. Here the clock is the calendar's, the path has carts, and the slope comes in increments.

    Clicks from before the stream are taken up by settlement alone: what they are fed has mean 0.
    """

    wants_predictions = True
    estimates = ("evidence", "start", "network", "prior")
    columns = {  # noqa: RUF012
        "prior": ("float64", np.nan),
        "network": ("float64", np.nan),
        "start": ("float64", np.nan),
        "evidence": ("float64", np.nan),
        "chance": ("float64", 0.0),
    }

    budget: PositiveFloat = 0.3
    """Settlements of silent clicks that are delivered, per click: in expectation, budget times the open clicks times
    the segment's share of the attribution window."""
    evidence: Literal["posterior", "retraction"] = "posterior"
    """"retraction" takes silence for a no until the pay, and then takes the no back: right weights, wrong timing."""

    def on_segment(self, at: At, out: Outbox) -> None:
        at = at[at.elapsed < at.windows.attribution]
        evidence = at.own["evidence"]
        new = np.isnan(evidence)
        self._first(at[new], out)
        running = ~new & np.isfinite(evidence) if self.evidence == "posterior" else evidence == -np.inf
        paid = running & at.journey.paid
        self._pays(at[paid], out, order=at.journey.first_pay_time[paid])
        if self.evidence == "posterior":
            self._silence(at[running & ~paid], out)
            self._closing(at)

    def _first(self, at: At, out: Outbox) -> None:
        own, paid = at.own, at.journey.paid
        if not len(at):
            return
        own["prior"] = _log_odds(at.predict()["cvr"])
        own["evidence"] = np.where(paid, np.inf, -np.inf)
        if self.evidence == "posterior" and not paid.all():
            silent = at[~paid]
            found = silent.estimate(logit=silent.own["prior"])
            for name in self.estimates:
                silent.own[name] = found[name]
        # Clicks from before the stream were never delivered as a prior: only what changes from here on is.
        served = at[at.click_time >= at.segment_start]
        self._deliver(served, out, role="first", order=served.click_time)

    def _pays(self, at: At, out: Outbox, order: np.ndarray | None = None) -> None:
        previous = at.own["evidence"]
        at.own["evidence"] = np.inf
        self._deliver(at, out, role="pay", previous=previous, order=order)

    def _silence(self, at: At, out: Outbox) -> None:
        own = at.own
        if not len(at):
            return
        previous, prior = own["evidence"], own["prior"]
        now = at.estimate(logit=prior, network=own["network"], start=own["start"])["evidence"]
        own["evidence"] = now
        moved = np.abs(_posterior(prior, now) - _posterior(prior, previous))
        chance = np.minimum(1.0, sampling_rate(moved, self._expected(at)) * moved)
        chosen = _drawn(at, chance, "silence")
        delivered = at[chosen]
        end = int(at.time[0]) + 1
        spread = draws(delivered.click_id, "silence", "order", end)
        order = at.segment_start + (spread * (end - at.segment_start)).astype(np.int64)
        self._deliver(
            delivered,
            out,
            role="silence",
            previous=previous[chosen],
            weight=1 / chance[chosen],
            order=order,
        )

    def _closing(self, at: At) -> None:
        """Fix, before the outcome, with which probability each click's last silence would be delivered."""
        silent = at[np.isfinite(at.own["evidence"])]
        if not len(silent):
            return
        left = _posterior(silent.own["prior"], silent.own["evidence"])
        # In a segment each belief moves by about its share of the window: that gives the rate of the next segment.
        rate = sampling_rate(left * _share(silent), self._expected(silent))
        silent.own["chance"] = np.minimum(1.0, rate * left)

    def _expected(self, at: At) -> float:
        """Return how many settlements of these clicks are to be delivered in a segment."""
        return self.budget * len(at) * _share(at)

    def on_close(self, at: At, out: Outbox) -> None:
        evidence, paid = at.own["evidence"], at.journey.paid
        unmet = np.isnan(evidence) & (at.click_time >= at.segment_start)
        at.own["evidence"] = np.where(np.isnan(evidence), np.where(paid, np.inf, -np.inf), evidence)
        self._deliver(at[unmet], out, role="first")
        running = np.isfinite(evidence) | (evidence == -np.inf)
        self._pays(at[running & paid], out)
        silent = np.isfinite(evidence) & ~paid
        at = at[silent & _drawn(at, at.own["chance"], "close")]
        previous = at.own["evidence"]
        at.own["evidence"] = -np.inf
        self._deliver(at, out, role="silence", previous=previous, weight=1 / at.own["chance"])

    @staticmethod
    def _deliver(
        at: At,
        out: Outbox,
        *,
        role: str,
        previous: Float64 | None = None,
        weight: Float64 | float = 1.0,
        order: np.ndarray | None = None,
    ) -> None:
        prior, evidence = at.own["prior"], at.own["evidence"]
        out.deliver(
            at,
            converted=_posterior(prior, evidence),
            evidence=evidence,
            previous_evidence=previous,
            prior=prior,
            weight=weight,
            order=order,
            role=role,
        )


def _share(at: At) -> float:
    """Return the length of the segment that ends over that of the attribution window."""
    return (int(at.time[0]) + 1 - at.segment_start) / at.windows.attribution


def _log_odds(probability: Float64) -> Float64:
    p = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return np.log(p) - np.log1p(-p)


def _posterior(prior: Float64, evidence: Float64) -> Float64:
    """Return sigmoid(prior + evidence); certain evidence needs no prior."""
    known = np.isfinite(evidence)
    odds = np.where(known, prior + np.where(known, evidence, 0.0), evidence)
    decay = np.exp(-np.abs(odds))
    return np.where(odds >= 0, 1.0, decay) / (1.0 + decay)


def _drawn(at: At, chance: Float64, purpose: str) -> Bool:
    """Draw each click with its chance: a number of its own and of the instant decides, whoever else there is."""
    time = at.time if len(at) else np.zeros(0, np.int64)
    return draws(at.click_id * np.int64(0x1F3D5B79) + time, "settlement", purpose) < chance


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
