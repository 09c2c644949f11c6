"""What READER asks for: router and calibrator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import PositiveFloat

from learners.auxiliary.base import AUXILIARIES, Auxiliary, Estimator
from learners.auxiliary.calibrator import Calibrator
from learners.auxiliary.router import Router
from simulator.log.schema import Float64
from simulator.samples import Samples

if TYPE_CHECKING:
    from learners.materials import Materials
    from simulator.learning import Clicks


@AUXILIARIES.register("router-and-calibrator")
class RouterAndCalibrator(Auxiliary):
    """Router and calibrator of READER (WWW 2026), each as it is by itself."""

    estimates = ("repurchase", "growth")

    temperature: PositiveFloat = 1.0
    """That of the router."""

    def prepare(self, materials: Materials) -> Estimator:
        return _Both(Router(temperature=self.temperature).prepare(materials), Calibrator().prepare(materials))


class _Both(Estimator):
    def __init__(self, router: Estimator, calibrator: Estimator) -> None:
        self._router, self._calibrator = router, calibrator

    def of_samples(self, samples: Samples) -> Mapping[str, Float64]:
        return {
            **self._router.of_samples(samples),
            **self._calibrator.of_samples(samples),
        }

    def of_clicks(self, clicks: Clicks) -> Mapping[str, Float64]:
        return self._router.of_clicks(clicks)
