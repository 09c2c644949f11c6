"""The calibrator: how much more will be paid after a purchase."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from learners.auxiliary.base import AUXILIARIES, Estimator, FittedAuxiliary
from learners.heads import POSITIVE_MEDIAN
from learners.start.base import Examples
from simulator.log.schema import ClickBatch, EventBatch, Float64, Kind, Labels
from simulator.samples import Samples
from simulator.units import PositiveDuration

if TYPE_CHECKING:
    from learners.materials import Materials


@AUXILIARIES.register("calibrator")
class Calibrator(FittedAuxiliary):
    """``growth``: log1p(final GMV) - log1p(GMV so far), a median, as of a click's latest pay (READER, WWW 2026, eq. 14).

    Fitted on every pay of the clicks that pay more than once, the last one (growth 0) included, from the features, the
    time since the click as a share of the attribution window, and the number of pays so far. The history alone
    teaches it (the public code's default run fits it on the stream that it is tested on). Both numbers join the
    features at the first layer, not at the last one.
    """

    heads = {"growth": POSITIVE_MEDIAN}
    inputs = ("elapsed", "pay_count")
    uses_events = True

    attribution: PositiveDuration | None = None
    """What the time since the click is a share of; the attribution window unless given."""

    def prepare(self, materials: Materials) -> Estimator:
        given = self.attribution if self.attribution is not None else materials.history.windows.attribution
        return materials.fitted(self.model_copy(update={"attribution": given}))

    def examples(self, clicks: ClickBatch, labels: Labels, events: EventBatch) -> Examples:
        pays = events[np.flatnonzero(events.kind == Kind.PAY)]
        click = pays.row - clicks.row
        several = labels.pay_count[click] > 1
        pays, click = pays[several], click[several]
        so_far, count = _so_far(click, pays.amount)
        growth = np.maximum(np.log1p(labels.gmv[click]) - np.log1p(so_far), 0.0)
        return Examples({"growth": growth}, click, self._inputs(pays.time - clicks.time[click], count))

    def sample_inputs(self, samples: Samples) -> Float64:
        # At the close, what counts is the last pay: what was believed then is what is to be unlearnt.
        latest = np.where(samples.of_role("final"), samples.previous_time, samples.event_time)
        return self._inputs(latest - samples.click_time, samples.pay_count)

    def _inputs(self, since: object, count: object) -> Float64:
        assert self.attribution is not None, "prepare() fills it in"
        share = np.asarray(since, np.float64) / self.attribution
        return np.stack([share, np.asarray(count, np.float64)], axis=1)


def _so_far(click: np.ndarray, amount: Float64) -> tuple[Float64, Float64]:
    """Return the running sum and the ordinal inside each run of equal clicks."""
    first = np.append(True, click[1:] != click[:-1]) if len(click) else np.zeros(0, bool)
    start = np.flatnonzero(first)
    run = np.cumsum(first) - 1
    total = np.concatenate([np.zeros(1), np.cumsum(amount)])
    return total[1:] - total[start][run], (np.arange(len(click)) - start[run] + 1).astype(np.float64)
