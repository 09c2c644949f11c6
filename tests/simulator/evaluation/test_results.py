"""Aggregation by rows, plain means, relative improvement, and intervals."""

import math
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import stats

from simulator.calendar import PHASES
from simulator.errors import ScenarioError
from simulator.evaluation.cells import Cell
from simulator.evaluation.estimate import over_blocks
from simulator.evaluation.intervals import baselines, combine_seeds, paired_intervals, ranked
from simulator.evaluation.results import SHORTEST, Results
from simulator.evaluation.tasks import Statistics
from simulator.units import DAY
from tests.simulator.evaluation.stream import CALENDAR, METHODS, SCALE, feed, make_stream, new_ledger


@pytest.fixture(scope="module")
def judged():
    stream = make_stream(8000, 11)
    ledger = new_ledger()
    feed(ledger, stream, np.random.default_rng(0), settled=8000)
    return stream, ledger.finish()


def test_pooled_numbers_are_those_of_all_clicks(judged):
    stream, results = judged
    phase = CALENDAR.phase(stream.time)
    scopes = [(results.overall(), np.ones(8000, bool))]
    scopes += [(table, phase == PHASES.index(name)) for name, table in results.by_phase().items()]
    for table, chosen in scopes:
        label = stream.labels.converted[chosen].astype(float)
        for method in ("es-dfm", "both"):
            p = stream.predictions[method]["cvr"][chosen]
            found = table[method]["cvr"]
            loss = -(label * np.log(p) + (1 - label) * np.log1p(-p)).mean()
            assert (found.rows, found.positives) == (chosen.sum(), label.sum())
            assert found.values["nll"] == pytest.approx(loss)
            assert found.values["pcoc"] == pytest.approx(p.sum() / label.sum())


def test_auc_is_weighted_by_rows_with_the_plain_mean_beside_it(judged):
    _, results = judged
    series = results.series["es-dfm", "cvr"]
    found = results.overall()["es-dfm"]["cvr"]
    assert found.values["auc"] == pytest.approx(np.average(series.values["auc"], weights=series.rows))
    assert found.means["auc"] == pytest.approx(series.values["auc"].mean())
    assert found.values["auc"] != found.means["auc"]


def test_switches(judged):
    _, results = judged
    assert [cell.start for cell, _ in results.first_after_switch()] == [3 * DAY, 5 * DAY, 6 * DAY]
    cell, table = results.first_after_switch()[1]
    assert table["es-dfm"]["cvr"].values["pcoc"] == pytest.approx(
        cell.statistics["es-dfm", "cvr"].values["pcoc"]
    )


def test_relative_improvement(judged):
    _, results = judged
    table = results.overall()
    auc = {m: table[m]["cvr"].values["auc"] for m in ("pre-trained", "oracle", "es-dfm")}
    share = (auc["es-dfm"] - auc["pre-trained"]) / (auc["oracle"] - auc["pre-trained"])
    assert table["es-dfm"]["cvr"].values["ri_auc"] == pytest.approx(100 * share)
    assert table["oracle"]["cvr"].values["ri_auc"] == 100
    assert table["pre-trained"]["cvr"].values["ri_prauc"] == 0
    alone = Results(METHODS, results.cells, scale={"cvr": ("pre-trained", None)})
    assert math.isnan(alone.overall()["es-dfm"]["cvr"].values["ri_auc"])
    assert alone.references("cvr") == {"pre-trained"}


@pytest.mark.parametrize(
    ("above", "share"), [(SHORTEST, 50.0), (np.nextafter(SHORTEST, 0), None), (0.0, None), (-0.1, None)]
)
def test_a_scale_that_is_too_short_gives_no_relative_improvement(above, share):
    """An oracle exactly the shortest span above the frozen model still is a scale; a hair less is noise."""
    auc = {"pre-trained": 0.0, "es-dfm": above / 2, "oracle": above}
    values = dict.fromkeys(("prauc", "nll", "regret_nll", "pcoc"), math.nan)
    statistics = {(m, "cvr"): Statistics(100, 10, 10.0, 10.0, {**values, "auc": auc[m]}) for m in auc}
    cells = [Cell(0, 0, 1, "before", after_switch=False, rows=100, statistics=statistics)]
    found = Results(dict.fromkeys(auc, ("cvr",)), cells, scale=SCALE).overall()["es-dfm"]["cvr"]
    for reached in (found.values, found.means):
        assert reached["ri_auc"] == pytest.approx(math.nan if share is None else share, nan_ok=True)


def test_long_form_pools_to_the_same(judged, tmp_path):
    _, results = judged
    results.write_metrics(tmp_path / "metrics.parquet")
    rows = pq.read_table(tmp_path / "metrics.parquet").to_pylist()
    mine = [r for r in rows if (r["method"], r["task"]) == ("both", "gmv")]
    sums = {
        name: sum(r["value"] for r in mine if r["metric"] == name) for name in ("sum_prediction", "sum_label")
    }
    pcoc = results.overall()["both"]["gmv"].values["pcoc"]
    assert sums["sum_prediction"] / sums["sum_label"] == pytest.approx(pcoc)
    assert {r["phase"] for r in rows} == set(PHASES)


def test_baselines_are_the_best_other_method_and_never_a_bound(judged):
    _, results = judged
    assert ranked(results, "cvr")[0] == "oracle"
    assert baselines(results, "cvr") == {
        "oracle": "es-dfm",
        "es-dfm": "both",
        "both": "es-dfm",
        "pre-trained": "es-dfm",
    }
    assert baselines(results, "cvr", "both")["oracle"] == "both"
    frozen = replace(
        results, scale={"cvr": ("es-dfm", "oracle")}
    )  # what is never updated can be the best there is
    assert baselines(frozen, "cvr") == baselines(results, "cvr")
    assert frozen.bounds("cvr") == {"oracle"}
    assert replace(frozen, peeking=("es-dfm",)).bounds("cvr") == {"oracle", "es-dfm"}
    with pytest.raises(ScenarioError, match="Did you mean 'both'"):
        baselines(results, "cvr", "boht")


def test_intervals_are_paired_and_reproducible(judged):
    _, results = judged
    first = paired_intervals(results)
    assert first == paired_intervals(results)
    found = {(i.method, i.task, i.metric, i.phase): i for i in first}
    interval = found["both", "cvr", "nll", None]
    table = results.overall()
    gap = table["both"]["cvr"].values["nll"] - table["es-dfm"]["cvr"].values["nll"]
    assert interval.difference == pytest.approx(gap)
    assert interval.low < gap < interval.high
    assert interval.blocks == 12  # of three segments each
    assert found["both", "cvr", "pcoc", "promotion"].blocks == 3


def _cells(random, gap):
    """Two methods whose NLL shares a large common part; only the small part that differs, (segments,), is uncertain."""
    shared = random.normal(0.3, 0.1, len(gap))
    cells = []
    for i, more in enumerate(gap):
        values = dict.fromkeys(("auc", "prauc", "regret_nll", "pcoc"), math.nan)
        statistics = {
            ("a", "cvr"): Statistics(100, 10, 10.0, 10.0, {**values, "nll": shared[i]}),
            ("b", "cvr"): Statistics(100, 10, 10.0, 10.0, {**values, "nll": shared[i] + more}),
        }
        cells.append(Cell(i, i, i + 1, "before", after_switch=False, rows=100, statistics=statistics))
    return Results({"a": ("cvr",), "b": ("cvr",)}, cells)


@pytest.mark.parametrize("alike", [1, 2])
def test_intervals_cover_the_true_difference_as_often_as_they_say(alike):
    """Also where each segment is much like the one before it, which would fool an interval over single segments."""
    random = np.random.default_rng(5)
    hits = 0
    for _ in range(200):
        noise = random.normal(0, 0.01, 60 + alike)
        gap = 0.002 + sum(noise[k : k + 60] for k in range(alike)) / alike**0.5
        intervals = paired_intervals(_cells(random, gap), confidence=0.9, baseline="a")
        interval = next(i for i in intervals if (i.method, i.metric, i.phase) == ("b", "nll", None))
        assert interval.high - interval.low < 0.015  # unpaired it would be ten times that
        hits += interval.low <= 0.002 <= interval.high
    assert 165 <= hits <= 195  # 90% of 200 is 180, standard deviation 4.2


def test_the_interval_is_that_of_the_verdict():
    random = np.random.default_rng(7)
    gap = random.normal(0.003, 0.01, 50)
    intervals = paired_intervals(_cells(random, gap), baseline="a")
    found = next(i for i in intervals if (i.method, i.metric, i.phase) == ("b", "nll", None))
    said = over_blocks(100 * gap, np.full(50, 100.0))
    assert (found.low, found.high) == pytest.approx(said.interval(0.95))
    assert found.blocks == said.n


def test_pieces_of_one_segment_are_one_block():
    random = np.random.default_rng(6)
    results = _cells(random, random.normal(0.1, 0.01, 20))
    halves = [
        Cell(i // 2, i, i + 1, "before" if i % 2 else "after", after_switch=False, statistics=cell.statistics)
        for i, cell in enumerate(results.cells)
    ]
    intervals = paired_intervals(Results(results.methods, halves))
    assert {i.phase: i.blocks for i in intervals} == {None: 5, "before": 5, "after": 5}


def test_combine_seeds_is_the_t_interval():
    values = [0.71, 0.74, 0.70, 0.73, float("nan")]
    combined = combine_seeds(values, 0.9)
    low, high = stats.t.interval(0.9, 3, loc=np.mean(values[:4]), scale=stats.sem(values[:4]))
    assert (combined.low, combined.high) == pytest.approx((low, high))
    assert combined.n == 4
    assert math.isnan(combine_seeds([0.5]).low)
    assert math.isnan(combine_seeds([]).mean)
    assert SCALE["cvr"][1] == "oracle"
