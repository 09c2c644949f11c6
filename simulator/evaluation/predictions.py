"""``predictions.parquet``: every judged prediction beside its click and its final label."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator.calendar import PHASES
from simulator.evaluation.cells import Cell
from simulator.log.schema import Float64, Labels
from simulator.rowgroups import RowGroups


class PredictionsFile(RowGroups):
    """Writes cells as they are judged, in the order of the log. It is whole when it is closed.

    Columns: click_id, time, segment, phase, converted, refunded, gmv, first_pay (null: none), the world's
    true columns under their own names, and one column ``<method>.<task>`` for each method and task.
    """

    def __init__(self, path: Path, methods: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(path)
        self._methods = methods

    def write(
        self,
        cell: Cell,
        clicks: Mapping[str, NDArray[Any]],
        labels: Labels,
        truth: Mapping[str, Float64],
        predicted: Mapping[str, Mapping[str, Float64]],
    ) -> None:
        """Append one cell. Small cells share a row group."""
        n = len(labels)
        columns: dict[str, Any] = {
            "click_id": clicks["click_id"],
            "time": clicks["time"],
            "segment": np.full(n, cell.segment, np.int32),
            "phase": pa.DictionaryArray.from_arrays(
                pa.array(np.full(n, PHASES.index(cell.phase), np.int8)), pa.array(PHASES)
            ),
            "converted": labels.converted,
            "refunded": labels.refunded,
            "gmv": labels.gmv,
            "first_pay": pa.array(labels.first_pay, mask=labels.first_pay < 0),
            **truth,
        }
        for method, tasks in self._methods.items():
            columns.update({f"{method}.{task}": predicted[method][task] for task in tasks})
        self.add(pa.table(columns))
