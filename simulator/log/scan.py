"""Read the Parquet files of a log in batches, in their order; nothing is sorted, and that they are sorted is checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from simulator.clock import Clock
from simulator.errors import LogError
from simulator.log.files import File
from simulator.log.order import last_in_order
from simulator.log.schema import ROW_GROUP, Feature, Int32, Int64, UInt8
from simulator.log.sql import one_line
from simulator.store import Location, StorePath, for_duckdb
from simulator.units import DAY, HOUR

POSITION = "file_row_number"
"""The column with each row's position in its file, which any query may ask for."""
_FILES = f"read_parquet($1, {POSITION} = true, hive_partitioning = false)"


class Scan:
    """Queries on the files of the log in ``path``; several can be open at once. ``threads`` are those of DuckDB."""

    def __init__(self, path: Location, threads: int) -> None:
        self.path = path
        self._con = duckdb.connect(config={"threads": threads})
        if isinstance(path, StorePath):
            self._con.register_filesystem(for_duckdb(path.scheme))

    def stream(
        self,
        files: Sequence[File],
        columns: str,
        start: int | None,
        end: int | None,
        batch_rows: int,
        *,
        by: str = "time",
        where: str = "",
    ) -> Iterator[pa.RecordBatch]:
        """Yield ``columns`` of the rows of ``files`` with ``by`` in ``[start, end)`` for which ``where`` holds."""
        if not files:
            return
        query = f"SELECT {columns} FROM {_FILES}"
        values: list[Any] = [[file.path for file in files]]
        tests = [where] if where else []
        for test, bound in ((">=", start), ("<", end)):
            if bound is not None:
                values.append(bound)
                tests.append(f"{by} {test} ${len(values)}")
        yield from self.batches(
            query + (f" WHERE {' AND '.join(tests)}" if tests else ""), values, batch_rows
        )

    def rows(self, files: Sequence[File], columns: str, first: int, last: int) -> Iterator[pa.RecordBatch]:
        """Yield ``columns`` of the rows ``[first, last)`` of ``files``."""
        query = f"SELECT {columns} FROM {_FILES} "
        where = f"WHERE {POSITION} >= $2 AND {POSITION} < $3"
        for file in files:
            low, high = max(first - file.first_row, 0), min(last - file.first_row, file.rows)
            if low < high:
                yield from self.batches(query + where, [file.path, low, high])

    def row_of(self, files: Sequence[File], time: int | None) -> int:
        """Return the number of rows of ``files``, which are all of a folder, before ``time``."""
        if time is None:
            return 0
        row = 0
        for file in files:
            if file.end < time:
                row = file.first_row + file.rows
            elif file.start < time:
                query = f"SELECT count(*) FROM {_FILES} WHERE time < $2"
                [(found,)] = self._con.cursor().execute(query, [file.path, time]).fetchall()
                return file.first_row + int(found)
        return row

    def batches(self, query: str, values: list[Any], batch_rows: int = ROW_GROUP) -> Iterator[pa.RecordBatch]:
        """Yield what a query gives, at most ``batch_rows`` at a time, and no empty batch."""
        cursor = self._con.cursor()
        try:
            for batch in cursor.sql(query, params=values).to_arrow_reader(batch_rows):
                if batch.num_rows:
                    yield batch
        except (duckdb.Error, pa.ArrowException) as error:
            message = one_line(error) if isinstance(error, duckdb.Error) else str(error).splitlines()[0]
            raise LogError(f"{self.path}: cannot be read ({message})") from None
        finally:
            cursor.close()

    def columns(self, batch: pa.RecordBatch, count: int) -> list[Any]:
        """Return the first ``count`` columns as arrays; none may hold a null."""
        columns = batch.columns[:count]
        if any(column.null_count for column in columns):
            raise LogError(f"{self.path}: holds nulls, which no log may")
        return [column.to_numpy(zero_copy_only=True) for column in columns]

    def check_order(self, what: str, last: tuple[int, ...], *keys: Int64 | UInt8) -> tuple[int, ...]:
        """Assert that rows ascend strictly by ``keys`` within a batch and from the ``last`` key on; return
        the new last.
        """
        found = last_in_order(last, *keys)
        if found is None:
            raise LogError(
                f"{self.path}: {what} are not in replay order near time {int(keys[0][0])}. Import the log again"
            )
        return found


class Matrix:
    """The columns of features as one array: those stored, and hour and weekday where they are asked for.

    Parameters
    ----------
    clock : local time, of which ``hour`` and ``weekday`` are added; None: they are not.
    """

    def __init__(self, scan: Scan, features: Sequence[Feature], clock: Clock | None) -> None:
        self._scan, self._clock = scan, clock
        self._stored = sum(feature.width for feature in features)

    def of(self, batch: pa.RecordBatch, at: int, time: Int64, *, wanted: bool) -> Int32:
        """Return the features of rows at ``time``; they are the columns of the batch from the ``at``-th one on."""
        if not wanted:
            return np.empty((len(time), 0), np.int32)
        matrix = np.empty((len(time), self._stored + (2 if self._clock else 0)), np.int32)
        for column, values in enumerate(self._scan.columns(batch, at + self._stored)[at:]):
            matrix[:, column] = values
        if self._clock:
            local = self._clock.local(time)
            matrix[:, self._stored] = local // HOUR % 24
            matrix[:, self._stored + 1] = (local // DAY + self._clock.first_date.weekday()) % 7
        return matrix
