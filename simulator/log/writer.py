"""Write a log from columns that are already sorted: what the synthetic world uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa

from simulator.errors import LogError
from simulator.log.dayfiles import DayFiles
from simulator.log.directory import NewDirectory
from simulator.log.feature_ids import check_ids
from simulator.log.fingerprint import fingerprint, parquet_files
from simulator.log.folders import click_schema, event_files, event_schema
from simulator.log.impression_files import ImpressionFiles
from simulator.log.meta import Meta, origin_utc, read_meta, write_meta
from simulator.log.schema import (
    EVENT_KINDS,
    Feature,
    Float64,
    Int8,
    Int32,
    Int64,
    Kind,
    UInt8,
    column_names,
)

_KIND_VALUES = [kind.name.lower() for kind in Kind]


class LogWriter:
    """Write a log whose clicks and events come in replay order; ``click_id`` and ``event_id`` are running
    numbers.

    Use it as a context manager and end with `close`: until then the log is written aside, and an error leaves
    nothing.

    Parameters
    ----------
    out : directory of the log.
    origin : instant (UTC) from which all times count; days begin there.
    features : ids in ``[0, cardinality)``; those of tags may be -1 (no further tag).
    truth, exposure : names of the columns of ``truth/`` and of ``exposure/`` (synthetic worlds only).
    replace : whether an ``out`` that exists is replaced; otherwise it is an error.
    """

    def __init__(
        self,
        out: Path,
        *,
        name: str,
        origin: datetime,
        features: Sequence[Feature],
        truth: Sequence[str] = (),
        exposure: Sequence[str] = (),
        provenance: dict[str, Any] | None = None,
        replace: bool = False,
    ) -> None:
        self._name = name
        self._origin = origin_utc(origin)
        self._features = tuple(features)
        self._truth, self._exposure = tuple(truth), tuple(exposure)
        self._shown: ImpressionFiles | None = None
        self._provenance = dict(provenance or {})
        names = self._columns = column_names(features)
        self._schema = _click_and_truth_schema(names, truth)
        self._directory = NewDirectory(out, replace=replace)
        folders = {"clicks": self._schema.names[: 4 + len(names)]}
        if truth:
            folders["truth"] = ["click_id", *truth]
        self._click_files = DayFiles(self._directory.path, self._schema, folders)
        self._arrivals: bool | None = None
        self._event_files = event_files(self._directory.path, arrivals=False)
        self._clicks = self._events = 0
        self._start: int | None = None
        self._last_click = 0
        self._last_event: tuple[int, ...] = (0, 0, Kind.CLICK)

    @property
    def path(self) -> Path:
        """Where the log stands until `close`, for further files that belong to it."""
        return self._directory.path

    def clicks(
        self,
        *,
        time: Int64,
        user_id: Int64,
        item_id: Int64,
        features: Int32,
        truth: dict[str, Float64] | None = None,
    ) -> int:
        """Append clicks sorted by time (n) with the columns of features (n, C); return row, and click_id, of the first
        one.
        """
        first, n = self._clicks, len(time)
        if features.shape != (n, len(self._columns)):
            raise LogError(f"features have shape {features.shape}; expected {(n, len(self._columns))}")
        if set(truth or ()) != set(self._truth):
            raise LogError(f"truth columns {sorted(truth or ())} given; declared: {sorted(self._truth)}")
        if not n:
            return first
        if time[0] < self._last_click or (time[1:] < time[:-1]).any():
            raise LogError(f"clicks out of order at or after row {first}, or before the origin")
        columns = np.ascontiguousarray(features.T, np.int32)
        check_ids(self._features, columns)
        ids = [
            np.arange(first, first + n),
            *(np.asarray(column, np.int64) for column in (time, user_id, item_id)),
        ]
        arrays = [*ids, *columns, *(np.asarray((truth or {})[name], np.float64) for name in self._truth)]
        self._click_files.write(pa.Table.from_arrays([pa.array(a) for a in arrays], schema=self._schema))
        self._start = int(time[0]) if self._start is None else self._start
        self._last_click = int(time[-1])
        self._clicks += n
        return first

    def impressions(
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
        exposure: Mapping[str, Float64] | None = None,
    ) -> int:
        """Append impressions sorted by time (n), with the columns of features (n, C); return the row, and impression_id, of
        the first one.

        Parameters
        ----------
        click_row, click_time : of the click, which is no earlier and may be written later; -1 where nobody clicked.
        coin : -1; in the randomised slice, which has no journeys, 0 or 1: how the coin fell that clicked.
        paid : -1; where the coin fell on 1, whether a pay came inside the attribution window.
        exposure : what is true of them, under the names that were declared (synthetic worlds only).
        """
        if self._shown is None:
            self._shown = ImpressionFiles(self._directory.path, self._features, self._exposure)
        return self._shown.write(
            time=time,
            user_id=user_id,
            item_id=item_id,
            features=features,
            click_row=click_row,
            click_time=click_time,
            coin=coin,
            paid=paid,
            exposure=exposure or {},
        )

    def events(
        self, *, row: Int64, time: Int64, kind: UInt8, amount: Float64, arrival: Int64 | None = None
    ) -> None:
        """Append events sorted by (arrival, time, kind); ``row`` is the row of each one's click, already written.

        ``arrival`` says when each became known, not before it happened; either all calls give it or none, and then it is
        when they happened.
        """
        n = len(time)
        if not n:
            return
        self._check_arrivals(time, arrival)
        if row.min() < 0 or row.max() >= self._clicks:
            raise LogError(f"event of click row {int(row.max())}, but {self._clicks} clicks were written")
        if kind.min() < Kind.CART or kind.max() > Kind.REFUND:
            raise LogError(
                f"event kind {int(kind.max())}; allowed: {', '.join(kind.name.lower() for kind in EVENT_KINDS)}"
            )
        if not (np.isfinite(amount).all() and (amount >= 0).all()):
            raise LogError("event amounts must be finite and not negative")
        known = time if arrival is None else arrival
        ordered = (time[1:] > time[:-1]) | ((time[1:] == time[:-1]) & (kind[1:] >= kind[:-1]))
        if arrival is not None:
            ordered = (known[1:] > known[:-1]) | ((known[1:] == known[:-1]) & ordered)
        if (int(known[0]), int(time[0]), int(kind[0])) < self._last_event or not ordered.all():
            order = "(time, kind)" if arrival is None else "(arrival, time, kind)"
            raise LogError(f"events out of order {order} at or after event {self._events}")
        # Here and not above: the first array that is made loads pandas, where it is installed.
        names = pa.array(_KIND_VALUES, pa.string())
        kinds = pa.DictionaryArray.from_arrays(pa.array(kind, pa.int32()), names).cast(pa.string())
        ids = np.arange(self._events, self._events + n)
        arrays = [ids, row, time, kinds, np.asarray(amount, np.float64), row]
        if arrival is not None:
            arrays.append(np.asarray(arrival, np.int64))
        schema = event_schema(arrivals=arrival is not None)
        self._event_files.write(pa.Table.from_arrays([pa.array(a) for a in arrays], schema=schema))
        self._last_event = (int(known[-1]), int(time[-1]), int(kind[-1]))
        self._events += n

    def _check_arrivals(self, time: Int64, arrival: Int64 | None) -> None:
        if self._arrivals is None:
            self._arrivals = arrival is not None
            self._event_files = event_files(self._directory.path, arrivals=self._arrivals)
        if self._arrivals != (arrival is not None):
            raise LogError(
                f"arrival times must be given for all events or for none (at event {self._events})"
            )
        if arrival is not None and (early := np.flatnonzero(arrival < time)).size:
            raise LogError(
                f"event {self._events + int(early[0])} became known at {int(arrival[early[0]])}, before it happened at "
                f"{int(time[early[0]])}"
            )

    def close(self, observed_until: int) -> Meta:
        """Finish the log and move it into place. ``observed_until``: the instant up to which events were
        recorded.
        """
        shown = self._shown
        if self._start is None:
            raise LogError(f"{self._directory.out}: a log without clicks is not written")
        self._finish()
        if shown is not None and shown.last_click >= self._clicks:
            raise LogError(
                f"impression of click row {shown.last_click}, but {self._clicks} clicks were written"
            )
        root = self._directory.path
        meta = Meta(
            name=self._name,
            origin=self._origin,
            features=self._features,
            clicks=self._clicks,
            events=self._events,
            quarantined=0,
            start=self._start,
            observed_until=observed_until,
            fingerprint=fingerprint(root, parquet_files(root)),
            provenance=self._provenance,
            truth=self._truth,
            arrivals=bool(self._arrivals),
            impressions=0 if shown is None else shown.rows,
            randomised=0 if shown is None else shown.randomised,
            exposure=self._exposure if shown is not None else (),
        )
        write_meta(root, meta)
        self._directory.commit()
        return read_meta(self._directory.out)

    def _finish(self) -> None:
        for files in (self._click_files, self._event_files, self._shown):
            if files is not None:
                files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()
        self._directory.discard()


def _click_and_truth_schema(features: Sequence[str], truth: Sequence[str]) -> pa.Schema:
    schema = click_schema(features)
    for name in truth:
        schema = schema.append(pa.field(name, pa.float64(), nullable=False))
    if len(set(schema.names)) < len(schema.names):
        raise LogError(f"column names are not unique: {', '.join(schema.names)}")
    return schema
