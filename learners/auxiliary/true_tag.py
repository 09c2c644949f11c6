"""Who pays again, read from the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from pydantic import PositiveFloat

from learners.auxiliary.base import AUXILIARIES, Auxiliary, Estimator
from learners.auxiliary.router import Router
from simulator.log.schema import Float64, Int64
from simulator.samples import Samples

if TYPE_CHECKING:
    from learners.materials import Materials
    from simulator.learning import Clicks


@AUXILIARIES.register("true-tag")
class TrueTag(Auxiliary):
    """``repurchase`` as it will be: 1 for the clicks that pay again, 0 for the others. Reads the future, and says so.

    It routes the training samples of Oracle-Dual. Served clicks are routed by the router, unless ``served`` makes
    the future known there as well, as the public code of OnlineGMV does: that is an upper bound of routing.
    """

    estimates = ("repurchase",)
    peeks = True

    served: bool = False
    """Whether served clicks are routed by the truth as well."""
    temperature: PositiveFloat = 1.0
    """That of the router."""

    def prepare(self, materials: Materials) -> Estimator:
        log, windows = materials.history.log, materials.history.windows
        every = log.labelled(windows, 0, log.meta.observed_until + 1, features=False)
        parts = [(clicks.row, labels.pay_count > 1) for clicks, labels in every]
        router = None if self.served else Router(temperature=self.temperature).prepare(materials)
        again = np.zeros(max((row + len(part) for row, part in parts), default=0), bool)
        for row, part in parts:  # of a log without what was lost, rows are missing
            again[row : row + len(part)] = part
        return _Tags(again, router)


class _Tags(Estimator):
    def __init__(self, again: np.ndarray, router: Estimator | None) -> None:
        self._again, self._router = again, router

    def of_samples(self, samples: Samples) -> Mapping[str, Float64]:
        return {"repurchase": self._of(samples.row)}

    def of_clicks(self, clicks: Clicks) -> Mapping[str, Float64]:
        return (
            {"repurchase": self._of(clicks.row)} if self._router is None else self._router.of_clicks(clicks)
        )

    def _of(self, row: Int64) -> Float64:
        return self._again[row].astype(np.float64)
