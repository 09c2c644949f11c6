"""Replay a log: its columns in batches, in the one order in which everything happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock

from simulator.errors import LogError
from simulator.log.exposed import exposed
from simulator.log.files import File, index, overlapping
from simulator.log.fingerprint import FOLDERS
from simulator.log.impressions import Impressions, Which
from simulator.log.labels import LabelJoin, shared
from simulator.log.meta import Meta, check_files, read_meta
from simulator.log.scan import Matrix, Scan
from simulator.log.schema import (
    ROW_GROUP,
    ClickBatch,
    EventBatch,
    Feature,
    Float64,
    ImpressionBatch,
    ImpressionLabels,
    Int64,
    Labels,
    column_names,
)
from simulator.log.sql import identifier, kind_rank
from simulator.store import Location, located, on_disk
from simulator.windows import Windows

HOUR_OF_DAY = Feature("hour", 24)
WEEKDAY = Feature("weekday", 7)
HELD = 1_000_000
"""Labelled clicks that are held at most: some 150 bytes each."""


class Log:
    """A log at rest. Make one with `Log.open`; every iterator reads on its own, so several can be open at
    once.

    Nothing is sorted while reading: the files are in replay order, and that they are is checked as they
    stream by.

    Attributes
    ----------
    location : directory of the log, or the folder of its objects in a store (s3://...).
    meta : what ``meta.toml`` says.
    features : features of `ClickBatch`, those of time last.
    clock : local time of the log.
    """

    def __init__(
        self, path: Location, meta: Meta, files: Sequence[str], *, time_features: bool, threads: int
    ) -> None:
        self.location = path
        self.meta = meta
        self.clock = meta.clock
        self.features = (*meta.features, HOUR_OF_DAY, WEEKDAY) if time_features else meta.features
        folders = {folder: [n for n in files if n.startswith(f"{folder}/")] for folder in FOLDERS}
        self._clicks = index(path, folders["clicks"])
        self._known = "arrival_time" if meta.arrivals else "time"
        self._events = index(path, folders["events"], self._known)
        self._truth = index(path, folders["truth"])
        self._exposure = index(path, folders["exposure"])
        self._scan = Scan(path, threads)
        self._matrix = Matrix(self._scan, meta.features, self.clock if time_features else None)
        shown = index(path, folders["impressions"])
        self._impressions = Impressions(self._scan, shown, meta.features, self._matrix)
        self._reading = Lock()
        self._held: tuple[object, list[tuple[ClickBatch, Labels]]] = None, []
        self._check_counts()

    @classmethod
    def open(cls, path: Location | str, *, time_features: bool = False, threads: int = 1) -> Log:
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
        root = located(path)
        meta = read_meta(root)
        files = check_files(root, meta)
        taken = {feature.name for feature in meta.features} & {HOUR_OF_DAY.name, WEEKDAY.name}
        if time_features and taken:
            raise LogError(
                f"{root}: has a feature {min(taken)!r} already, so time_features cannot add one of that name"
            )
        return cls(root, meta, files, time_features=time_features, threads=threads)

    @property
    def path(self) -> Path:
        """Directory of a log on a disk; an error for one in an object store."""
        return on_disk(self.location)

    @property
    def has_truth(self) -> bool:
        """Whether the log is of a synthetic world and knows the true probabilities."""
        return bool(self._truth)

    @property
    def has_exposure(self) -> bool:
        """Whether the log is of a synthetic world and knows what is true of its impressions."""
        return bool(self._exposure)

    @property
    def has_impressions(self) -> bool:
        """Whether the log says what was shown, clicked or not."""
        return self.meta.impressions > 0

    def row_of(self, time: int) -> int:
        """Return the row of the first click from ``time`` on."""
        return self._scan.row_of(self._clicks, time)

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
        row = 0 if start is None else self.row_of(start)
        last: tuple[int, ...] = ()
        for batch in self._scan.stream(files, ", ".join(map(identifier, names)), start, end, batch_rows):
            click_id, time = self._scan.columns(batch, 2)
            last = self._scan.check_order("clicks", last, time, click_id)
            yield ClickBatch(row, click_id, time, self._matrix.of(batch, 2, time, wanted=features))
            row += len(time)

    def events(
        self, start: int | None = None, end: int | None = None, *, batch_rows: int = ROW_GROUP
    ) -> Iterator[EventBatch]:
        """Yield the events that became known in ``[start, end)``, in order of (arrival, time, kind, event_id)."""
        columns = f"click_row, event_id, time, {kind_rank('kind')}::UTINYINT AS kind, amount"
        arrivals = (self._known,) if self.meta.arrivals else ()
        last: tuple[int, ...] = ()
        for batch in self._scan.stream(
            overlapping(self._events, start, end),
            ", ".join((columns, *arrivals)),
            start,
            end,
            batch_rows,
            by=self._known,
        ):
            row, event_id, time, kind, amount, *arrival = self._scan.columns(batch, 5 + len(arrivals))
            if not kind.all():
                raise LogError(
                    f"{self.location}: an event near time {int(time[0])} is of no known kind (cart, pay, refund)"
                )
            last = self._scan.check_order("events", last, *arrival, time, kind, event_id)
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
        """Yield the clicks of ``[start, end)`` with their final labels; memory holds one lifetime of events.

        A span with features and no more than `HELD` clicks is read once and held until another one is asked for: every
        model that is trained on a history reads it several times.
        """
        span = windows, start, end
        if features and end is not None and self._count(start, end) <= HELD:
            with self._reading:
                if self._held[0] != span:
                    self._held = span, [shared(*part) for part in self._labelled(*span, features=True)]
        held = self._held
        parts = held[1] if held[0] == span else self._labelled(*span, features=features)
        for batch, labels in parts:
            clicks = batch if features else replace(batch, features=batch.features[:, :0])
            for at in range(0, len(batch), batch_rows):
                part = slice(at, at + batch_rows)
                yield clicks[part], labels[part]

    def _count(self, start: int | None, end: int) -> int:
        return self._scan.row_of(self._clicks, end) - self._scan.row_of(self._clicks, start)

    def _labelled(
        self, windows: Windows, start: int | None, end: int | None, *, features: bool
    ) -> Iterator[tuple[ClickBatch, Labels]]:
        until = None if end is None else end + windows.lifetime + 1
        join = LabelJoin(self.events(start, until), windows)
        for batch in self.clicks(start, end, features=features):
            yield batch, join.labels(batch.row, batch.time)

    def impressions(
        self,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
        which: Which = "all",
    ) -> Iterator[ImpressionBatch]:
        """Yield the impressions of ``[start, end)`` in order of (time, impression_id), at most ``batch_rows`` at a time.

        Parameters
        ----------
        which : "all" but the randomised slice, the "unclicked" or the "clicked" ones of these, or the "slice".
        """
        yield from self._impressions.batches(
            start, end, features=features, batch_rows=batch_rows, which=which
        )

    def exposed(
        self,
        windows: Windows,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[tuple[ImpressionBatch, ImpressionLabels]]:
        """Yield the impressions of ``[start, end)``, but for the randomised slice, with their final labels; memory holds
        one lifetime of events.
        """
        yield from exposed(self, windows, start, end, features=features, batch_rows=batch_rows)

    def ids(self, *, batch_rows: int = ROW_GROUP) -> Iterator[tuple[int, dict[str, Int64]]]:
        """Yield ``user_id`` and ``item_id`` of all clicks, in the order of `clicks`: the first one's row, and the columns."""
        row, names = 0, ("user_id", "item_id")
        for batch in self._scan.stream(list(self._clicks), ", ".join(names), None, None, batch_rows):
            yield row, dict(zip(names, self._scan.columns(batch, 2), strict=True))
            row += batch.num_rows

    def shown_ids(
        self, start: int, end: int, *, batch_rows: int = ROW_GROUP
    ) -> Iterator[tuple[int, dict[str, Int64]]]:
        """Yield ``user_id`` and ``item_id`` of the impressions of ``[start, end)``, but for the randomised slice: the place of
        the first one among these, and the columns.
        """
        yield from self._impressions.ids(start, end, batch_rows)

    def truth(
        self, start: int | None = None, end: int | None = None
    ) -> Iterator[tuple[int, dict[str, Float64]]]:
        """Yield what is true of the clicks of ``[start, end)``: the row of the first one, and the columns."""
        yield from self._beside(self._truth, self._clicks, self.meta.truth, start, end)

    def exposure(
        self, start: int | None = None, end: int | None = None
    ) -> Iterator[tuple[int, dict[str, Float64]]]:
        """Yield what is true of the impressions of ``[start, end)``: the row of the first one, and the columns."""
        yield from self._beside(self._exposure, self._impressions.files, self.meta.exposure, start, end)

    def _beside(
        self,
        files: Sequence[File],
        of: Sequence[File],
        names: Sequence[str],
        start: int | None,
        end: int | None,
    ) -> Iterator[tuple[int, dict[str, Float64]]]:
        """Yield the columns of ``files``, which have the rows of the files that hold their times."""
        row = self._scan.row_of(of, start)
        last = sum(file.rows for file in of) if end is None else self._scan.row_of(of, end)
        for batch in self._scan.rows(files, ", ".join(map(identifier, names)), row, last):
            yield row, dict(zip(names, self._scan.columns(batch, len(names)), strict=True))
            row += batch.num_rows

    def _check_counts(self) -> None:
        for name, files, count in (
            ("clicks", self._clicks, self.meta.clicks),
            ("events", self._events, self.meta.events),
            ("impressions", self._impressions.files, self.meta.impressions),
        ):
            rows = sum(file.rows for file in files)
            if rows != count:
                raise LogError(f"{self.location}: holds {rows} {name}, but meta.toml says {count}")
        if self._truth and [f.rows for f in self._truth] != [f.rows for f in self._clicks]:
            raise LogError(f"{self.location}: truth/ does not have the rows of clicks/")
        if self._exposure and [f.rows for f in self._exposure] != [f.rows for f in self._impressions.files]:
            raise LogError(f"{self.location}: exposure/ does not have the rows of impressions/")
