"""A small but whole run, judged, with costs and intervals."""

from functools import cache

import numpy as np

from simulator.evaluation.costs import CostMeter
from simulator.evaluation.intervals import paired_intervals
from simulator.report.summary import build_summary
from tests.simulator.evaluation.stream import CALENDAR, feed, make_stream, new_ledger
from tests.simulator.evaluation.test_costs import random_case

LONG = "a-method-whose-name-is-as-long-as-the-scenario-allows+" + "x" * 26


def rename(method):
    return LONG if method == "both" else method


@cache
def make_run(seed=11, origin="2024-11-06T00:00:00+00:00"):
    stream = make_stream(4000, seed)
    stream.predictions = {rename(m): tasks for m, tasks in stream.predictions.items()}
    ledger = new_ledger(methods={m: tuple(tasks) for m, tasks in stream.predictions.items()})
    feed(ledger, stream, np.random.default_rng(0), settled=3900)
    results = ledger.finish()
    costs = {}
    for method in results.methods:
        meter = CostMeter()
        labels, samples = random_case(200, len(method))
        meter.delivered(samples)
        meter.finalise(0, labels)
        costs[method] = {**meter.summary(), "steps": 1234}
    summary = build_summary(
        results,
        costs,
        {"read": 5003, "replayed": 5000, "quarantined": 3},
        {"replay": 1.5, "evaluation": 0.5},
        clicks_per_second=2666.0,
        intervals=paired_intervals(results),
        calendar=CALENDAR,
        identity={"name": "made", "title": "A made run", "seed": seed, "origin": origin},
    )
    return results, summary
