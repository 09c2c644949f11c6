"""How long a new entity (an item, a user, a campaign) is mispriced: metrics by its age, from predictions and the log.

An entity is new when its first click of the whole log lies in what is judged; its age begins there. A method is calibrated
on it from the first day of age d on such that, over the days d to d + ``days``, the sum of predictions lies within a share of
what was to be expected: the world's truth where it is known, final labels elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from simulator.errors import ScenarioError, unknown
from simulator.evaluation.tasks import TASKS, Outcome, outcome
from simulator.log.reader import Log
from simulator.log.schema import Bool, Float64, Int64, Labels, column_slices
from simulator.units import DAY

IDS = ("user_id", "item_id")
"""Columns that every log has; other entities are features."""
AGED = ("cvr", "netcvr", "gmv")
"""Tasks whose labels are beside the predictions."""
_TRUE = ("p_pay", "p_refund", "expected_gmv")


@dataclass(frozen=True, slots=True)
class Ageing:
    """What is asked: within which share of 1 (``within``) predicted over expected must stay, and for how many ``days``.

    Entities with fewer than ``positives`` positive labels are left out: nothing can be said of them; so are those that are
    observed for a shorter time than ``days``.
    """

    within: float = 0.2
    days: int = 2
    positives: int = 5


def entities(log: Log, name: str) -> Int64:
    """Return the entity of every click of a log, in the order of its rows.

    Raises
    ------
    ScenarioError : the log has no such feature, or clicks have several of it.
    """
    check_entity(log, name)
    if name in IDS:
        return np.concatenate([columns[name] for _, columns in log.ids()])
    place = [feature.name for feature in log.features].index(name)
    column = column_slices(log.features)[place].start
    return np.concatenate([batch.features[:, column] for batch in log.clicks()]).astype(np.int64)


def check_entity(log: Log, name: str) -> None:
    """Refuse an entity that the log does not have."""
    single = [feature.name for feature in log.features if not feature.tags]
    if name not in (*IDS, *single):
        raise ScenarioError("evaluation.entity: " + unknown("feature", name, (*IDS, *single)))


def ageing(
    predictions: Path, methods: Mapping[str, tuple[str, ...]], entity: Int64, first: int, asked: Ageing
) -> dict[str, dict[str, Any]]:
    """Measure by task and method how long new entities are not calibrated, and what that costs.

    Parameters
    ----------
    predictions : ``predictions.parquet`` of the run.
    methods : the tasks that each method predicts.
    entity : of every click of the log; ``first`` is the row of the first one in ``predictions``.

    Returns
    -------
    By task: ``entities`` (of which can be said something), ``young`` (observed for too short a time), and by method:
    ``median`` (days of age; None where most are never calibrated), ``never`` (share that is not while it is observed),
    ``money`` (of an entity, in the mean: the sum over days until it is calibrated of abs(predicted - expected), in the amounts
    of its conversions; None where the log has none), ``calibrated`` (share of entities that are, at each day of age).
    """
    file = pq.ParquetFile(predictions)
    columns = ["time", "converted", "refunded", "gmv", *(t for t in _TRUE if t in file.schema_arrow.names)]
    base = {name: column.to_numpy() for name, column in zip(columns, file.read(columns).columns, strict=True)}
    lives = _Lives.of(entity[: first + len(base["time"])], base["time"], first)
    truth = {name: base[name] for name in columns[4:]}
    found: dict[str, dict[str, Any]] = {}
    for task in AGED:
        serving = [method for method, tasks in methods.items() if task in tasks]
        if not serving:
            continue
        aged = _Aged.of(
            lives, outcome(task, _labels(base), truth), base["gmv"], asked, binary=TASKS[task].binary
        )
        found[task] = {"entities": len(aged.life), "young": aged.young, "methods": {}}
        for method in serving:
            served = file.read([f"{method}.{task}"]).column(0).to_numpy()
            found[task]["methods"][method] = aged.measure(served, asked)
    return found


def _labels(base: Mapping[str, Any]) -> Labels:
    """Return final labels as far as they stand beside predictions."""
    none = np.full(len(base["time"]), -1, np.int64)
    paid = base["converted"].astype(np.int32)
    return Labels(
        base["converted"], base["refunded"], base["gmv"], np.zeros(len(paid)), paid, none, none, none
    )


@dataclass(frozen=True, slots=True)
class _Lives:
    """New entities, numbered: of every judged click its entity (-1: not new) and that one's age in days; ``life`` of each is
    for how many days it was observed.
    """

    number: Int64
    age: Int64
    life: Int64

    @classmethod
    def of(cls, entity: Int64, time: Int64, first: int) -> _Lives:
        _, begin, code = np.unique(entity, return_index=True, return_inverse=True)
        new = begin >= first
        number = np.where(new, np.cumsum(new) - 1, -1)[code[first:]]
        born = time[begin[new] - first]
        age = np.where(number >= 0, (time - born[number]) // DAY if len(born) else 0, -1)
        return cls(number, age, (time[-1] + 1 - born) // DAY if len(time) else born)


@dataclass(frozen=True, slots=True)
class _Aged:
    """The clicks of entities of which something can be said: ``rows`` of them, the cell (entity, day of age) of each.

    ``expected`` is of shape (entities, days); ``value`` of an entity is what a unit of the label brings.
    """

    rows: Int64
    cell: Int64
    life: Int64
    expected: Float64
    value: Float64
    young: int

    @classmethod
    def of(cls, lives: _Lives, judged: Outcome, amount: Float64, asked: Ageing, *, binary: bool) -> _Aged:
        kept = np.flatnonzero(judged.kept)
        own = lives.number[kept]
        whole: Float64 = judged.label if judged.truth is None else judged.truth
        inside = own >= 0
        positives = np.bincount(own[inside & (judged.label > 0)], minlength=len(lives.life))
        known = positives >= asked.positives
        chosen: Bool = known & (lives.life >= asked.days)
        inside[inside] = chosen[own[inside]]
        rows, number = kept[inside], (np.cumsum(chosen) - 1)[own[inside]]
        days = max(int(lives.age.max(initial=0)) + 1, int(lives.life.max(initial=0)))
        count = int(chosen.sum())
        cell = number * days + lives.age[rows]
        expected = _sums(cell, whole[inside], (count, days))
        value = np.ones(count)
        if binary:
            value = np.bincount(number, amount[rows], count) / positives[chosen]
        return cls(rows, cell, lives.life[chosen], expected, value, int((known & ~chosen).sum()))

    def measure(self, served: Float64, asked: Ageing) -> dict[str, Any]:
        """Measure one method's predictions of all judged clicks."""
        count, days = self.expected.shape
        predicted = _sums(self.cell, served[self.rows], (count, days))
        when = self._calibrated(predicted, asked)
        until = np.arange(days) < when[:, None]
        money = (np.abs(predicted - self.expected) * until).sum(axis=1) * self.value
        last = max(days - asked.days, 0) + 1
        median = float(np.median(when)) if count else np.inf
        return {
            "median": median if np.isfinite(median) else None,
            "never": float(np.isinf(when).mean()) if count else None,
            "money": float(money.mean()) if count and self.value.any() else None,
            "calibrated": [float((when <= day).mean()) for day in range(last)] if count else [],
        }

    def _calibrated(self, predicted: Float64, asked: Ageing) -> Float64:
        """Return the day of age from which each entity is calibrated; infinite where it never is while it is observed."""
        up, down = (_over_days(sums, asked.days) for sums in (predicted, self.expected))
        with np.errstate(divide="ignore", invalid="ignore"):
            good = (down > 0) & (np.abs(up / down - 1) <= asked.within)
        good &= np.arange(good.shape[1]) + asked.days <= self.life[:, None]
        return (
            np.where(good.any(axis=1), good.argmax(axis=1), np.inf)
            if good.size
            else np.full(len(good), np.inf)
        )


def _sums(cell: Int64, values: Float64, shape: tuple[int, int]) -> Float64:
    """Return the sum of the values of each cell."""
    return np.asarray(np.bincount(cell, values, shape[0] * shape[1]), np.float64).reshape(shape)


def _over_days(sums: Float64, days: int) -> Float64:
    """Return the sums over so many days from each day on; what is summed is 0 where nothing was, to the bit."""
    if days > sums.shape[1]:
        return np.empty((len(sums), 0))
    total: Float64 = np.lib.stride_tricks.sliding_window_view(sums, days, axis=1).sum(axis=-1)
    return total
