"""Whether the metric that papers have orders methods as the truth does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import kendalltau

from simulator.calendar import PHASES
from simulator.evaluation.agreement import agreements, kendall, pooled
from simulator.evaluation.cells import Cell
from simulator.evaluation.results import Results
from simulator.evaluation.tasks import TASKS, Statistics
from simulator.report.reading import agreement_sentences
from simulator.report.summary import build_summary


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=9))
def test_tau_is_kendalls_with_ties(pairs):
    left, right = ([float(pair[k]) for pair in pairs] for k in (0, 1))
    found = kendall(left, right)
    wanted = kendalltau(left, right).statistic if len(pairs) > 1 else math.nan
    assert found == pytest.approx(wanted, nan_ok=True)


def results(figures, **more):
    """Results of one cell: by method the AUC on clicks, the AUC and the regret on all impressions."""
    statistics = {}
    for method, (seen, auc, regret) in figures.items():
        for task, values in (("cvr", {"auc": seen}), ("cvr_all", {"auc": auc, "regret_nll": regret})):
            every = dict.fromkeys(TASKS[task].measured, math.nan) | values
            statistics[method, task] = Statistics(10, 5, 1.0, 5.0, every)
    return Results(
        dict.fromkeys(figures, ("cvr", "cvr_all")),
        [Cell(0, 0, 1, PHASES[0], False, 10, -1, statistics)],
        **more,
    )


FIGURES = {"a": (0.8, 0.6, 0.03), "b": (0.7, 0.7, 0.02), "c": (0.6, 0.5, 0.01)}


def test_less_regret_is_better():
    by_auc, by_regret = agreements(results(FIGURES))
    assert (by_auc.tau, by_auc.first, by_auc.truly) == (pytest.approx(1 / 3), "a", "b")
    assert (by_regret.tau, by_regret.first, by_regret.truly) == (pytest.approx(-1), "a", "c")
    assert by_auc.methods == by_regret.methods == 3


def test_what_peeks_and_what_has_no_figure_is_left_out():
    figures = FIGURES | {"d": (math.nan, 0.9, 0.0), "oracle": (0.1, 0.9, 0.0)}
    found = agreements(results(figures, peeking=("oracle",)))
    assert [one.methods for one in found] == [3, 3]
    assert agreements(results(dict(list(FIGURES.items())[:2]))) == []


def test_a_sentence_says_it_once():
    summary = build_summary(results(FIGURES), {}, {}, {})
    assert [one["tau"] for one in summary["agreement"]] == [pytest.approx(1 / 3), pytest.approx(-1)]
    (said,) = agreement_sentences(summary)
    assert "+0.33 for AUC and -1.00 for NLL regret" in said
    assert "by AUC the best is b, not a; by NLL regret the best is c, not a" in said
    same = {"x": (0.8, 0.8, 0.01), "y": (0.7, 0.7, 0.02), "z": (0.6, 0.6, 0.03)}
    (said,) = agreement_sentences(build_summary(results(same), {}, {}, {}))
    assert said.endswith("x leads by all of them.")
    alike = dict.fromkeys("xyz", (0.8, 0.7, 0.01))
    assert agreement_sentences(build_summary(results(alike), {}, {}, {})) == []


def summaries(*seeds):
    return [build_summary(results(figures), {}, {}, {})["agreement"] for figures in seeds]


SAME = {"a": (0.8, 0.8, 0.01), "b": (0.7, 0.7, 0.02), "c": (0.6, 0.6, 0.03)}
ALIKE = dict.fromkeys("abc", (0.8, 0.7, 0.01))


def test_seeds_are_replicates_of_tau():
    by_auc, by_regret = pooled(summaries(FIGURES, SAME, FIGURES))
    taus = np.array([1 / 3, 1, 1 / 3])
    low, high = stats.t.interval(0.95, 2, loc=taus.mean(), scale=stats.sem(taus))
    assert (by_auc.tau.low, by_auc.tau.mean, by_auc.tau.high) == pytest.approx((low, taus.mean(), high))
    assert (by_regret.tau.mean, by_regret.tau.n) == (pytest.approx(-1 / 3), 3)
    assert by_auc.right == by_regret.right == 1


def test_seeds_without_an_order_or_without_the_truth_are_left_out():
    assert [one.tau.n for one in pooled(summaries(FIGURES, ALIKE))] == [1, 1]
    assert pooled(summaries(ALIKE)) == ()
    assert pooled([[], ()]) == ()
