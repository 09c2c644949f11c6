"""How often each stage of the cascade comes late, given that it comes."""

from __future__ import annotations

import numpy as np

from learners.auxiliary.base import AUXILIARIES, FittedAuxiliary
from learners.auxiliary.windows import TwoWindows
from learners.heads import PROBABILITY
from simulator.log.schema import ClickBatch, Float64, Labels


@AUXILIARIES.register("late")
class Late(TwoWindows, FittedAuxiliary):
    """TESLA's delay model (NetCVR, WWW 2026, eq. 1 to 4).

    ``late_pay`` is P(pay after the observation window | pays), ``late_refund`` P(refund after its window |
    refunded); one network, fitted on the conversions of the history.
    """

    heads = {"late_pay": PROBABILITY, "late_refund": PROBABILITY}

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        return {
            "late_pay": np.where(labels.converted, self.late_pay(clicks, labels), np.nan),
            "late_refund": np.where(labels.refunded, self.late_refund(labels), np.nan),
        }
