"""Write impressions that are already sorted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from simulator.errors import LogError
from simulator.log.dayfiles import DayFiles
from simulator.log.feature_ids import check_ids
from simulator.log.folders import impression_schema
from simulator.log.schema import Bool, Feature, Float64, Int8, Int32, Int64, column_names


class ImpressionFiles:
    """Write ``impressions/`` and, where ``exposure`` names columns, ``exposure/``; ``impression_id`` is a running number.

    Attributes
    ----------
    rows : impressions written.
    randomised : of these, how many are in the randomised slice.
    last_click : largest row of a click that was named.
    """

    def __init__(self, root: Path, features: Sequence[Feature], exposure: Sequence[str]) -> None:
        self.rows, self.randomised, self.last_click = 0, 0, -1
        self._features, self._exposure = tuple(features), tuple(exposure)
        schema = impression_schema(column_names(features))
        folders = {"impressions": schema.names}
        for name in exposure:
            schema = schema.append(pa.field(name, pa.float64(), nullable=False))
        if len(set(schema.names)) < len(schema.names):
            raise LogError(f"column names of impressions are not unique: {', '.join(schema.names)}")
        if exposure:
            folders["exposure"] = ["impression_id", *exposure]
        self._schema, self._files = schema, DayFiles(root, schema, folders)
        self._last = 0

    def write(
        self,
        *,
        time: Int64,
        user_id: Int64,
        item_id: Int64,
        features: Int32,
        click_row: Int64,
        click_time: Int64,
        coin: Int8,
        paid: Int8,
        exposure: Mapping[str, Float64],
    ) -> int:
        """Append impressions; see `simulator.log.writer.LogWriter.impressions`."""
        first, n = self.rows, len(time)
        if features.shape != (n, self._features_wide):
            raise LogError(
                f"features of impressions have shape {features.shape}; expected {(n, self._features_wide)}"
            )
        if set(exposure) != set(self._exposure):
            raise LogError(f"exposure columns {sorted(exposure)} given; declared: {sorted(self._exposure)}")
        if not n:
            return first
        if time[0] < self._last or (time[1:] < time[:-1]).any():
            raise LogError(f"impressions out of order at or after row {first}, or before the origin")
        columns = np.ascontiguousarray(features.T, np.int32)
        check_ids(self._features, columns)
        self._check(first, time, click_row, click_time, coin, paid)
        ids = [np.arange(first, first + n), time, user_id, item_id]
        clicked = np.asarray(click_row, np.int64)
        arrays = [
            *(pa.array(np.asarray(column, np.int64)) for column in ids),
            *map(pa.array, columns),
            pa.array(clicked, mask=clicked < 0),
            pa.array(clicked),
            pa.array(np.asarray(click_time, np.int64)),
            pa.array(np.asarray(coin, np.int8)),
            pa.array(np.asarray(paid, np.int8)),
            *(pa.array(np.asarray(exposure[name], np.float64)) for name in self._exposure),
        ]
        self._files.write(pa.Table.from_arrays(arrays, schema=self._schema))
        self.rows += n
        self.randomised += int(np.count_nonzero(np.asarray(coin) >= 0))
        self.last_click, self._last = max(self.last_click, int(clicked.max())), int(time[-1])
        return first

    @property
    def _features_wide(self) -> int:
        return sum(feature.width for feature in self._features)

    def _check(
        self, first: int, time: Int64, click_row: Int64, click_time: Int64, coin: Int8, paid: Int8
    ) -> None:
        """Refuse what contradicts itself, naming the first such row."""
        clicked, drawn = click_row >= 0, coin >= 0
        wrong: dict[str, Bool] = {
            "a click before the impression": clicked & (click_time < time),
            "a time of a click, but no click (-1 goes with -1)": ~clicked & (click_time != -1),
            "a journey, though it is in the randomised slice": clicked & drawn,
            "a coin that is not -1, 0 or 1": (coin < -1) | (coin > 1),
            "paid that is not 0 or 1 where the coin fell on 1, or not -1 elsewhere": (
                (coin == 1) != ((paid == 0) | (paid == 1))
            )
            | ((coin != 1) & (paid != -1)),
        }
        for what, rows in wrong.items():
            if rows.any():
                raise LogError(f"impression {first + int(np.flatnonzero(rows)[0])} has {what}")

    def close(self) -> None:
        """Finish the last file."""
        self._files.close()
