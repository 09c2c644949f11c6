"""What one run measured on one task, cell by cell, read from its long table of metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.log.schema import Float64, Int64


@dataclass(frozen=True, slots=True)
class Measured:
    """The cells of a run in order of time, and what each method's metrics are in them.

    Parameters
    ----------
    start, end : of each cell, in microseconds from the log's origin, shape (cells,).
    phase : its phase.
    values, rows : by (method, metric), the value in each cell (NaN: undefined) and the rows that it is over, shape (cells,).
    """

    start: Int64
    end: Int64
    phase: tuple[str, ...]
    values: Mapping[tuple[str, str], Float64]
    rows: Mapping[tuple[str, str], Float64]

    @classmethod
    def of(cls, metrics: pa.Table, task: str, wanted: Iterable[str]) -> Measured:
        """Read the ``wanted`` metrics of a task from the table that `Results.metrics` makes."""
        chosen = pc.and_(
            pc.equal(metrics["task"], task), pc.is_in(metrics["metric"], pa.array(sorted(set(wanted))))
        )
        table = metrics.filter(chosen)
        start, first = np.unique(table["start"].to_numpy(), return_index=True)
        at = np.searchsorted(start, table["start"].to_numpy())
        value, rows = (np.asarray(table[name].to_numpy(), np.float64) for name in ("value", "rows"))
        names = [table[name].to_numpy() for name in ("method", "metric")]
        found: tuple[dict[tuple[str, str], Float64], ...] = ({}, {})
        for pair in dict.fromkeys(zip(*(column.tolist() for column in names), strict=True)):
            here = (names[0] == pair[0]) & (names[1] == pair[1])
            for into, column, empty in zip(found, (value, rows), (np.nan, 0.0), strict=True):
                into[pair] = np.full(len(start), empty)
                into[pair][at[here]] = column[here]
        ends, phases = table["end"].to_numpy(), table["phase"].to_pylist()
        return cls(start, ends[first], tuple(phases[i] for i in first), *found)
