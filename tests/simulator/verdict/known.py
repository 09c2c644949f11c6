"""Runs whose truth is known: which method is best in which stretch, by how much, and how that varies."""

from __future__ import annotations

import numpy as np

from simulator.calendar import Calendar, Promotion
from simulator.evaluation.ledger import Ledger
from simulator.log.schema import Labels
from simulator.report.summary import build_summary, json_safe
from simulator.units import DAY, HOUR
from simulator.verdict.runs import Finished, verdict
from simulator.verdict.settings import VerdictBlock

CALENDAR = Calendar.of([Promotion("sale", 3 * DAY, 4 * DAY, DAY)])
SEGMENT, END = 3 * HOUR, 6 * DAY
PHASES = {"before": 2, "anticipation": 1, "promotion": 1, "after": 2}
"""Days of each phase of the stream."""
COSTS = {
    "samples": 10,
    "duplication_factor": 1.0,
    "fake_negative_rate": 0.1,
    "label_age_s": {"p50": 900.0},
    "staleness": 600.0,
}


def labels_of(converted, time, refunded=None):
    n = len(time)
    gmv = np.where(converted, 100.0, 0.0)
    return Labels(
        converted,
        np.zeros(n, np.bool_) if refunded is None else refunded,
        gmv,
        np.zeros(n),
        converted.astype(np.int32),
        np.where(converted, time + HOUR, -1),
        np.full(n, -1, np.int64),
        np.full(n, -1, np.int64),
    )


def factor_of(by_phase, time, calendar=CALENDAR):
    """What a method's probabilities are multiplied by, at the time of each click."""
    names = ("before", "anticipation", "promotion", "after")
    table = np.array([by_phase.get(name, by_phase.get("all", 1.0)) for name in names])
    return table[calendar.phase(time)]


def made(methods, seed=0, clicks=6000, *, calendar=CALENDAR, path=None, costs=(), scale=None, peeking=(), truth=True,
         task="cvr", rate=0.3):  # fmt: skip
    """Judge methods that predict the truth times a factor of the phase; of a callable, what it returns."""
    random = np.random.default_rng(seed)
    time = np.sort(random.integers(0, END, clicks))
    p = rate * np.exp(random.uniform(-0.5, 0.5, clicks))
    converted = random.random(clicks) < p
    refunded = converted & (random.random(clicks) < 0.2)
    served = {
        name: of(p, time, random) if callable(of) else np.minimum(p * factor_of(of, time, calendar), 0.999)
        for name, of in methods.items()
    }
    scale = {task: (("frozen" if "frozen" in methods else None), None)} if scale is None else scale
    ledger = Ledger(dict.fromkeys(methods, (task,)), calendar, 0, SEGMENT, scale=scale, peeking=peeking,
                    lifetime=0, predictions_path=path)  # fmt: skip
    ledger.serve(0, np.arange(clicks), time)
    for name in methods:
        ledger.predict(name, 0, {task: served[name]})
    known = {"p_pay": p, "p_refund": np.full(clicks, 0.2), "expected_gmv": 100 * p} if truth else None
    ledger.finalise(0, labels_of(converted, time, refunded), known)
    results = ledger.finish()
    own = {name: COSTS | ({"samples": 0, "staleness": None} if name == "frozen" else {}) for name in methods}
    summary = build_summary(
        results,
        own | dict(costs),
        {},
        {},
        calendar=calendar,
        identity={"name": "known", "seed": seed, "upper_bounds": list(peeking)},
    )
    return Finished(summary, results.metrics, path)


def asked(runs, confidence=0.95, **settings):
    """Return the first task's verdict as it lies in a file, and its stretches by name."""
    told = json_safe(verdict(runs, VerdictBlock.model_validate(settings), confidence))[0]
    return told, {stretch["name"]: stretch for stretch in told["stretches"]}


def divergence(p, factor):
    """Expected regret of predicting ``p * factor`` where ``p`` is true."""
    q = p * factor
    return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
