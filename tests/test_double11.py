"""What every run of scenarios/double11.toml must show, whatever the world's draw: how policies break around a sale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from simulator.units import HOUR
from tests.commands import ROOT, run_directory, sim, summary_of

TRUSTING = ("waiting-window", "fnc", "fnw", "es-dfm")
"""Methods that take an early "no" for an answer, corrected or not."""
CORRECTED = ("fnc", "fnw", "es-dfm")
"""Those of them that hear of late positives."""


METHODS = ("pre-trained", "oracle", *TRUSTING, "offline", "online-single", "oracle-single")
"""What theory speaks of; the scenario has more, and the first command of the README runs them all."""


SIZES = [6_000, pytest.param(20_000, marks=pytest.mark.long)]
"""Clicks a day: fewer show the same, but for an oracle that keeps up; and as many as the scenario has."""


@pytest.fixture(scope="module", params=SIZES)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("double11")
    scenario = out / "double11.toml"
    methods = "".join(f'[[method]]\nmethod = "{method}"\n' for method in METHODS)
    scenario.write_text(f'extends = "{ROOT / "scenarios" / "double11.toml"}"\n{methods}', encoding="utf-8")
    sim(
        scenario,
        "--out",
        out,
        "--set",
        f"output.cache={out / 'cache'}",
        "--set",
        f"world.clicks_per_day={request.param}",
        "--progress",
        "none",
    )
    return run_directory(out)


def pcoc(run: Path, method: str, start: int, end: int) -> float:
    """Predicted over observed conversions of the clicks of ``[start, end)``."""
    table = pq.read_table(run / "metrics.parquet")
    column = {
        name: table[name].to_numpy(zero_copy_only=False)
        for name in ("method", "task", "metric", "start", "end", "value")
    }
    chosen = (
        (column["method"] == method)
        & (column["task"] == "cvr")
        & (column["start"] >= start)
        & (column["end"] <= end)
    )
    predicted, observed = (
        column["value"][chosen & (column["metric"] == name)].sum() for name in ("sum_prediction", "sum_label")
    )
    return float(predicted / observed)


def test_policies_break_around_the_sale_as_theory_says(run: Path):
    found = summary_of(run)
    (sale,) = found["promotions"]
    phases = found["phases"]
    for method in TRUSTING:
        assert phases["anticipation"][method]["cvr"]["pcoc"] < 0.5, method
    whole = found["log"]["read"] > 400_000
    assert phases["anticipation"]["oracle"]["cvr"]["pcoc"] > (0.9 if whole else 0.8)
    # At the opening they still believe the silence of the days before, ...
    opening, end = sale["start"], sale["end"]
    for method in CORRECTED:
        assert pcoc(run, method, opening, opening + round(2.4 * HOUR)) < 0.7, method
        # ... then the flood of returning shoppers arrives without negatives of its own: they over-predict, ...
        assert pcoc(run, method, opening + 12 * HOUR, end) > 1.05, method
        # ... most of all in the first hours after the sale, which a model of the sale has to serve.
        after = pcoc(run, method, end, end + round(4.8 * HOUR))
        assert after > 2, method
        assert after > pcoc(run, "oracle", end, end + round(4.8 * HOUR)), method
    assert pcoc(run, "oracle", opening + 12 * HOUR, end) == pytest.approx(1, abs=0.15)


def test_the_first_segment_after_each_switch_is_reported_apart(run: Path):
    found = summary_of(run)
    assert [cell["phase"] for cell in found["after_switch"]] == ["anticipation", "promotion", "after"]
    (sale,) = found["promotions"]
    starts = [cell["start"] for cell in found["after_switch"]]
    assert starts == [sale["start"] - sale["anticipation"], sale["start"], sale["end"]]
    opening = found["after_switch"][1]["methods"]
    assert opening["es-dfm"]["cvr"]["pcoc"] < 0.8  # the first hours are where it is worst


def test_references_enclose_the_methods(run: Path):
    methods = summary_of(run)["methods"]
    for method in ("offline", *TRUSTING):
        assert methods[method]["cvr"]["nll"] > methods["oracle"]["cvr"]["nll"]
        assert methods[method]["cvr"]["auc"] < methods["oracle"]["cvr"]["auc"]
    assert (
        methods["oracle"]["cvr"]["auc"] - methods["pre-trained"]["cvr"]["auc"] > 0.02
    )  # a frozen model decays
    assert methods["es-dfm"]["cvr"]["ri_auc"] > 50
    assert all(m["cvr"]["regret_nll"] > 0 for m in methods.values() if "cvr" in m)


def test_gmv_methods_are_judged_on_amounts(run: Path):
    methods = summary_of(run)["methods"]
    for method in ("online-single", "oracle-single"):
        values = methods[method]["gmv"]
        assert 0.5 < values["auc"] < 1
        assert 0 < values["acc"] < 1
        assert values["alpr"] > 0
    # Partial labels are too small as long as repurchases are to come.
    assert methods["online-single"]["gmv"]["pcoc"] < methods["oracle-single"]["gmv"]["pcoc"]


def test_costs_of_the_policies(run: Path):
    costs = summary_of(run)["costs"]
    assert costs["oracle"]["duplication_factor"] == 1
    assert costs["oracle"]["fake_negative_rate"] == 0
    assert costs["offline"]["label_accuracy"] == 1
    assert 1 < costs["es-dfm"]["duplication_factor"] < costs["fnw"]["duplication_factor"]
    assert costs["es-dfm"]["fake_negative_rate"] < costs["fnw"]["fake_negative_rate"]
    report = (run / "report.html").read_text(encoding="utf-8")
    assert np.all([method in report for method in costs])
