"""A study chooses the points by what was reached; the same answers lead to the same points."""

from __future__ import annotations

import json

import pytest

from simulator.errors import RunError
from simulator.sweep.file import read_sweep
from simulator.sweep.search import Study

pytest.importorskip(
    "optuna", reason="Optuna is not installed (pip install optuna): nothing to choose points with"
)

SEARCH = """
[sweep]
scenarios = ["minimal.toml"]
set."learner.learning_rate" = { from = 1e-4, to = 1e-1, scale = "log" }
set."learner.batch_size" = { from = 16, to = 64 }
set."windows.observation" = ["15m", "1h", "2h"]
[sweep.search]
objective = "fnw:cvr:nll"
trials = 12
"""


def studied(folder, objective="fnw:cvr:nll"):
    """Search where a rate of 0.01 and a window of an hour are best; return the points and the study."""
    path = folder / "sweep.toml"
    path.write_text(SEARCH.replace("fnw:cvr:nll", objective), encoding="utf-8")
    sweep = read_sweep(path)
    study, at = Study(sweep, sweep.search), []
    while trials := study.ask(5):
        for number, (trial, point) in enumerate(trials):
            at.append(point)
            off = abs(point["learner.learning_rate"] - 0.01) + (point["windows.observation"] != "1h")
            runs = [folder / f"{len(at)}-{seed}" for seed in range(2 * (number > 0))]
            for sign, run in zip((-1, 1), runs, strict=False):
                run.mkdir(exist_ok=True)
                told = {"methods": {"fnw": {"cvr": {"nll": off + 0.1 * sign, "auc": None}}}}
                (run / "summary.json").write_text(json.dumps(told), encoding="utf-8")
            study.tell(trial, runs)
    return at, study


def test_a_study_is_told_means_over_seeds_and_can_be_begun_again(tmp_path):
    at, study = studied(tmp_path)
    assert len(at) == 12
    assert all(
        1e-4 <= point["learner.learning_rate"] <= 0.1 and 16 <= point["learner.batch_size"] <= 64
        for point in at
    )
    told = [p for i, p in enumerate(at) if i not in (0, 5, 10)]  # without a finished run they do not count
    best = min(
        told, key=lambda p: abs(p["learner.learning_rate"] - 0.01) + (p["windows.observation"] != "1h")
    )
    assert f"windows.observation = {best['windows.observation']}" in study.best
    assert f"{best['learner.batch_size']}" in study.best
    assert studied(tmp_path)[0] == at


def test_an_objective_that_is_not_there_is_told(tmp_path):
    with pytest.raises(RunError, match=r"has no 'es-dfm'; methods: fnw; tasks: cvr"):
        studied(tmp_path, "es-dfm:cvr:nll")
    at, study = studied(tmp_path, "fnw:cvr:auc")
    assert len(at) == 12
    assert study.best == "", "no run has a number"
