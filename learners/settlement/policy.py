"""Posterior settlement: every click starts at what is believed of it, and is settled as the belief changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveFloat

from learners.settlement.push import PushMeter
from learners.settlement.settler import Settler
from simulator.learning import PREDICTIONS
from simulator.policies.base import Policy
from simulator.policies.registry import policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox
    from simulator.evaluation.cells import Grid
    from simulator.evaluation.meters import Meter


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

    tells = True
    carries = {"evidence": "float64", "previous_evidence": "float64", "prior": "float64"}
    """``evidence`` is the log likelihood ratio of the outcome against none that the journey has shown so far (inf: it came,
    -inf: closed without), ``previous_evidence`` that of the delivery which this one settles (null: it is the first), ``prior``
    the log odds of the outcome that were served. In a sample that carries ``refunded`` it is a refund after the pay."""
    asks: ClassVar[tuple[str, ...]] = (PREDICTIONS, Settler.question)
    own = Settler.own()

    budget: PositiveFloat = 0.3
    """Settlements of silent clicks that are delivered, per click: in expectation, budget times the open clicks times
    the segment's share of the attribution window."""
    evidence: Literal["posterior", "retraction"] = "posterior"
    """"retraction" takes silence for a no until the pay, and then takes the no back: right weights, wrong timing."""

    def meters(self, grid: Grid) -> Sequence[Meter]:
        return [PushMeter(grid)]

    @property
    def _pays(self) -> Settler:
        return Settler(self.budget, self.evidence)

    def on_segment(self, at: At, out: Outbox) -> None:
        self._pays.segment(at, out)

    def on_close(self, at: At, out: Outbox) -> None:
        self._pays.close(at, out)
