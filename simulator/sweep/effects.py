"""What a swept key does to a metric: means over seeds with their intervals, and differences paired by seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from simulator.evaluation.compare import OVERALL
from simulator.evaluation.intervals import Combined, combine_seeds
from simulator.evaluation.tasks import TASKS

SCENARIO = "scenario"
"""Key of several scenarios."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one key does to one metric of a task.

    ``levels`` are the values of the key in the order in which they are drawn. By method and level: ``means``, over the values
    of all other keys and then over seeds; ``paired``, the difference to the first level in runs that are alike but for the key,
    with the t-interval over seeds. A level of a method without runs has no number.
    """

    key: str
    task: str
    metric: str
    levels: tuple[Any, ...]
    means: Mapping[str, tuple[Combined, ...]]
    paired: Mapping[str, tuple[Combined, ...]]


def effects(table: pa.Table, keys: Sequence[str]) -> Iterator[Effect]:
    """Yield the effects of every key that takes several values, on the leading metric of every task."""
    if not table.num_rows:
        return
    rows = table.filter(pa.compute.equal(table.column("phase"), OVERALL)).to_pylist()
    swept = [key for key in (SCENARIO, *keys) if len({row[key] for row in rows}) > 1]
    for task in [task for task in TASKS if any(row["task"] == task for row in rows)]:
        metric = _leading(rows, task)
        chosen = [row for row in rows if row["task"] == task and row["metric"] == metric]
        for key in swept:
            yield _effect(chosen, key, [other for other in swept if other != key], task, metric)


def _leading(rows: Iterable[Mapping[str, Any]], task: str) -> str:
    """Return the regret where a run knows the truth, else the metric that ranks."""
    headline = TASKS[task].headline
    known = any(
        row["task"] == task and row["metric"] == headline and row["value"] is not None for row in rows
    )
    return headline if known else TASKS[task].primary


def _effect(
    rows: Sequence[Mapping[str, Any]], key: str, others: Sequence[str], task: str, metric: str
) -> Effect:
    levels = tuple(_in_order({row[key]: None for row in rows}))
    by: defaultdict[str, dict[tuple[Any, int, tuple[Any, ...]], float]] = defaultdict(dict)
    for row in rows:
        if row["value"] is not None:
            by[row["method"]][row[key], row["seed"], tuple(row[other] for other in others)] = row["value"]
    means, paired = {}, {}
    for method, values in by.items():
        means[method] = tuple(_over_seeds(values, level) for level in levels)
        paired[method] = tuple(_over_seeds(values, level, levels[0]) for level in levels)
    return Effect(key, task, metric, levels, means, paired)


def _over_seeds(
    values: Mapping[tuple[Any, int, tuple[Any, ...]], float], level: Any, reference: Any = None
) -> Combined:
    """Combine the seeds at a level; with a ``reference``, the differences of runs that are there at both."""
    by_seed: defaultdict[int, list[float]] = defaultdict(list)
    for (at, seed, rest), value in values.items():
        if at != level:
            continue
        base = 0.0 if reference is None else values.get((reference, seed, rest))
        if base is not None:
            by_seed[seed].append(value - base)
    return combine_seeds([sum(some) / len(some) for some in by_seed.values()])


def _in_order(levels: Iterable[Any]) -> list[Any]:
    """Sort numbers; keep texts in the order of the plan."""
    found = list(levels)
    return sorted(found) if all(isinstance(level, int | float) for level in found) else found
