"""The evidence of silence at both stages of the cascade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import PositiveInt

from learners.auxiliary.base import AUXILIARIES, Estimator
from learners.settlement.evidence.layout import DenseFields, OpenClicks
from learners.settlement.evidence_of_pays import Evidence, EvidenceEstimator
from simulator.log.schema import Float64, Int64
from simulator.units import HOUR

if TYPE_CHECKING:
    from learners.materials import Materials
    from simulator.learning import Clicks, Question

OF_REFUND = "refund_evidence"


@AUXILIARIES.register("cascade-evidence")
class CascadeEvidence(Evidence):
    """As evidence, and asked for "refund_evidence" the same of a refund: the log likelihood ratio of none since the pay.

    A second net of the same kind is fitted on the pays of the history that are not refunded so far, from the logit of the
    refund rate, the time since the pay, the hours of pay and now, and the dense fields; with ``refund_calendar`` also
    from the place of pay and now in the promotion calendar. Carts say nothing there. ``logit`` is then that of the refund
    rate.
    """

    answers = (*Evidence.answers, OF_REFUND)

    refund_calendar: bool = True
    """Whether the refund stage knows the promotion calendar (if the calendar is known at all)."""
    refund_epochs: PositiveInt = 6
    """As epochs, at the refund stage: pays are few."""
    refund_batch_size: PositiveInt = 256
    """As batch_size, at the refund stage."""

    def prepare(self, materials: Materials) -> Estimator:
        from learners.settlement.evidence.fit import evidence_net

        pays = super().prepare(materials)
        changed = {
            "carts": False,
            "calendar": self.calendar and self.refund_calendar,
            "epochs": self.refund_epochs,
            "batch_size": self.refund_batch_size,
        }
        own = self.model_copy(update=changed)
        net = evidence_net(own, materials, "refund")
        fields = DenseFields(materials.history.log.features, net.layout.fields)
        believed = materials.start() if self.frozen else None
        return _Both(pays, RefundEvidence(net, fields, materials.offset, believed))


class RefundEvidence(EvidenceEstimator):
    """Asks the net of the refund stage; the pay stands for the click, and offset and prior are the refund logit's."""

    def answer(self, question: Question) -> Mapping[str, Float64]:
        """Return the evidence of journeys that have paid and were not refunded so far."""
        clicks, now, journey, known = question.clicks, question.now, question.journey, question.known
        assert now is not None, "a policy asks at an instant"
        assert journey is not None, "a policy asks of journeys"
        prior, logit, start = known["logit"], known.get("network"), known.get("start")
        if logit is None:
            known_offset = {} if self._offset is None else self._offset(clicks)
            offset = known_offset.get("rfr", np.zeros(len(now)))
            if self._believed is not None:
                prior = self._believed.outputs(clicks.features)["rfr"] + offset
            logit = prior - offset
        nothing = np.full(len(now), np.inf)
        pay = journey.first_pay_time / HOUR
        state = OpenClicks(pay, now / HOUR, nothing, logit, self._fields(clicks.features))
        if start is None:
            start = self._net.shift(state.at_click())
        return {"evidence": self._net.shift(state) - start, "start": start, "network": logit, "prior": prior}


class _Both(Estimator):
    def __init__(self, pays: Estimator, refunds: Estimator) -> None:
        self._pays, self._refunds = pays, refunds
        # Both stages have one set of onsets; the pays tell more of them.
        self.adapts = pays.adapts

    def answer(self, question: Question) -> Mapping[str, Float64]:
        return (self._refunds if question.name == OF_REFUND else self._pays).answer(question)

    def hear(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64]) -> None:
        self._pays.hear(clicks, now, known)

    def state_dict(self) -> dict[str, Any]:
        return self._pays.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._pays.load_state_dict(state)
