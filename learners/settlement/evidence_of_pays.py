"""The evidence of silence, of carts and of the calendar, for posterior settlement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from learners.auxiliary.base import AUXILIARIES, Auxiliary, Estimator
from learners.settlement.evidence.layout import DenseFields, OpenClicks
from learners.settlement.evidence.parameters import NetParameters
from simulator.log.schema import Float64, Int64
from simulator.units import HOUR

if TYPE_CHECKING:
    from learners.materials import Materials
    from learners.model import Model
    from learners.offsets import KnownOffset
    from learners.settlement.evidence.net import EvidenceNet
    from simulator.learning import Clicks, Question


@AUXILIARIES.register("evidence")
class Evidence(NetParameters, Auxiliary):
    """Log likelihood ratio of paying, from all that an open click has shown since its click (posterior settlement).

    A net G is fitted on the history so that P(pays | open at s, state) = sigmoid(z + G(state at s, z)), z being the
    network's logit for the click, as said before its label was learnt. Then ``evidence`` = G(state at s, z) -
    G(state at the click, z): 0 at the click, falling with silence as fast as those who pay usually pay, rising at a cart,
    standing still while shoppers wait for a sale that is announced.

    A policy asks for "evidence" and gives ``logit``, what the method served; it gets three more numbers for later. Once it
    knows them it gives back ``network`` and ``start``, which never change in a click's life: the network's own part of
    ``logit`` (the method's offset taken off), and G at the click. ``prior`` is the log odds that evidence is to be weighed
    against: ``logit``, or, ``frozen``, those of the start.
    """

    answers: ClassVar[tuple[str, ...]] = ("evidence",)

    frozen: bool = False
    """Take the model that the method starts from for the prior, and not the one that served the click."""

    def prepare(self, materials: Materials) -> Estimator:
        from learners.settlement.evidence.fit import evidence_net

        net = evidence_net(self, materials)
        fields = DenseFields(materials.history.log.features, net.layout.fields)
        return EvidenceEstimator(net, fields, materials.offset, materials.start() if self.frozen else None)


class EvidenceEstimator(Estimator):
    """Asks the net.

    Parameters
    ----------
    fields : reads the dense fields of a click's features.
    offset : what the method adds to the network's output; None for nothing.
    believed : the model whose logits are the prior; None for the one that serves.
    """

    def __init__(
        self,
        net: EvidenceNet,
        fields: DenseFields,
        offset: KnownOffset | None = None,
        believed: Model | None = None,
    ) -> None:
        self._net, self._fields, self._offset, self._believed = net, fields, offset, believed
        self._onsets = net.onsets
        self.adapts = self._onsets is not None

    def answer(self, question: Question) -> Mapping[str, Float64]:
        """Return the evidence of journeys without a pay so far; ``known`` as described in `Evidence`."""
        clicks, now, journey, known = question.clicks, question.now, question.journey, question.known
        assert now is not None, "a policy asks at an instant"
        assert journey is not None, "a policy asks of journeys"
        network, prior = known.get("network"), known["logit"]
        if network is None:
            offset = np.zeros(len(now)) if self._offset is None else self._offset(clicks)["cvr"]
            if self._believed is not None:
                prior = self._believed.outputs(clicks.features)["cvr"] + offset
            network = prior - offset
        cart = np.where(journey.carted, journey.cart_time / HOUR, np.inf)
        state = OpenClicks(clicks.time / HOUR, now / HOUR, cart, network, self._fields(clicks.features))
        if self._onsets is not None:
            self._onsets.watch(state, self._net.each)
        start = known.get("start")
        if start is None:
            start = self._net.shift(state.at_click())
        return {
            "evidence": self._net.shift(state) - start,
            "start": start,
            "network": network,
            "prior": prior,
        }

    def hear(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64]) -> None:
        """Tell the possible onsets of sales, if there are several, how many have paid."""
        if self._onsets is not None and "evidence" in known and len(now):
            end = float(now[0]) / HOUR
            self._onsets.hear(clicks.time / HOUR, end, known["evidence"], known["previous"])

    def state_dict(self) -> dict[str, Any]:
        return {} if self._onsets is None else self._onsets.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if self._onsets is not None:
            self._onsets.load_state_dict(state)
