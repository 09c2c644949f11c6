"""The two-headed delay network of ES-DFM."""

from __future__ import annotations

from typing import Self

import numpy as np

from learners.auxiliary.base import AUXILIARIES, FittedAuxiliary
from learners.heads import PROBABILITY
from simulator.log.schema import ClickBatch, Float64, Labels
from simulator.units import Duration


@AUXILIARIES.register("delay")
class Delay(FittedAuxiliary):
    """Delayed positives and real negatives (Yang et al., AAAI 2021, section 3.3).

    ``p_dp`` is P(pays later than the observation window) over all clicks. ``p_rn`` is P(never pays | no pay
    inside the window), fitted on the clicks that did not pay inside it. A pay exactly at the window's end
    is inside.
    """

    heads = {"p_dp": PROBABILITY, "p_rn": PROBABILITY}

    window: Duration | None = None
    """The observation window; that of the method's policy, or of the scenario, unless given."""

    def completed(self, observation: int) -> Self:
        return self if self.window is not None else self.model_copy(update={"window": observation})

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        assert self.window is not None, "completed() comes before targets()"
        late = labels.converted & (labels.first_pay - clicks.time > self.window)
        inside = labels.converted & ~late
        return {"p_dp": late.astype(float), "p_rn": np.where(inside, np.nan, ~labels.converted)}


@AUXILIARIES.register("refund-delay")
class RefundDelay(Delay):
    """As delay, and the same of "paid and refunded", over all clicks (ECAD, CIKM 2023).

    ``p_dp_refund`` is P(refunded later than the observation window of the click) and ``p_rn_refund`` P(never pays, or is
    never refunded | not refunded inside it).
    """

    heads = {**Delay.heads, "p_dp_refund": PROBABILITY, "p_rn_refund": PROBABILITY}

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        assert self.window is not None, "completed() comes before targets()"
        late = labels.refunded & (labels.first_refund - clicks.time > self.window)
        inside = labels.refunded & ~late
        return {
            **super().targets(clicks, labels),
            "p_dp_refund": late.astype(float),
            "p_rn_refund": np.where(inside, np.nan, ~labels.refunded),
        }
