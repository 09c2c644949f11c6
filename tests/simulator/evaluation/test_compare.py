"""Comparison of finished runs: replicates are seeds, differences are paired inside a run."""

import numpy as np
import pytest
from scipy import stats

from simulator.errors import RunError
from simulator.evaluation.compare import OVERALL, compare
from tests.simulator.report.made import make_run
from tests.simulator.report.test_tables import write_run


def test_scores_and_paired_differences(tmp_path):
    seeds = (11, 12, 13)
    comparison = compare([write_run(tmp_path, seed) for seed in seeds], confidence=0.9)
    values = {
        m: np.array([make_run(seed)[1]["methods"][m]["cvr"]["nll"] for seed in seeds])
        for m in ("es-dfm", "oracle")
    }
    score = next(
        s
        for s in comparison.scores
        if (s.phase, s.task, s.metric, s.method) == (OVERALL, "cvr", "nll", "es-dfm")
    )
    assert score.combined.mean == pytest.approx(values["es-dfm"].mean())
    assert score.combined.sd == pytest.approx(values["es-dfm"].std(ddof=1))
    paired = values["es-dfm"] - values["oracle"]
    found = next(
        d
        for d in comparison.differences
        if (d.phase, d.task, d.metric, d.method, d.baseline) == (OVERALL, "cvr", "nll", "es-dfm", "oracle")
    )
    low, high = stats.t.interval(0.9, 2, loc=paired.mean(), scale=stats.sem(paired))
    assert (found.combined.low, found.combined.high) == pytest.approx((low, high))
    assert list(comparison.runs) == ["made/0a1b2c"]


def test_phases_are_those_of_the_runs(tmp_path):
    comparison = compare([write_run(tmp_path, 11)])
    summary = make_run(11)[1]
    for metric in ("auc", "nll", "pcoc", "regret_nll"):
        score = next(
            s
            for s in comparison.scores
            if (s.phase, s.task, s.metric, s.method) == ("promotion", "cvr", metric, "es-dfm")
        )
        assert score.combined.mean == pytest.approx(summary["phases"]["promotion"]["es-dfm"]["cvr"][metric])


def test_baseline_limits_the_differences(tmp_path):
    comparison = compare([write_run(tmp_path, 11)], baseline="oracle")
    assert {d.baseline for d in comparison.differences} == {"oracle"}


def test_faults_are_named(tmp_path):
    run = write_run(tmp_path, 11)
    with pytest.raises(RunError, match="no run was given"):
        compare([])
    with pytest.raises(RunError, match="not a finished run"):
        compare([tmp_path])
    with pytest.raises(RunError, match="given twice"):
        compare([run, run])
    with pytest.raises(RunError, match="no run has the method 'fnw'"):
        compare([run], baseline="fnw")
    (run / "summary.json").write_text("{")
    with pytest.raises(RunError, match="not valid JSON"):
        compare([run])


def test_hours_around_an_opening_add_up_over_runs(tmp_path):
    runs = [write_run(tmp_path, seed) for seed in (11, 12)]
    [opening] = compare(runs).openings["made/0a1b2c"]
    single = [make_run(seed)[1]["openings"][0] for seed in (11, 12)]
    for part in ("tasks", "methods"):
        for outer, sums in single[0][part].items():
            for name, values in sums.items():
                other = single[1][part][outer][name]
                np.testing.assert_allclose(opening[part][outer][name], np.add(values, other))
