"""What a method won is not like what was offered: its predictions are judged on both, on the same clicks and labels."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

import numpy as np

from simulator.evaluation.ledger import Ledger
from simulator.evaluation.results import Results
from simulator.learning import Predictions
from simulator.log.schema import Bool, Float64, Int64, Labels
from simulator.pieces import RowQueue


class Selection:
    """Judges the predictions of each method on the clicks in its own world, which are some of those offered.

    It is told what an audience of the pipeline is told (`simulator.pipeline.audience.Audience`), of all clicks of the log,
    and before that which of them are whose.

    Parameters
    ----------
    ledgers : of each method alone.
    """

    def __init__(self, ledgers: Mapping[str, Ledger]) -> None:
        self._ledgers, self._lock = dict(ledgers), Lock()
        self._count = dict.fromkeys(ledgers, 0)
        # Predictions come from the methods' threads, at their own pace.
        self._predicted, self._judged = (
            {name: RowQueue(f"clicks of {name!r}") for name in ledgers} for _ in range(2)
        )

    def own(self, method: str, row: int, own: Bool) -> None:
        """Enter which of consecutive clicks of the log are in a method's world."""
        if method not in self._ledgers:
            return
        place = np.where(own, self._count[method] + np.cumsum(own) - 1, -1)
        self._count[method] += int(own.sum())
        with self._lock:
            self._predicted[method].push(row, {"place": place})
        self._judged[method].push(row, {"place": place})

    def serve(self, row: int, click_id: Int64, time: Int64) -> None:
        """Enter served clicks."""
        rows = np.arange(row, row + len(time))
        for name, ledger in self._ledgers.items():
            place = self._judged[name].of(rows)["place"]
            own = place >= 0
            if own.any():
                ledger.serve(int(place[own][0]), click_id[own], time[own])

    def predict(self, method: str, row: int, predictions: Predictions) -> None:
        """Enter predictions of consecutive clicks (from the methods' threads)."""
        if method not in self._ledgers:
            return
        count = len(next(iter(predictions.values())))
        with self._lock:
            place = self._predicted[method].take(row + count, row)["place"]
        own = place >= 0
        if own.any():
            mine = {task: np.asarray(values)[own] for task, values in predictions.items()}
            self._ledgers[method].predict(method, int(place[own][0]), mine)

    def finalise(self, row: int, labels: Labels, truth: Mapping[str, Float64] | None) -> None:
        """Enter final labels of consecutive clicks."""
        for name, ledger in self._ledgers.items():
            place = self._judged[name].take(row + len(labels), row)["place"]
            own = place >= 0
            if own.any():
                known = None if truth is None else {column: of[own] for column, of in truth.items()}
                ledger.finalise(int(place[own][0]), labels[own], known)

    def finish(self) -> dict[str, Results]:
        """Return the results of each method on its own clicks."""
        return {name: ledger.finish() for name, ledger in self._ledgers.items()}
