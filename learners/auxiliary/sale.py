"""Whether a click falls into a sale, for parts that do something there alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from learners.auxiliary.base import AUXILIARIES, Auxiliary, Estimator
from simulator.calendar import Calendar
from simulator.learning import Clicks
from simulator.log.schema import Float64, Int64
from simulator.samples import Samples

if TYPE_CHECKING:
    from learners.materials import Materials

IN_SALE = "in_sale"


@AUXILIARIES.register("sale")
class Sale(Auxiliary):
    """``in_sale`` is 1 for clicks inside a sale of the calendar, and 0 for all others. Nothing is fitted."""

    estimates = (IN_SALE,)

    def prepare(self, materials: Materials) -> Estimator:
        return _Known(materials.history.calendar)


class _Known(Estimator):
    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar

    def of_samples(self, samples: Samples) -> Mapping[str, Float64]:
        return self._of(samples.click_time)

    def of_clicks(self, clicks: Clicks) -> Mapping[str, Float64]:
        return self._of(clicks.time)

    def _of(self, time: Int64) -> dict[str, Float64]:
        return {IN_SALE: self._calendar.in_sale(time).astype(float)}
