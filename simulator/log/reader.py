"""Replay a log: its columns in batches, in the one order in which everything happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from simulator.errors import LogError
from simulator.log.files import File, index, overlapping
from simulator.log.labels import LabelJoin
from simulator.log.meta import Meta, check_files, read_meta
from simulator.log.schema import (
    ROW_GROUP,
    ClickBatch,
    EventBatch,
    Feature,
    Float64,
    Int32,
    Int64,
    Labels,
    UInt8,
    column_names,
)
from simulator.log.sql import identifier, kind_rank, one_line
from simulator.units import DAY, HOUR
from simulator.windows import Windows

HOUR_OF_DAY = Feature("hour", 24)
WEEKDAY = Feature("weekday", 7)


class Log:
    """A log at rest. Make one with `Log.open`; every iterator reads on its own, so several can be open at
    once.

    Nothing is sorted while reading: the files are in replay order, and that they are is checked as they
    stream by.

    Attributes
    ----------
    path : directory of the log.
    meta : what ``meta.toml`` says.
    features : features of `ClickBatch`, those of time last.
    clock : local time of the log.
    """

    def __init__(
        self, path: Path, meta: Meta, files: Sequence[str], *, time_features: bool, threads: int
    ) -> None:
        self.path = path
        self.meta = meta
        self.clock = meta.clock
        self.features = (*meta.features, HOUR_OF_DAY, WEEKDAY) if time_features else meta.features
        self._time_features = time_features
        folders = {
            folder: [n for n in files if n.startswith(f"{folder}/")]
            for folder in ("clicks", "events", "truth")
        }
        self._clicks = index(path, folders["clicks"])
        self._known = "arrival_time" if meta.arrivals else "time"
        self._events = index(path, folders["events"], self._known)
        self._truth = index(path, folders["truth"])
        self._con = duckdb.connect(config={"threads": threads})
        self._check_counts()

    @classmethod
    def open(cls, path: Path | str, *, time_features: bool = False, threads: int = 1) -> Log:
        """Open the log in ``path``.

        Parameters
        ----------
        time_features : add ``hour`` (24) and ``weekday`` (7) of the click, in the log's time zone.
        threads : of DuckDB; what is read does not depend on it.

        Raises
        ------
        LogError
            If there is no log, its schema version is unknown, or a file is missing, cut short or changed.
        """
        root = Path(path)
        meta = read_meta(root)
        files = check_files(root, meta)
        taken = {feature.name for feature in meta.features} & {HOUR_OF_DAY.name, WEEKDAY.name}
        if time_features and taken:
            raise LogError(
                f"{root}: has a feature {min(taken)!r} already, so time_features cannot add one of that name"
            )
        return cls(root, meta, files, time_features=time_features, threads=threads)

    @property
    def has_truth(self) -> bool:
        """Whether the log is of a synthetic world and knows the true probabilities."""
        return bool(self._truth)

    def clicks(
        self,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[ClickBatch]:
        """Yield the clicks of ``[start, end)`` in order of (time, click_id), at most ``batch_rows`` at a
        time.
        """
        names = ["click_id", "time"] + (column_names(self.meta.features) if features else [])
        files = overlapping(self._clicks, start, end)
        row = self._row_of(start)
        last: tuple[int, ...] = ()
        for batch in self._stream(files, ", ".join(map(identifier, names)), start, end, batch_rows):
            click_id, time = self._columns(batch, 2)
            last = self._check_order("clicks", last, time, click_id)
            yield ClickBatch(row, click_id, time, self._matrix(batch, time, wanted=features))
            row += len(time)

    def events(
        self, start: int | None = None, end: int | None = None, *, batch_rows: int = ROW_GROUP
    ) -> Iterator[EventBatch]:
        """Yield the events that became known in ``[start, end)``, in order of (arrival, time, kind, event_id)."""
        columns = f"click_row, event_id, time, {kind_rank('kind')}::UTINYINT AS kind, amount"
        arrivals = (self._known,) if self.meta.arrivals else ()
        last: tuple[int, ...] = ()
        for batch in self._stream(
            overlapping(self._events, start, end),
            ", ".join((columns, *arrivals)),
            start,
            end,
            batch_rows,
            by=self._known,
        ):
            row, event_id, time, kind, amount, *arrival = self._columns(batch, 5 + len(arrivals))
            if not kind.all():
                raise LogError(
                    f"{self.path}: an event near time {int(time[0])} is of no known kind (cart, pay, refund)"
                )
            last = self._check_order("events", last, *arrival, time, kind, event_id)
            yield EventBatch(row, event_id, time, kind, amount, *arrival)

    def labelled(
        self,
        windows: Windows,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[tuple[ClickBatch, Labels]]:
        """Yield the clicks of ``[start, end)`` with their final labels; memory holds one lifetime of
        events.
        """
        until = None if end is None else end + windows.lifetime + 1
        join = LabelJoin(self.events(start, until), windows)
        for batch in self.clicks(start, end, features=features, batch_rows=max(batch_rows, ROW_GROUP)):
            labels = join.labels(batch.row, batch.time)
            for at in range(0, len(batch), batch_rows):
                part = slice(at, at + batch_rows)
                yield batch[part], labels[part]

    def ids(self, *, batch_rows: int = ROW_GROUP) -> Iterator[tuple[int, dict[str, Int64]]]:
        """Yield ``user_id`` and ``item_id`` of all clicks, in the order of `clicks`: the first one's row, and the columns."""
        row, names = 0, ("user_id", "item_id")
        for batch in self._stream(list(self._clicks), ", ".join(names), None, None, batch_rows):
            yield row, dict(zip(names, self._columns(batch, 2), strict=True))
            row += batch.num_rows

    def truth(
        self, start: int | None = None, end: int | None = None
    ) -> Iterator[tuple[int, dict[str, Float64]]]:
        """Yield what is true of the clicks of ``[start, end)``: the row of the first one, and the columns."""
        first, last = self._row_of(start), self.meta.clicks if end is None else self._row_of(end)
        names = self.meta.truth
        columns = ", ".join(map(identifier, names))
        for file in self._truth:
            low, high = max(first - file.first_row, 0), min(last - file.first_row, file.rows)
            if low >= high:
                continue
            query = (
                f"SELECT {columns} FROM read_parquet($1, file_row_number = true, hive_partitioning = false) "
            )
            where = "WHERE file_row_number >= $2 AND file_row_number < $3"
            row = file.first_row + low
            for batch in self._batches(query + where, [file.path, low, high], ROW_GROUP):
                yield row, dict(zip(names, self._columns(batch, len(names)), strict=True))
                row += batch.num_rows

    def _check_counts(self) -> None:
        for name, files, count in (
            ("clicks", self._clicks, self.meta.clicks),
            ("events", self._events, self.meta.events),
        ):
            rows = sum(file.rows for file in files)
            if rows != count:
                raise LogError(f"{self.path}: holds {rows} {name}, but meta.toml says {count}")
        if self._truth and [f.rows for f in self._truth] != [f.rows for f in self._clicks]:
            raise LogError(f"{self.path}: truth/ does not have the rows of clicks/")

    def _row_of(self, time: int | None) -> int:
        """Return the number of clicks before ``time``."""
        if time is None:
            return 0
        row = 0
        for file in self._clicks:
            if file.end < time:
                row = file.first_row + file.rows
            elif file.start < time:
                query = "SELECT count(*) FROM read_parquet($1, hive_partitioning = false) WHERE time < $2"
                [(found,)] = self._con.cursor().execute(query, [file.path, time]).fetchall()
                return file.first_row + int(found)
        return row

    def _stream(
        self,
        files: list[File],
        columns: str,
        start: int | None,
        end: int | None,
        batch_rows: int,
        by: str = "time",
    ) -> Iterator[pa.RecordBatch]:
        if not files:
            return
        query = f"SELECT {columns} FROM read_parquet($1, hive_partitioning = false)"
        values: list[Any] = [[file.path for file in files]]
        for test, bound in ((">=", start), ("<", end)):
            if bound is not None:
                values.append(bound)
                query += f" {'WHERE' if len(values) == 2 else 'AND'} {by} {test} ${len(values)}"
        yield from self._batches(query, values, batch_rows)

    def _batches(self, query: str, values: list[Any], batch_rows: int) -> Iterator[pa.RecordBatch]:
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

    def _columns(self, batch: pa.RecordBatch, count: int) -> list[Any]:
        columns = batch.columns[:count]
        if any(column.null_count for column in columns):
            raise LogError(f"{self.path}: holds nulls, which no log may")
        return [column.to_numpy(zero_copy_only=True) for column in columns]

    def _matrix(self, batch: pa.RecordBatch, time: Int64, *, wanted: bool) -> Int32:
        """Return the columns of the features, those of time included."""
        stored = sum(feature.width for feature in self.meta.features) if wanted else 0
        of_time = 2 if wanted and self._time_features else 0
        matrix = np.empty((len(time), stored + of_time), np.int32)
        for column in range(stored):
            matrix[:, column] = batch.column(column + 2).to_numpy()
        if of_time:
            local = self.clock.local(time)
            matrix[:, stored] = local // HOUR % 24
            matrix[:, stored + 1] = (local // DAY + self.clock.first_date.weekday()) % 7
        return matrix

    def _check_order(self, what: str, last: tuple[int, ...], *keys: Int64 | UInt8) -> tuple[int, ...]:
        """Assert that rows ascend strictly by ``keys`` within a batch and from the ``last`` key on; return
        the new last.
        """
        later = keys[-1][1:] > keys[-1][:-1]
        for key in reversed(keys[:-1]):
            later = (key[1:] > key[:-1]) | ((key[1:] == key[:-1]) & later)
        first = tuple(int(key[0]) for key in keys)
        if (last and first <= last) or not later.all():
            raise LogError(
                f"{self.path}: {what} are not in replay order near time {first[0]}. Import the log again"
            )
        return tuple(int(key[-1]) for key in keys)
