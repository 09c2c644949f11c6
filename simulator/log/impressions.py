"""Impressions as they are read: all of them, or some."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from simulator.log.files import File, overlapping
from simulator.log.scan import POSITION, Matrix, Scan
from simulator.log.schema import Bool, Feature, ImpressionBatch, Int64, column_names
from simulator.log.sql import identifier

Which = Literal["all", "unclicked", "clicked", "slice"]

_TESTS = {
    "all": "coin < 0",
    "unclicked": "coin < 0 AND click_row < 0",
    "clicked": "click_row >= 0",
    "slice": "coin >= 0",
}
_KEYS = ("impression_id", "time", "click_row", "click_time", "coin", "paid")


class Impressions:
    """Read the files of ``impressions/``.

    Attributes
    ----------
    files : in replay order; none where the log does not say what was shown.
    """

    def __init__(
        self, scan: Scan, files: Sequence[File], features: Sequence[Feature], matrix: Matrix
    ) -> None:
        self.files = tuple(files)
        self._scan, self._matrix = scan, matrix
        self._columns = column_names(features)

    def batches(
        self, start: int | None, end: int | None, *, features: bool, batch_rows: int, which: Which
    ) -> Iterator[ImpressionBatch]:
        """Yield the impressions of ``[start, end)``; see `simulator.log.reader.Log.impressions`."""
        names = ", ".join(map(identifier, (POSITION, *_KEYS, *(self._columns if features else ()))))
        known = len(_KEYS) + 1
        last: tuple[int, ...] = ()
        for file in overlapping(self.files, start, end):
            for batch in self._scan.stream([file], names, start, end, batch_rows, where=_TESTS[which]):
                position, *columns = self._scan.columns(batch, known)
                impression_id, time = columns[:2]
                last = self._scan.check_order("impressions", last, time, impression_id)
                matrix = self._matrix.of(batch, known, time, wanted=features)
                yield ImpressionBatch(*(position + file.first_row, *columns, matrix))

    def ids(self, start: int, end: int, batch_rows: int) -> Iterator[tuple[int, dict[str, Int64]]]:
        """Yield who saw what; see `simulator.log.reader.Log.shown_ids`."""
        place, names = 0, ("user_id", "item_id")
        files = overlapping(self.files, start, end)
        for batch in self._scan.stream(files, ", ".join(names), start, end, batch_rows, where=_TESTS["all"]):
            yield place, dict(zip(names, self._scan.columns(batch, 2), strict=True))
            place += batch.num_rows


def chosen(batch: ImpressionBatch, which: Which) -> Bool:
    """Return which impressions of a batch are asked for."""
    clicked, ordinary = batch.click_row >= 0, batch.coin < 0
    found: dict[str, Bool] = {
        "all": ordinary,
        "unclicked": ordinary & ~clicked,
        "clicked": clicked,
        "slice": ~ordinary,
    }
    return np.asarray(found[which])
