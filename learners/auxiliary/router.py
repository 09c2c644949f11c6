"""The router: whether a click that pays will pay again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from pydantic import PositiveFloat

from learners.auxiliary.base import AUXILIARIES, Estimator, FittedAuxiliary
from learners.heads import PROBABILITY
from simulator.log.schema import ClickBatch, Float64, Labels
from simulator.logistic import expit, logit
from simulator.samples import Samples

if TYPE_CHECKING:
    from learners.materials import Materials
    from simulator.learning import Clicks


@AUXILIARIES.register("router")
class Router(FittedAuxiliary):
    """``repurchase``: P(pays again | pays), by cross-entropy on the converting clicks (OnlineGMV, WWW 2026, eq. 13).

    Eq. 13 fits sigmoid(logit / T), so its T only rescales the logit. The public code fits sigmoid(logit) and divides
    by T = 0.5 at use alone, which drives the probabilities apart: ``temperature`` is that T.
    """

    heads = {"repurchase": PROBABILITY}

    temperature: PositiveFloat = 1.0
    """What its logits are divided by."""

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        return {"repurchase": np.where(labels.converted, labels.pay_count > 1, np.nan)}

    def prepare(self, materials: Materials) -> Estimator:
        # One network whatever the temperature, which is no matter of the fit.
        fitted = materials.fitted(self.model_copy(update={"temperature": 1.0}))
        return Tempered(fitted, self.temperature)


class Tempered(Estimator):
    """Probabilities whose logits are divided by a temperature."""

    def __init__(self, estimator: Estimator, temperature: float) -> None:
        self._estimator, self._temperature = estimator, temperature

    def of_samples(self, samples: Samples) -> Mapping[str, Float64]:
        return self._tempered(self._estimator.of_samples(samples))

    def of_clicks(self, clicks: Clicks) -> Mapping[str, Float64]:
        return self._tempered(self._estimator.of_clicks(clicks))

    def _tempered(self, found: Mapping[str, Float64]) -> dict[str, Float64]:
        return {name: expit(logit(p) / self._temperature) for name, p in found.items()}
