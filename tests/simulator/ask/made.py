"""A finished run of a sale, small and made up, with all the files that questions are answered from."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simulator.evaluation.results import METRICS_SCHEMA
from simulator.units import DAY, HOUR

METHODS = ("pre-trained", "oracle", "es-dfm", "fnw")
PHASES = ("before", "anticipation", "promotion", "after")
CLICKS = 20_000
OPENING = 6 * DAY
LEVEL = {"pre-trained": 0.7, "oracle": 1.0, "es-dfm": 0.9, "fnw": 1.2}
SPREAD = {"pre-trained": 0.05, "oracle": 0.01, "es-dfm": 0.03, "fnw": 0.04}


def make_run(base: Path, seed: int = 0, *, methods=METHODS, title="A made sale", predictions=True) -> Path:
    """Write a run directory of ten days, sale on the seventh, and return it."""
    run = base / f"abcd1234-s{seed}"
    run.mkdir(parents=True)
    draw = np.random.Generator(np.random.PCG64DXSM(seed))
    time = np.sort(draw.integers(0, 10 * DAY, CLICKS))
    converted = draw.random(CLICKS) < 0.2
    level = {name: LEVEL.get(name, 0.8) for name in methods}
    served = {
        f"{name}.cvr": np.clip(level[name] * (0.15 + 0.1 * draw.random(CLICKS)), 0.01, 0.9)
        for name in methods
    }
    phase = np.select([time < 3 * DAY, time < OPENING, time < 7 * DAY], PHASES[:3], PHASES[3])
    table = {"click_id": np.arange(CLICKS), "time": time, "phase": phase, "converted": converted, **served}
    if predictions:
        pq.write_table(pa.table(table), run / "predictions.parquet")
    pq.write_table(_metrics(methods, draw), run / "metrics.parquet")
    numbers = {name: {"cvr": _numbers(name, draw)} for name in methods}
    summary = {
        "name": "made",
        "title": title,
        "seed": seed,
        "config_hash": "abcd1234",
        "stream": {"start": 0, "end": 10 * DAY, "segment": 2 * HOUR},
        "upper_bounds": ["oracle"],
        "methods": numbers,
        "ranking": {
            "cvr": {
                "metric": "regret_nll",
                "methods": [name for name in methods if name not in ("oracle", "pre-trained")],
                "references": ["oracle", "pre-trained"],
                "pretrained": "pre-trained",
                "oracle": "oracle",
            }
        },
        "rows": {"cvr": {"rows": CLICKS, "positives": int(converted.sum()), "cells": 120}},
        "phases": {
            place: {name: {"cvr": _numbers(name, draw, turned=place == "anticipation")} for name in methods}
            for place in PHASES
        },
        "intervals": [
            {"method": "fnw", "baseline": "es-dfm", "task": "cvr", "phase": None, "metric": "nll"}
            | {"difference": 0.011, "low": 0.005, "high": 0.017, "blocks": 120}
        ],
        "costs": {name: _costs(name, draw) for name in methods},
        "promotions": [{"name": "sale", "start": OPENING, "end": 7 * DAY, "anticipation": 3 * DAY}],
        "switches": [
            {"time": at, "phase": place}
            for at, place in zip((3 * DAY, OPENING, 7 * DAY), PHASES[1:], strict=True)
        ],
        "log": {"read": 3000, "replayed": 3000, "quarantined": 0, "events": 700},
    }
    (run / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    (run / "manifest.json").write_text(json.dumps({"afterclick": "0.1.0", "threads": 1}), encoding="utf-8")
    scenario = (
        f'name = "made"\nseed = {seed}\n[windows]\nobservation = "15m"\n[[method]]\nmethod = "es-dfm"\n'
    )
    (run / "scenario.resolved.toml").write_text(scenario, encoding="utf-8")
    (run / "DONE").write_text("", encoding="utf-8")
    return run


def _numbers(name, draw, *, turned=False):
    regret = (
        0.02 + SPREAD.get(name, 0.06) * (1.2 if turned and name == "es-dfm" else 1.0) + 0.0005 * draw.random()
    )
    if turned and name == "pre-trained":
        regret = 0.03
    level = LEVEL.get(name, 0.8) * (0.5 if turned and name == "es-dfm" else 1)
    return {
        "auc": 0.7 + 0.01 * draw.random(),
        "nll": 0.2 + regret,
        "regret_nll": regret,
        "pcoc": level,
        "ri_auc": None,
    }


def _costs(name, draw):
    days = list(range(10))
    silent = name == "pre-trained"
    fakes = [None if silent else (0.09 if 3 <= day < 6 else 0.03) + 0.001 * draw.random() for day in days]
    return {
        "samples": 0 if silent else 2100,
        "duplication_factor": None if silent else 1.05,
        "fake_negative_rate": None if silent else 0.05,
        "label_age_s": {"mean": None if silent else 900.0},
        "delivery_delay_s": {"mean": None if silent else 4500.0},
        "staleness": None if silent else 4300.0,
        "by_day": {"day": days, "fake_negative_rate": fakes},
    }


def _metrics(methods, draw):
    rows = []
    for name in methods:
        for segment in range(120):
            start = segment * 2 * HOUR
            for metric in ("auc", "nll"):
                value = float(draw.random())
                row = (
                    name,
                    "cvr",
                    segment,
                    start,
                    start + 2 * HOUR,
                    "before",
                    False,
                    metric,
                    value,
                    10 + segment,
                    3,
                    None,
                )
                rows.append(row)
    return pa.Table.from_pylist(
        [dict(zip(METRICS_SCHEMA.names, row, strict=True)) for row in rows], schema=METRICS_SCHEMA
    )
