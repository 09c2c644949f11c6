"""Settlement of amounts: a paying click stands for a final GMV that is drawn from what is believed of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import NonNegativeFloat

from learners.settlement.push import PushMeter
from learners.settlement.settler import spread
from simulator.log.schema import Float64
from simulator.policies.base import Policy
from simulator.policies.registry import policy
from simulator.randomness import draws

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox
    from simulator.evaluation.cells import Grid
    from simulator.evaluation.meters import Meter

GROWTHS = ("growth_10", "growth_30", "growth_50", "growth_70", "growth_90")
"""Quantiles of log1p(final GMV) - log1p(GMV so far), given one more pay: each stands for a fifth of the cases."""


@policy("gmv-settlement")
class GMVSettlement(Policy):
    """Deliver each paying click as if its GMV were final at a drawn amount, and replace that as the belief changes.

    At any time s the auxiliary says with which probability a click pays ``again`` inside its window, given its GMV so far,
    the number of its pays and how long it has been silent, and the quantiles of the growth that would bring. So
    F(s), the distribution of the final GMV, is: the GMV so far, or one of five larger amounts. The amount that a click
    stands for is T(s) = F(s)^-1(u, v) with two uniform numbers u, v of its own, drawn once. It is delivered at the end of the
    segment of the first pay (role "first"). When, at a later segment end, T has moved, the old one is taken back
    (role "retraction", weight -1) and the new one delivered ("correction"); at the close so is the final GMV ("final").

    **It telescopes for any loss.** At fixed weights the slopes of a click's deliveries add up to that of the loss of its
    final GMV alone, whatever was believed on the way. So the fixed point is that of the oracle: the median for
    log-mae, the quantile for quantile, the mean for a squared error.

    **It is a martingale.** Over u and v the mean slope of the loss at T(s) is that under F(s); if F is right, its
    change has mean 0 at every time. A point in the place of F would not do: the slope at the mean (or the median) of F is
    not the mean of the slopes under F, so that it pulls one way at first and the other way at the close.

    **It can be audited.** A correction carries log1p of the amount that it takes the place of as its ``prior``, and the push
    meter (`learners.settlement.push.PushMeter`) adds up how log1p T changed in each segment: if F is right that has mean 0.
    Exactly so at ``tolerance`` 0; else small changes wait for the close, which evens out in a steady flow of clicks, not
    within the first window of the stream. What it finds is the pull on the model: beliefs that are too fast at one age and
    too slow at another pull by nothing while the flow is steady, and are not found.

    **It is its own sample.** While a click is silent ``again`` falls, and T drops to the GMV so far once, with the
    probability by which ``again`` fell: pairs are Poisson-sampled with that probability and weight 1.

    Clicks that paid before the stream are taken up by their corrections alone.
    """

    delivers_final = True
    labels = ("converted", "gmv")
    asks = ("remaining",)
    own = {"told": ("float64", np.nan)}
    carries = {"prior": "float64"}
    """log1p of the amount whose place this one takes."""

    belief: Literal["draw", "point", "partial"] = "draw"
    """"point" takes the mean of F in log1p space for T, "partial" the GMV so far: ablations."""
    tolerance: NonNegativeFloat = 0.5
    """Smallest change of log1p T that is worth a correction of its own; smaller ones wait for the close. Each costs two
    rows, and adds to the noise of the steps."""

    def meters(self, grid: Grid) -> Sequence[Meter]:
        return [PushMeter(grid)]

    def on_segment(self, at: At, out: Outbox) -> None:
        at = at[at.journey.paid & (at.elapsed < at.windows.closing)]
        if not len(at):
            return
        told, believed = at.own["told"], self._believed(at)
        new = np.isnan(told)
        moved = ~new & (np.abs(np.log1p(believed) - np.log1p(told)) > self.tolerance)
        at.own["told"] = np.where(new | moved, believed, told)
        first = new & (at.journey.first_pay_arrival >= at.segment_start)
        out.deliver(
            at[first], converted=True, gmv=believed[first], order=spread(at[first], "gmv"), role="first"
        )
        self._replace(at[moved], told[moved], believed[moved], out, "correction")

    def on_close(self, at: At, out: Outbox) -> None:
        at = at[at.journey.paid]
        told, final = at.own["told"], at.journey.gmv
        new = np.isnan(told)
        at.own["told"] = final
        first = new & (at.journey.first_pay_arrival >= at.segment_start)
        out.deliver(at[first], converted=True, gmv=final[first], role="first")
        wrong = ~new & (told != final)
        self._replace(at[wrong], told[wrong], final[wrong], out, "final", spread_out=False)

    def _replace(
        self, at: At, old: Float64, gmv: Float64, out: Outbox, role: str, *, spread_out: bool = True
    ) -> None:
        """Deliver pairs; both of a pair have one order, so that they lie side by side."""
        order = spread(at, "gmv") if spread_out else None
        out.deliver(at, converted=True, gmv=old, weight=-1.0, order=order, role="retraction")
        out.deliver(at, converted=True, gmv=gmv, prior=np.log1p(old), order=order, role=role)

    def _believed(self, at: At) -> Float64:
        """Return T, never below the GMV so far."""
        so_far: Float64 = at.journey.gmv
        if self.belief == "partial":
            return so_far
        found = at.ask("remaining")
        again = np.clip(found["again"], 0.0, 1.0)
        growth = _growth(found)
        if self.belief == "point":
            mean: Float64 = np.expm1(np.log1p(so_far) + again * growth.mean(axis=1))
            return mean
        place = (draws(at.click_id, "gmv settlement", "growth") * len(GROWTHS)).astype(np.int64)
        drawn = np.expm1(np.log1p(so_far) + growth[np.arange(len(at)), place])
        return np.where(draws(at.click_id, "gmv settlement", "again") < again, drawn, so_far)


def _growth(found: Mapping[str, Float64]) -> Float64:
    """Return the quantiles in order and not below 0, shape (n, 5)."""
    return np.maximum(np.sort(np.stack([found[name] for name in GROWTHS], axis=1), axis=1), 0.0)
