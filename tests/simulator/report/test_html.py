"""``report.html``: self-contained, drawn from the run alone, with the summary's numbers in it."""

import json
import re

import numpy as np
import pytest

from simulator.errors import RunError
from simulator.report.figures import (
    calibration_figure,
    correctness_figure,
    delay_figure,
    metric_figure,
)
from simulator.report.html import report_from_run, write_report
from simulator.report.reading import sentences
from simulator.units import DAY
from tests.simulator.report.made import LONG, make_run


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    results, summary = make_run()
    (run / "summary.json").write_text(json.dumps(summary))
    results.write_metrics(run / "metrics.parquet")
    (run / "scenario.resolved.toml").write_text('name = "made" # </pre><script>alert(1)</script>\n')
    (run / "manifest.json").write_text('{"seed": 11, "versions": {"numpy": "2.4"}}')
    path = report_from_run(run)
    assert path == run / "report.html"
    return path.read_text(encoding="utf-8")


def figures_on(page):
    """Return the figures of a page by name, as plotly has them: lists that are on it once stand where they belong."""
    lists, figures = (
        json.loads(re.search(rf"const {name} = (.*);\n", page).group(1)) for name in ("lists", "figures")
    )

    def whole(value):
        if isinstance(value, list):
            return [whole(item) for item in value]
        if isinstance(value, dict):
            return lists[value["$"]] if "$" in value else {key: whole(item) for key, item in value.items()}
        return value

    return whole(figures)


def test_it_loads_nothing(page):
    assert not re.search(r"<(script|link|img|iframe)[^>]*\s(src|href)=", page[: page.index("<script>")])
    assert re.findall(r"https?://[^\"']*", page) == ["http://www.w3.org/2000/svg"], "a name, not a place"
    assert "@import" not in page


def test_text_from_the_scenario_cannot_become_markup(page):
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert page.count("<script>") == page.count("</script>") == 1


def test_the_numbers_are_in_it(page):
    _, summary = make_run()
    for method in summary["methods"]:
        assert method in page
        for task, values in summary["methods"][method].items():
            assert f"{values['auc']:.4f}" in page, (method, task)
    assert f"{summary['phases']['promotion']['es-dfm']['cvr']['pcoc']:.2f}" in page
    assert "versions.numpy" in page
    for sentence in sentences(summary):
        assert sentence.split("'")[0].split("<")[0][:60] in page


def test_figures_hold_each_methods_series(page):
    figures = figures_on(page)
    over_time = ("metrics", "calibration", "opening")
    names = {f"{task}-{what}" for task in ("cvr", "netcvr", "rfr", "gmv") for what in over_time}
    names |= {
        f"{task}-{what}" for task in ("cvr", "gmv") for what in ("pareto", "paired")
    }  # the others: one method
    assert set(figures) == names | {"delay", "correctness"}
    traces = figures["cvr-metrics"]["data"]
    assert {t["name"] for t in traces} == {"es-dfm", LONG, "oracle", "pre-trained"}
    assert len(traces) == 8
    for name in figures:
        assert f'id="figure-{name}"' in page


def test_a_world_is_drawn_over_what_it_is_made_after(tmp_path):
    results, summary = make_run()
    curve = {
        "name": "pay", "title": "Click <to> pay", "x_title": "hours", "y_title": "share", "log_x": True,
        "x": [0.25, 1, 24], "target": [0.3, 0.4, 0.7], "realised": [0.31, None, 0.72], "source": "a paper",
    }  # fmt: skip
    fact = {"name": "CVR", "target": 0.068, "realised": 0.08, "tolerance": 0.002, "unit": ""}
    likeness = {"preset": "cascade", "sentence": "9 of 10 facts", "outside": [fact], "curves": [curve]}
    path = tmp_path / "report.html"
    write_report(path, summary={**summary, "likeness": likeness}, metrics=results.metrics)
    own = path.read_text(encoding="utf-8")
    figures = figures_on(own)
    assert figures["likeness-pay"]["data"][1]["y"] == [0.31, None, 0.72]
    assert 'id="figure-likeness-pay"' in own
    assert "Click &lt;to&gt; pay" in own
    assert "9 of 10 facts" in own
    assert "0.068" in own


def test_days_pool_as_the_tables_do():
    results, summary = make_run()
    figure = calibration_figure(summary, results.metrics, "cvr")
    trace = next(t for t in figure["data"] if t["name"] == "es-dfm")
    series, days = results.series["es-dfm", "cvr"].values, results.starts // DAY
    wanted = [
        series["sum_prediction"][days == day].sum() / series["sum_label"][days == day].sum()
        for day in np.unique(days)
    ]
    assert trace["y"] == pytest.approx(wanted, abs=1e-6)
    assert trace["x"][0] == "2024-11-08T12:00:00"
    shades = [s for s in figure["layout"]["shapes"] if s["type"] == "rect"]
    assert [s["x0"] for s in shades] == ["2024-11-09T00:00:00", "2024-11-11T00:00:00", "2024-11-12T00:00:00"]


def test_panels_share_one_time_axis_and_each_is_shaded():
    results, summary = make_run()
    figure = metric_figure(summary, results.metrics, "cvr")
    assert {trace["xaxis"] for trace in figure["data"]} == {"x2"}
    shades = [s for s in figure["layout"]["shapes"] if s["type"] == "rect"]
    assert {(s["xref"], s["yref"]) for s in shades} == {("x2", "y domain"), ("x2", "y2 domain")}
    named = figure["layout"]["annotations"]
    assert [(a["text"], a["xref"]) for a in named] == [
        (w, "x2") for w in ("anticipation", "promotion", "after")
    ]


def test_without_origin_promotion_or_costs(tmp_path):
    results, summary = make_run()
    bare = {**summary, "costs": {}, "after_switch": [], "promotions": [], "switches": [], "intervals": []}
    bare.pop("origin")
    assert delay_figure(bare) is None
    assert correctness_figure(bare) is None
    assert metric_figure(bare, results.metrics, "cvr")["data"][0]["x"][0] == pytest.approx(2.5)
    path = tmp_path / "report.html"
    write_report(path, summary={**bare, "title": "<Bare>"}, metrics=results.metrics)
    assert "<title>&lt;Bare&gt;</title>" in path.read_text(encoding="utf-8")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert DAY > 0


def test_an_unfinished_run_is_refused(tmp_path):
    with pytest.raises(RunError, match=r"summary\.json is missing"):
        report_from_run(tmp_path)
    (tmp_path / "summary.json").write_text("{")
    (tmp_path / "metrics.parquet").write_text("nothing")
    with pytest.raises(RunError, match="cannot be read"):
        report_from_run(tmp_path)
