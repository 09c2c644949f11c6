"""The results of a run: metrics of every cell, and what they come to by phase, by day and overall."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simulator.atomic import written_whole
from simulator.calendar import PHASES
from simulator.evaluation.cells import Cell
from simulator.evaluation.openings import joined_openings
from simulator.evaluation.pools import Pools, over_all
from simulator.evaluation.tasks import RELATIVE, TASKS
from simulator.log.schema import Bool, Float64, Int64

SUMS = ("sum_prediction", "sum_label")
"""Stored beside the metrics, so that PCOC of any set of cells can be had from ``metrics.parquet`` alone."""

SHORTEST = 0.002
"""Where an oracle is less than this above the frozen model (or below it), a scale between them measures noise: no RI."""

ROOTS = frozenset({"rmse", "rmse_truth"})
"""Metrics whose squares are means over rows."""

METRICS_SCHEMA = pa.schema(
    [
        ("method", pa.string()),
        ("task", pa.string()),
        ("segment", pa.int64()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("phase", pa.string()),
        ("after_switch", pa.bool_()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("rows", pa.int64()),
        ("positives", pa.int64()),
        ("mature_at", pa.int64()),
    ]
)
"""``metrics.parquet``, long form: one row for each cell, method, task and metric (and the two sums).

``rows`` counts the clicks that the metric is over: all that the task is judged on (converted ones for rfr and gmv), or
some of them (those that paid again, for bias_again); ``positives`` those of the task with a label above 0. An undefined
value is null; ``mature_at`` is when the last label of the cell was final (null: not known).
"""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What a method reached on a task over a set of cells.

    ``values`` are over all rows, but for those `BY_SEGMENT`: means over cells, weighted by rows. ``means`` is the plain
    mean over cells of each metric, as some papers report. Cells in which a metric is undefined are left out of it.
    """

    rows: int
    positives: int
    cells: int
    values: dict[str, float]
    means: dict[str, float]


Scale = Mapping[str, tuple[str | None, str | None]]
"""Per task, the (pre-trained, oracle) methods; None where the run has none of that kind."""

Table = dict[str, dict[str, Aggregate]]
"""Aggregates by method and task."""


@dataclass(frozen=True, slots=True)
class Series:
    """One method on one task, cell by cell: arrays of shape (cells,), NaN where undefined; ``over`` are rows by metric."""

    rows: Int64
    positives: Int64
    values: Mapping[str, Float64]
    over: Mapping[str, Int64]


@dataclass
class Results:
    """All cells of a run, in order of time.

    Parameters
    ----------
    methods : tasks of each method.
    cells : judged cells.
    scale : per task the (pre-trained, oracle) methods that are 0 and 100 of RI-AUC and RI-PRAUC. Either
        may be None; the one that ran still ranks apart.
    immature : served clicks whose label was not final when the log ended; they are in no cell.
    peeking : methods that read the future or the truth: they are shown apart, too.
    openings : hour by hour around each promotion (`simulator.evaluation.openings`).
    pools : what is kept of metrics that are no mean of the cells' own.
    """

    methods: Mapping[str, tuple[str, ...]]
    cells: Sequence[Cell]
    scale: Scale = field(default_factory=dict)
    immature: int = 0
    peeking: Collection[str] = ()
    openings: Sequence[Mapping[str, Any]] = ()
    pools: Pools = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.series = {
            (method, task): self._series(method, task)
            for method, tasks in self.methods.items()
            for task in tasks
        }
        self.starts = np.array([cell.start for cell in self.cells], np.int64)
        self.phases = np.array([PHASES.index(cell.phase) for cell in self.cells], np.int64)
        self.after_switch = np.array([cell.after_switch for cell in self.cells], np.bool_)

    def joined(self, other: Results) -> Results:
        """Return these results, of clicks, with those that the same methods reached on impressions."""
        found = {(cell.segment, cell.start): cell for cell in other.cells}
        cells = [
            replace(cell, statistics={**cell.statistics, **found[cell.segment, cell.start].statistics})
            for cell in self.cells
            if (cell.segment, cell.start) in found
        ]
        return replace(
            self,
            methods={name: (*tasks, *other.methods.get(name, ())) for name, tasks in self.methods.items()},
            cells=cells,
            immature=self.immature + sum(cell.rows for cell in self.cells) - sum(cell.rows for cell in cells),
            openings=joined_openings(self.openings, other.openings),
            pools={**self.pools, **other.pools},
        )

    @property
    def rows(self) -> int:
        """Clicks judged."""
        return sum(cell.rows for cell in self.cells)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks that some method predicts, in the order of `TASKS`."""
        served = dict.fromkeys(task for tasks in self.methods.values() for task in tasks)
        return tuple(sorted(served, key=_place))

    @property
    def further(self) -> tuple[str, ...]:
        """Metrics that were measured beside those of the tasks."""
        return tuple(
            dict.fromkeys(
                name
                for (_, task), series in self.series.items()
                for name in series.values
                if name not in (*SUMS, *TASKS[task].measured)
            )
        )

    def references(self, task: str) -> frozenset[str]:
        """Return the methods that do not compete: those that mark the scale of a task, and those that peek."""
        ends = {name for name in self.scale.get(task, ()) if name and name in self.methods}
        return frozenset(ends | {name for name in self.peeking if task in self.methods.get(name, ())})

    def bounds(self, task: str) -> frozenset[str]:
        """Return the references that nobody can serve: those that peek, and the one that marks 100 of the scale."""
        return self.references(task) & {self.scale.get(task, (None, None))[1], *self.peeking}

    def truth_known(self, task: str) -> bool:
        """Whether a regret against the truth could be measured."""
        return any(
            bool(np.isfinite(series.values[TASKS[task].regret]).any())
            for (_, of), series in self.series.items()
            if of == task
        )

    def _pool(self, chosen: Bool, phases: Sequence[str] = ()) -> Table:
        """Pool the chosen cells (one entry a cell), which are one cell, or all of ``phases``."""
        table: Table = {
            method: {task: _aggregate(self.series[method, task], chosen) for task in tasks}
            for method, tasks in self.methods.items()
        }
        for method, task in self.series if phases else ():
            values = table[method][task].values
            values.update(over_all(self.pools, phases, method, task, values))
        for task, ends in self.scale.items():
            for tasks in table.values():
                if task in tasks:
                    _relate(tasks[task], *(table.get(name or "", {}).get(task) for name in ends))
        return table

    def overall(self) -> Table:
        """Pool all cells."""
        return self._pool(np.ones(len(self.cells), np.bool_), PHASES)

    def by_phase(self) -> dict[str, Table]:
        """Pool by phase of the promotion; phases without a cell are absent."""
        return {
            phase: self._pool(self.phases == code, [phase])
            for code, phase in enumerate(PHASES)
            if code in set(self.phases)
        }

    def first_after_switch(self) -> list[tuple[Cell, Table]]:
        """Return each cell that begins with a phase switch, by itself."""
        marks = np.flatnonzero(self.after_switch)
        return [(self.cells[int(i)], self._pool(np.arange(len(self.cells)) == i)) for i in marks]

    @property
    def metrics(self) -> pa.Table:
        """Every metric of every cell in long form (`METRICS_SCHEMA`)."""
        columns: dict[str, list[object]] = {name: [] for name in METRICS_SCHEMA.names}
        for cell in self.cells:
            for (method, task), statistics in cell.statistics.items():
                values = {
                    **statistics.values,
                    "sum_prediction": statistics.sum_prediction,
                    "sum_label": statistics.sum_label,
                }
                for metric, value in values.items():
                    entry = (
                        method,
                        task,
                        cell.segment,
                        cell.start,
                        cell.end,
                        cell.phase,
                        cell.after_switch,
                        metric,
                        value if math.isfinite(value) else None,
                        statistics.rows_of(metric),
                        statistics.positives,
                        None if cell.mature_at < 0 else cell.mature_at,
                    )
                    for name, item in zip(METRICS_SCHEMA.names, entry, strict=True):
                        columns[name].append(item)
        return pa.table(columns, schema=METRICS_SCHEMA)

    def write_metrics(self, path: Path) -> None:
        """Write ``metrics.parquet``, whole or not at all."""
        with written_whole(path) as partial:
            pq.write_table(self.metrics, partial, compression="zstd")

    def _series(self, method: str, task: str) -> Series:
        found = [cell.statistics[method, task] for cell in self.cells]
        values = {
            name: np.array([statistics.values[name] for statistics in found], np.float64)
            for name in (found[0].values if found else TASKS[task].measured)
        }
        values["sum_prediction"] = np.array([s.sum_prediction for s in found], np.float64)
        values["sum_label"] = np.array([s.sum_label for s in found], np.float64)
        return Series(
            np.array([s.rows for s in found], np.int64),
            np.array([s.positives for s in found], np.int64),
            values,
            {name: np.array([s.rows_of(name) for s in found], np.int64) for name in values},
        )


def _place(task: str) -> int:
    known = list(TASKS)
    return known.index(task) if task in known else len(known)


def _aggregate(series: Series, chosen: Bool) -> Aggregate:
    rows = series.rows[chosen]
    values: dict[str, float] = {}
    means: dict[str, float] = {}
    for name, column in series.values.items():
        if name in SUMS:
            continue
        kept, over = column[chosen], series.over[name][chosen].astype(np.float64)
        known = np.isfinite(kept) & (over > 0)
        weight, power = float(over[known].sum()), 2 if name in ROOTS else 1
        values[name] = (
            (float(kept[known] ** power @ over[known]) / weight) ** (1 / power) if weight else math.nan
        )
        means[name] = float(kept[known].mean()) if known.any() else math.nan
    total = float(series.values["sum_label"][chosen].sum())
    values["pcoc"] = float(series.values["sum_prediction"][chosen].sum()) / total if total else math.nan
    return Aggregate(
        int(rows.sum()), int(series.positives[chosen].sum()), int(np.count_nonzero(rows)), values, means
    )


def _relate(reached: Aggregate, zero: Aggregate | None, hundred: Aggregate | None) -> None:
    """Add RI-AUC and RI-PRAUC in per cent of the way from the pre-trained model to the oracle."""
    for metric, name in RELATIVE.items():
        for source in ("values", "means"):
            into: dict[str, float] = getattr(reached, source)
            if metric not in into:
                continue
            if zero is None or hundred is None:
                into[name] = math.nan
                continue
            low, high = getattr(zero, source)[metric], getattr(hundred, source)[metric]
            share = (into[metric] - low) / (high - low) if high - low >= SHORTEST else math.nan
            into[name] = 100.0 * share
