"""The ledger of a run: served clicks, predictions and final labels in, judged cells out."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from simulator.calendar import Calendar
from simulator.errors import unknown
from simulator.evaluation.cells import Cell, Grid
from simulator.evaluation.composed import Composed
from simulator.evaluation.openings import Openings
from simulator.evaluation.pools import Pools, pools_of
from simulator.evaluation.predictions import PredictionsFile
from simulator.evaluation.results import Results, Scale
from simulator.evaluation.tasks import Outcome, Statistics, measure, outcome
from simulator.log.schema import Float64, Int64, Labels
from simulator.pieces import RowQueue


@dataclass(slots=True)
class _OpenCell:
    """A cell whose served rows end before ``stop``; ``closed`` when no click can join it any more."""

    key: tuple[int, int]
    stop: int
    closed: bool = False


class Ledger:
    """Prequential evaluation of all methods of a run on one replay.

    Clicks are entered as they are served, predictions as methods make them, labels as they mature, each in
    the order of rows but otherwise at its own pace and in chunks of any size. A cell is judged when its last
    click has a label and every method's prediction; its clicks are then forgotten, so memory follows the age
    of labels. ``predict`` may be called from several threads; the rest belongs to one.

    Parameters
    ----------
    methods : the tasks that each method predicts.
    composed : those of them that predict by others, each after its members: nobody enters their predictions.
    calendar : phases of the promotions.
    stream_start, segment : first instant and length of the segments, in microseconds.
    predictions_path : where to keep every prediction beside its label (Parquet), or None.
    scale : per task, the (pre-trained, oracle) methods: 0 and 100 of the relative improvement.
    peeking : methods that read the future or the truth, and so do not compete.
    labels : type of the final labels.
    users : ``user_id`` of rows that are entered, read as cells are judged; None where no metric is inside users.
    lifetime : time from a click to its final label in microseconds, where it is known: dates ``mature_at``.
    """

    def __init__(
        self,
        methods: Mapping[str, tuple[str, ...]],
        calendar: Calendar,
        stream_start: int,
        segment: int,
        *,
        predictions_path: Path | None = None,
        scale: Scale | None = None,
        peeking: Collection[str] = (),
        lifetime: int | None = None,
        metrics: Sequence[str] = (),
        labels: type[Labels] = Labels,
        users: Iterator[tuple[int, Mapping[str, Int64]]] | None = None,
        composed: Mapping[str, Composed] = MappingProxyType({}),
    ) -> None:
        self.methods = {name: tuple(tasks) for name, tasks in methods.items()}
        self.grid = Grid(stream_start, segment, calendar)
        self._openings = Openings(calendar)
        self._pools: Pools = {}
        self._scale, self._peeking = dict(scale or {}), tuple(peeking)
        self._lifetime, self._metrics, self._type = lifetime, tuple(metrics), labels
        self._open: deque[_OpenCell] = deque()
        self._clicks = RowQueue("served clicks")
        self._labels = RowQueue("final labels")
        self._users = None if users is None else RowQueue("users", users)
        self._composed = {name: made for name, made in composed.items() if name in self.methods}
        learning = [name for name in self.methods if name not in composed]
        self._predictions = {name: RowQueue(f"predictions of {name!r}") for name in learning}
        self._lock = threading.Lock()
        self._cells: list[Cell] = []
        self._served = 0
        self._file = None if predictions_path is None else PredictionsFile(predictions_path, self.methods)

    def serve(self, row: int, click_id: Int64, time: Int64) -> None:
        """Enter consecutive clicks of the stream in replay order, the first at ``row`` of the log."""
        if not len(time):
            return
        if time[0] < self.grid.stream_start:
            raise ValueError(
                f"a click at {time[0]} was served before the stream starts, {self.grid.stream_start}"
            )
        self._clicks.push(row, {"click_id": click_id, "time": time})
        self._served += len(time)
        segment, switched = self.grid.locate(time)
        first = np.flatnonzero(
            np.append(True, (segment[1:] != segment[:-1]) | (switched[1:] != switched[:-1]))
        )
        for start, stop in zip(first, [*first[1:], len(time)], strict=True):
            key = (int(segment[start]), int(switched[start]))
            if self._open and self._open[-1].key == key:
                self._open[-1].stop = row + int(stop)
                continue
            if self._open:
                self._open[-1].closed = True
            self._open.append(_OpenCell(key, row + int(stop)))

    def predict(self, method: str, row: int, predictions: Mapping[str, Float64]) -> None:
        """Enter one method's predictions of consecutive rows, one array a task. Safe from any thread."""
        if method not in self._predictions:
            raise ValueError(unknown("method", method, self._predictions))
        tasks = self.methods[method]
        missing = [task for task in tasks if task not in predictions]
        if missing:
            raise ValueError(
                f"{method!r} predicted {sorted(predictions)}, not {missing}; its tasks are {list(tasks)}"
            )
        columns = {task: np.asarray(predictions[task], np.float64) for task in tasks}
        with self._lock:
            self._predictions[method].push(row, columns)

    def finalise(self, row: int, labels: Labels, truth: Mapping[str, Float64] | None = None) -> list[Cell]:
        """Enter the final labels of consecutive rows as they mature; return the cells that are now complete.

        ``truth`` has the true columns of the same rows in a synthetic world (p_pay; p_refund given a
        pay; expected_gmv per click). Rows before the first served one are passed over.
        """
        columns = labels.arrays()
        columns.update({f"true.{name}": values for name, values in (truth or {}).items()})
        start = self._clicks.start
        if start is None and self._labels.stop is None:
            return []
        if self._labels.stop is None and start is not None and row < start:
            skip = min(start - row, len(labels))
            row, columns = row + skip, {name: values[skip:] for name, values in columns.items()}
        self._labels.push(row, columns)
        complete: list[Cell] = []
        while self._open and self._open[0].closed and self._ready() >= self._open[0].stop:
            cell = self._open.popleft()
            complete.append(self._judge(cell.key, cell.stop))
        return complete

    def finish(self) -> Results:
        """Judge what is left and return the results. Clicks whose labels never matured are only counted."""
        final = -1 if self._labels.stop is None else self._labels.stop
        for cell in self._open:
            stop = min(cell.stop, final)
            if self._clicks.start is not None and stop > self._clicks.start:
                self._judge(cell.key, stop)
        self._open.clear()
        if self._file is not None:
            self._file.close()
        judged = sum(cell.rows for cell in self._cells)
        return Results(
            self.methods,
            self._cells,
            scale=self._scale,
            immature=self._served - judged,
            peeking=self._peeking,
            openings=self._openings.summary(),
            pools=self._pools,
        )

    def _ready(self) -> int:
        """First row for which something is still missing."""
        with self._lock:
            stops = [self._labels.stop, *(queue.stop for queue in self._predictions.values())]
        return min(-1 if stop is None else stop for stop in stops)

    def _judge(self, key: tuple[int, int], stop: int) -> Cell:
        with self._lock:
            queues = [self._labels, *self._predictions.values()]
            for queue in queues:
                if queue.start != self._clicks.start:
                    raise ValueError(
                        f"{queue.what} begin at row {queue.start}, the clicks at {self._clicks.start}"
                    )
            predicted = {name: queue.take(stop) for name, queue in self._predictions.items()}
        first = self._clicks.start
        user = None if self._users is None else self._users.take(stop, first)["user_id"]
        clicks, final = self._clicks.take(stop), self._labels.take(stop)
        labels = self._type.from_arrays(final)
        truth = {name.removeprefix("true."): v for name, v in final.items() if name.startswith("true.")}
        phase = self.grid.cell(*key).phase
        for name, made in self._composed.items():
            predicted[name] = made.serve(self.methods[name], phase, predicted)
        outcomes: dict[str, Outcome] = {}
        statistics: dict[tuple[str, str], Statistics] = {}
        for name, tasks in self.methods.items():
            for task in tasks:
                if task not in outcomes:
                    outcomes[task] = outcome(task, labels, truth, clicks["time"], user, self.grid.calendar)
                judged = outcomes[task]
                statistics[name, task] = measure(task, predicted[name][task], judged, self._metrics)
                for pool in pools_of(statistics[name, task].values):
                    served = predicted[name][task][judged.kept]
                    self._pools.setdefault((phase, name, task, pool), pool()).add(served, judged)
        self._openings.add(clicks["time"], outcomes, predicted)
        last = int(clicks["time"][-1])
        cell = replace(
            self.grid.cell(*key),
            rows=len(labels),
            mature_at=-1 if self._lifetime is None else last + self._lifetime,
            statistics=statistics,
        )
        if self._file is not None:
            self._file.write(cell, clicks, labels, truth, predicted)
        self._cells.append(cell)
        return cell
