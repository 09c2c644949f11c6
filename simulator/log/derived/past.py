"""What became known, in the order in which it did, and counts of it as of any instant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.log.reader import Log
from simulator.log.schema import ROW_GROUP, Columns, Int64, Kind
from simulator.log.source import Source

KINDS = {"cart": Kind.CART, "pay": Kind.PAY}


@dataclass(slots=True)
class Known(Columns):
    """Events as they became known: the instant, and the row of the click that each belongs to."""

    known: Int64
    row: Int64


class Past:
    """What is remembered of every click, on disk: an event may come long after its click.

    Parameters
    ----------
    log : the log itself.
    source : the log as it is seen, with the instants at which events become known.
    folder : where the columns are kept; whoever made it removes it.
    columns : features of one id that are remembered beside ``time``, ``user_id`` and ``item_id``.
    """

    def __init__(self, log: Log, source: Source, folder: Path, columns: tuple[str, ...] = ()) -> None:
        self._source = source
        self.columns: dict[str, NDArray[Any]] = {
            name: np.memmap(folder / f"{number}.column", kind, "w+", shape=log.meta.clicks)
            for number, (name, kind) in enumerate(
                [(name, np.int64) for name in ("time", "user_id", "item_id")]
                + [(name, np.int32) for name in columns]
            )
        }
        for row, ids in log.ids():
            for name, values in ids.items():
                self.columns[name][row : row + len(values)] = values
        at, widths = {}, 0
        for feature in log.meta.features:
            at[feature.name], widths = widths, widths + feature.width
        for batch in log.clicks(features=bool(columns)):
            rows = slice(batch.row, batch.row + len(batch))
            self.columns["time"][rows] = batch.time
            for name in columns:
                self.columns[name][rows] = batch.features[:, at[name]]

    def of(self, name: str, rows: Int64) -> Any:
        """Return a column of the clicks in these rows."""
        return np.asarray(self.columns[name][rows])

    def known(self, event: str) -> Iterator[Known]:
        """Yield the events of a kind ("click", "cart" or "pay") in replay order."""
        if event == "click":
            for at in range(0, len(self.columns["time"]), ROW_GROUP):
                time = np.asarray(self.columns["time"][at : at + ROW_GROUP])
                yield Known(time, np.arange(at, at + len(time)))
            return
        for batch in self._source.events():
            chosen = batch.kind == KINDS[event]
            yield Known(batch.arrival[chosen], batch.row[chosen])


class Slots:
    """Running numbers of ids, in the order of their coming."""

    def __init__(self) -> None:
        self._ids = np.empty(0, np.int64)
        self._slots = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self._ids)

    def of(self, ids: Int64) -> Int64:
        """Return the number of each id, or -1."""
        if not len(self._ids):
            return np.full(len(ids), -1)
        at = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        return np.where(self._ids[at] == ids, self._slots[at], -1)

    def add(self, ids: Int64) -> Int64:
        """Return the number of each id; those that are new get the next ones."""
        fresh = np.unique(ids[self.of(ids) < 0])
        at, count = np.searchsorted(self._ids, fresh), len(self)
        self._slots = np.insert(self._slots, at, np.arange(count, count + len(fresh)))
        self._ids = np.insert(self._ids, at, fresh)
        return self.of(ids)


class Grouped:
    """Events of one piece of time by slot, each slot's in replay order.

    Parameters
    ----------
    slot, known : of each event, in replay order.
    """

    def __init__(self, slot: Int64, known: Int64) -> None:
        self.order = np.argsort(slot, kind="stable")
        self._known = known
        self._keys = slot[self.order] * (len(slot) + 1) + self.order

    def before(self, slot: Int64, time: Int64) -> tuple[Int64, Int64]:
        """Return, as places in ``order``, the first event of each slot and the one after the last known before ``time``."""
        size = len(self._known) + 1
        earlier = np.searchsorted(self._known, time)
        first = np.searchsorted(self._keys, slot * size)
        return first, np.searchsorted(self._keys, slot * size + earlier)
