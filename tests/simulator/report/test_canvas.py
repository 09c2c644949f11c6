"""Colours are those of names, few lines are shown at first, and a page stays small."""

import numpy as np
import pyarrow as pa
import pytest

from simulator.evaluation.intervals import Combined
from simulator.report.canvas import MOST_SHOWN, PALETTE, colour, few, leading, looks
from simulator.report.figures import metric_figure
from simulator.report.html import write_report
from simulator.sweep.effects import Effect
from simulator.sweep.page import effect_figure
from simulator.units import HOUR
from tests.simulator.report.made import make_run
from tests.simulator.report.test_html import figures_on

DOUBLE11 = (
    "waiting-window", "offline", "fnc", "fnw", "es-dfm", "posterior-settlement", "online-single", "offline-single",
    "online-dual", "reader",
)  # fmt: skip


def brightness(hex_colour):
    parts = [int(hex_colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("page", ["#ffffff", "#0d1523"])
def test_colours_can_be_seen_on_a_light_page_and_on_a_dark_one(page):
    for one in (*PALETTE, colour("oracle"), colour("pre-trained")):
        low, high = sorted((brightness(one), brightness(page)))
        assert (high + 0.05) / (low + 0.05) >= 3.0, one


def test_a_method_has_its_colour_whatever_it_is_compared_with():
    assert len({colour(method) for method in DOUBLE11}) == len(DOUBLE11)
    alone, together = looks(["es-dfm"]), looks(["my-own", "es-dfm", "oracle", *DOUBLE11])
    assert alone["es-dfm"]["color"] == together["es-dfm"]["color"]
    names = [f"mine-{i}" for i in range(24)]
    found = looks(names)
    assert len({(look["color"], look["dash"]) for look in found.values()}) == 24
    assert all(found[name]["color"] == colour(name) for name in names)


def test_few_lines_are_shown_at_first_and_the_best_among_them():
    results, summary = make_run()
    many = {**summary, "ranking": {**summary["ranking"]}}
    figure = metric_figure(many, results.metrics, "cvr")
    few(figure, ["oracle", "es-dfm"])
    assert [trace.visible for trace in figure.data] == [None] * 8, "four methods: nothing to hide"
    for name in ("a", "b"):
        figure.add_scatter(x=[0, 1], y=[0, 1], name=name)
    few(figure, ["b", *leading(summary, "cvr")])
    on = {trace.name for trace in figure.data if trace.visible is True}
    assert len(on) == MOST_SHOWN
    assert {"b", *summary["ranking"]["cvr"]["methods"][:2]} <= on
    assert {trace.visible for trace in figure.data if trace.name not in on} == {"legendonly"}


def long_run(methods, cells):
    """Return the metrics of many methods over many hours, and a summary that has them."""
    _, summary = make_run()
    names = [f"method-{i}" for i in range(methods)]
    like = summary["ranking"]["cvr"]["methods"][0]
    own = {
        part: {name: {"cvr": summary[part][like]["cvr"]} for name in names}
        for part in ("methods", "plain_means")
    }
    order = {
        **summary["ranking"]["cvr"],
        "methods": names,
        "references": [],
        "pretrained": None,
        "oracle": None,
    }
    summary = {**summary, **own, "ranking": {"cvr": order}, "after_switch": [], "phases": {}, "openings": []}
    summary |= {"costs": dict.fromkeys(names, summary["costs"][like]), "intervals": []}
    random, metrics = (
        np.random.default_rng(0),
        ("regret_nll", "nll", "auc", "pcoc", "sum_prediction", "sum_label"),
    )
    rows = methods * len(metrics)
    start = np.tile(np.arange(cells) * HOUR, rows)
    long = pa.table({
        "method": np.repeat(names, len(metrics) * cells), "task": np.full(rows * cells, "cvr"),
        "metric": np.tile(np.repeat(metrics, cells), methods), "start": start, "end": start + HOUR,
        "value": random.uniform(0.1, 1.0, rows * cells), "rows": np.full(rows * cells, 50),
    })  # fmt: skip
    return long, summary


def test_swept_pages_have_the_same_colours_and_few_lines():
    one = Combined(1.0, 0.1, 0.9, 1.1, 3)
    effect = Effect("cvr", "nll", "size", (1, 2), {method: [one, one] for method in DOUBLE11}, {})
    figure = effect_figure(effect)
    assert {trace.name: trace.line.color for trace in figure.data} == {m: colour(m) for m in DOUBLE11}
    assert [trace.visible for trace in figure.data].count(True) == MOST_SHOWN


def test_a_page_of_many_methods_and_of_a_long_stream_is_at_most_two_megabytes(tmp_path):
    path = tmp_path / "report.html"
    results, summary = long_run(methods=24, cells=2000)
    write_report(path, summary=summary, metrics=results)
    assert path.stat().st_size <= 2_000_000
    figures = figures_on(path.read_text(encoding="utf-8"))
    button = figures["cvr-metrics"]["layout"]["updatemenus"][0]["buttons"][1]
    assert button["label"] == "by 7 segments"
    by_segment = button["args"][0]
    assert len(by_segment["x"]) == 48
    assert {len(x) for x in by_segment["x"]} == {300}
