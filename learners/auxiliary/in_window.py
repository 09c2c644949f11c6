"""The frozen networks from which TESLA's public code makes its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from learners.auxiliary.base import AUXILIARIES, Auxiliary, Estimator, FittedAuxiliary
from learners.auxiliary.windows import TwoWindows
from learners.heads import PROBABILITY
from simulator.log.schema import ClickBatch, Float64, Int32, Labels
from simulator.logistic import expit
from simulator.samples import Samples

if TYPE_CHECKING:
    from learners.materials import Materials
    from learners.model import Model
    from simulator.learning import Clicks


@AUXILIARIES.register("in-window-pay")
class InWindowPay(TwoWindows, FittedAuxiliary):
    """``inw_pay``: P(pays inside the window), over all clicks. ``tn_pay``: P(never pays | no pay inside it)."""

    heads = {"inw_pay": PROBABILITY, "tn_pay": PROBABILITY}

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        inside = labels.converted & (self.late_pay(clicks, labels) == 0)
        return {"inw_pay": inside.astype(float), "tn_pay": np.where(inside, np.nan, ~labels.converted)}


@AUXILIARIES.register("in-window-refund")
class InWindowRefund(TwoWindows, FittedAuxiliary):
    """``inw_refund``: P(refunded inside the window | pays). ``tn_refund``: P(never refunded | pays, none inside it)."""

    heads = {"inw_refund": PROBABILITY, "tn_refund": PROBABILITY}

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        inside = labels.refunded & (self.late_refund(labels) == 0)
        open_still = labels.converted & ~inside
        return {
            "inw_refund": np.where(labels.converted, inside, np.nan),
            "tn_refund": np.where(open_still, ~labels.refunded, np.nan),
        }


@AUXILIARIES.register("tesla-frozen")
class TeslaFrozen(TwoWindows):
    """All that the public code of TESLA weights by: both in-window networks, and the start model as it was before the stream.

    ``q_pay`` and ``q_refund`` are the start model's CVR and RFR; the rest as in "in-window-pay" and
    "in-window-refund".
    """

    estimates = ("q_pay", "inw_pay", "tn_pay", "q_refund", "inw_refund", "tn_refund")

    def prepare(self, materials: Materials) -> Estimator:
        windows = {"window": self.window, "refund_window": self.refund_window}
        nets: list[Auxiliary] = [cls().model_copy(update=windows) for cls in (InWindowPay, InWindowRefund)]
        return _Frozen([net.prepare(materials) for net in nets], materials.start())


class _Frozen(Estimator):
    def __init__(self, nets: list[Estimator], start: Model) -> None:
        self._nets, self._start = nets, start

    def of_samples(self, samples: Samples) -> Mapping[str, Float64]:
        return self._with_start([net.of_samples(samples) for net in self._nets], samples.features)

    def of_clicks(self, clicks: Clicks) -> Mapping[str, Float64]:
        return self._with_start([net.of_clicks(clicks) for net in self._nets], clicks.features)

    def _with_start(self, found: list[Mapping[str, Float64]], features: Int32) -> dict[str, Float64]:
        outputs = self._start.outputs(features)
        own = {"q_pay": expit(outputs["cvr"]), "q_refund": expit(outputs["rfr"])}
        return {**own, **{name: values for net in found for name, values in net.items()}}
