"""Shares of conversions that come after a window: one number a window, for all clicks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

import numpy as np

from learners.auxiliary.base import AUXILIARIES, Auxiliary, Estimator
from simulator.errors import RunError
from simulator.log.schema import Float64
from simulator.samples import Samples
from simulator.units import Duration, format_duration

if TYPE_CHECKING:
    from learners.materials import Materials


@AUXILIARIES.register("late-shares")
class LateShares(Auxiliary):
    """Among the conversions of the history, those after a half, two thirds and the whole of the window (MISS's rho)."""

    estimates = ("late_half", "late_two_thirds", "late_whole")

    window: Duration | None = None
    """The observation window; that of the method's policy, or of the scenario, unless given."""

    def completed(self, observation: int) -> Self:
        return self if self.window is not None else self.model_copy(update={"window": observation})

    def prepare(self, materials: Materials) -> Estimator:
        """Count.

        Raises
        ------
        RunError : no click of the history paid.
        """
        assert self.window is not None, "completed() comes before prepare()"
        windows = np.array([self.window // 2, 2 * self.window // 3, self.window])
        history, late, pays = materials.history, np.zeros(3), 0
        for clicks, labels in history.log.labelled(
            history.windows, history.start, history.end, features=False
        ):
            delay = (labels.first_pay - clicks.time)[labels.converted]
            late += (delay[:, None] > windows).sum(axis=0)
            pays += len(delay)
        if not pays:
            raise RunError(
                f'auxiliary "late-shares": no click from {format_duration(history.start)} to '
                f"{format_duration(history.end)} paid; lengthen [stream] history"
            )
        return _Constant(dict(zip(self.estimates, (late / pays).tolist(), strict=True)))


class _Constant(Estimator):
    def __init__(self, shares: Mapping[str, float]) -> None:
        self._shares = shares

    def of_samples(self, samples: Samples) -> Mapping[str, Float64]:
        return {name: np.full(len(samples), share) for name, share in self._shares.items()}
