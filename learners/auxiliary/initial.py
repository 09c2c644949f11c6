"""The model that the stream began with, as it was then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from learners.auxiliary.base import AUXILIARIES, Auxiliary, Estimator
from learners.heads import PROBABILITY
from simulator.log.schema import Float64, Int32
from simulator.samples import Samples

if TYPE_CHECKING:
    from learners.materials import Materials
    from learners.model import Model
    from simulator.learning import Clicks

PREFIX = "q_"
"""``q_`` and the name of a head: what that head said before the stream."""


@AUXILIARIES.register("initial")
class Initial(Auxiliary):
    """What the heads of the method's start model say, frozen: ``q_cvr`` = P(pays), ``q_rfr`` = P(refund | pays)."""

    estimates = ("q_cvr", "q_rfr")

    def prepare(self, materials: Materials) -> Estimator:
        return _Frozen(materials.start())


class _Frozen(Estimator):
    def __init__(self, model: Model) -> None:
        self._model = model

    def of_samples(self, samples: Samples) -> Mapping[str, Float64]:
        return self._values(samples.features)

    def of_clicks(self, clicks: Clicks) -> Mapping[str, Float64]:
        return self._values(clicks.features)

    def _values(self, features: Int32) -> dict[str, Float64]:
        outputs = self._model.outputs(features)
        return {PREFIX + head: PROBABILITY.value(output) for head, output in outputs.items()}
