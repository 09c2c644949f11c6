"""Conformance of tasks and of metrics: figures of rows, whatever their order, and of their weights."""

from __future__ import annotations

import numpy as np

from simulator.conformance import Checks
from simulator.evaluation.task import Metric, Outcome, Task
from simulator.randomness import generator

ROWS = 400


def metrics(metric: Metric) -> Checks:
    """Yield the checks of a metric."""
    rng = generator(0, "kit", "metric")
    label, served = (rng.random(ROWS) < 0.3).astype(float), rng.uniform(0.01, 0.9, ROWS)
    weight, order = rng.integers(1, 4, ROWS), rng.permutation(ROWS)
    copies, user = np.repeat(np.arange(ROWS), weight), np.arange(ROWS) % 5

    def measured(rows: np.ndarray, weights: np.ndarray) -> dict[str, float]:
        third = user[rows] if metric.by_user else weights.astype(float)
        return {"it": float(metric.function(served[rows], label[rows], third))}

    plain = np.arange(ROWS)
    whole = measured(plain, weight)
    yield (
        "a number",
        lambda: "" if np.isfinite(whole["it"]) else f"is {whole['it']} of predictions and labels",
    )
    yield (
        "permutation",
        lambda: _equal(whole, measured(order, weight[order]), "depends on the order of the rows"),
    )
    if whole != measured(plain, np.ones(ROWS)):  # else it is one that knows no weights
        said = "of weighted rows is not that of as many copies of each"
        yield "weights", lambda: _equal(whole, measured(copies, np.ones(len(copies))), said)


def tasks(task: Task) -> Checks:
    """Yield the checks of a task's metrics."""
    rng = generator(0, "kit", "task")
    label = (rng.random(ROWS) < 0.3).astype(float) if task.binary else np.round(rng.exponential(30, ROWS), 2)
    served = rng.uniform(0.01, 0.9, ROWS) if task.binary else rng.exponential(30, ROWS) + 0.1
    truth = rng.uniform(0.05, 0.8, ROWS) if task.binary else rng.exponential(30, ROWS) + 0.1
    some = rng.random(ROWS) < 0.5
    judged = Outcome(np.ones(ROWS, np.bool_), label, truth, some, ~some)
    order, copies = rng.permutation(ROWS), np.tile(np.arange(ROWS), 2)

    def measured(rows: np.ndarray) -> dict[str, float]:
        found = Outcome(judged.kept[rows], label[rows], truth[rows], some[rows], ~some[rows])
        return task.measure(served[rows], found)

    whole = np.arange(ROWS)
    yield (
        "names",
        lambda: (
            "" if set(measured(whole)) == set(task.measured) else f"measures {', '.join(measured(whole))}"
        ),
    )
    yield "permutation", lambda: _equal(measured(whole), measured(order), "depends on the order of the rows")
    yield (
        "weights",
        lambda: _equal(measured(whole), measured(copies), "is another one where each row is there twice"),
    )


def _equal(found: dict[str, float], other: dict[str, float], what: str) -> str:
    for name, value in found.items():
        if not np.isclose(value, other[name], rtol=1e-6, equal_nan=True):
            return f"{name} {what}: {value:.6g} and {other[name]:.6g}"
    return ""
