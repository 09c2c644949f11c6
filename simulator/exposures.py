"""What becomes known of impressions: each of them once, clicked or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.log.schema import Columns, Float64, ImpressionBatch, Int8, Int32, Int64
from simulator.log.source import Source
from simulator.pieces import TimeQueue
from simulator.samples import Samples
from simulator.windows import Windows

ROLES = ("impression", "click", "slice")
UNCLICKED, CLICKED, SLICE = range(len(ROLES))
CARRIED = {"clicked": "float64", "impression": "float64"}
"""What samples carry of impressions besides, by name and type (`Samples.carried`)."""


@dataclass(slots=True)
class Exposures(Columns):
    """Impressions as they become known, in order of (visible_time, impression).

    ``impression`` is the position in the log's impressions, ``row`` that of the click (-1: none), ``role`` the place in
    `ROLES`. ``clicked`` is null in the randomised slice, where a coin decided. ``converted`` is 0 where nobody clicked, null
    where the click's own label says it, and in the slice what came of the click in the end.
    """

    impression: Int64
    row: Int64
    time: Int64
    visible_time: Int64
    role: Int32
    clicked: Float64
    converted: Float64
    features: Int32

    def samples(self) -> Samples:
        """Return them as what a learner is fed."""
        made = Samples.blank(len(self), self.features.shape[1])
        made.roles = ROLES
        for name in ("row", "visible_time", "role", "converted", "features"):
            setattr(made, name, getattr(self, name))
        made.click_id, made.click_time, made.event_time = self.row, self.time, self.visible_time
        for name, value in (
            ("revision", 0), ("weight", 1), ("refunded", np.nan), ("gmv", np.nan),
            ("pay_count", 0), ("previous_gmv", 0), ("previous_time", -1),
        ):  # fmt: skip
            getattr(made, name)[:] = value
        made.carried = {"clicked": self.clicked, "impression": self.impression.astype(np.float64)}
        return made


class ExposureReader:
    """Reads impressions along with the replay, and hands them out as they become known.

    Unclicked ones are read when their click window ends, so that none is held; of the clicked ones, those whose click is
    still to come are. A click that comes later than the window leaves its impression unclicked.

    Parameters
    ----------
    begin : what became known before is left out.
    """

    def __init__(self, source: Source, windows: Windows, begin: int, features: bool, batch_rows: int) -> None:
        self._window, self._longest, self._begin = windows.click, windows.longest_click, begin
        first = max(0, begin - self._window)
        self._unclicked, self._clicked = (
            TimeQueue(source.impressions(first, features=features, batch_rows=batch_rows, which=which))
            for which in ("unclicked", "clicked")
        )
        self._pending = Exposures.empty()

    def take(self, until: int) -> Exposures:
        """Return what became known before ``until``, since the last call."""
        parts = [
            _of(batch, batch.time + self._window, UNCLICKED, 0.0, 0.0)
            for batch in self._unclicked.take(until - self._window)
        ]
        waiting = [self._pending, *map(self._at_click, self._clicked.take(until))]
        pending = _in_order(waiting)
        cut = int(np.searchsorted(pending.visible_time, until))
        self._pending = pending[cut:]
        return _since(_in_order([*parts, pending[:cut]]), self._begin)

    def _at_click(self, batch: ImpressionBatch) -> Exposures:
        late = ~batch.clicked_within(self._longest)
        made = _of(batch, np.where(late, batch.time + self._window, batch.click_time), CLICKED, 1.0, np.nan)
        made.row[late], made.role[late], made.clicked[late], made.converted[late] = -1, UNCLICKED, 0.0, 0.0
        return made


class SliceReader:
    """As `ExposureReader`, of the randomised slice: what came of its clicks is known when their windows have closed."""

    def __init__(self, source: Source, windows: Windows, begin: int, features: bool, batch_rows: int) -> None:
        self._wait, self._begin = windows.click + windows.closing, begin
        first = max(0, begin - self._wait)
        self._slice = TimeQueue(
            source.impressions(first, features=features, batch_rows=batch_rows, which="slice")
        )

    def take(self, until: int) -> Exposures:
        """Return what became known before ``until``, since the last call: the clicked part."""
        parts = []
        for batch in self._slice.take(until - self._wait):
            clicked = batch[batch.coin == 1]
            parts.append(_of(clicked, clicked.time + self._wait, SLICE, np.nan, clicked.paid))
        return _since(_in_order(parts), self._begin)


def _of(
    batch: ImpressionBatch, visible: Int64, role: int, clicked: float, converted: float | Int8
) -> Exposures:
    n = len(batch)
    label = np.empty(n)
    label[:] = converted
    return Exposures(
        batch.rows,
        batch.click_row.copy(),
        batch.time,
        visible,
        np.full(n, role, np.int32),
        np.full(n, clicked),
        label,
        batch.features,
    )


def _in_order(parts: Sequence[Exposures]) -> Exposures:
    """Join, and sort by (visible_time, impression) where that is not so already."""
    joined = Exposures.concatenate([part for part in parts if len(part)])
    time = joined.visible_time
    if (time[1:] > time[:-1]).all():
        return joined
    return joined[np.lexsort((joined.impression, time))]


def _since(found: Exposures, begin: int) -> Exposures:
    return found[int(np.searchsorted(found.visible_time, begin)) :]
