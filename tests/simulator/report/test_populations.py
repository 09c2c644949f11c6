"""What is judged on impressions: one prediction on several populations stands in one table."""

from __future__ import annotations

from functools import cache
from io import StringIO

import pytest

from simulator.evaluation.intervals import paired_intervals
from simulator.report import numbers
from simulator.report.html import write_report
from simulator.report.populations import AGAINST_TRUTH
from simulator.report.reading import sentences
from simulator.report.summary import build_summary
from simulator.report.tables import make_console, print_summary
from tests.simulator.evaluation.test_impressions import POPULATIONS, judged, shown


@cache
def made():
    results = judged(shown(4000, 12))
    intervals = paired_intervals(results)
    return results, build_summary(results, {}, {"read": 1}, {"replay": 1.0}, intervals=intervals)


def text(width):
    stream = StringIO()
    print_summary(made()[1], make_console(stream, width))
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 100, 120])
def test_populations_are_columns_of_one_table(width):
    lines = text(width).splitlines()
    assert max(map(len, lines)) <= width
    assert sum(line.startswith("CVR against the truth, by population") for line in lines) == 1
    assert not any(
        line.startswith(("CVR of clicked impressions: a c", "CVR of unclicked impressions: a c"))
        for line in lines
    )
    summary = made()[1]
    seen = AGAINST_TRUTH if width == 120 else AGAINST_TRUTH[:3]
    whole = "\n".join(lines)
    table = whole[whole.index("CVR against") :]
    for method in ("a", "b"):
        for task in POPULATIONS:
            for metric in seen:
                assert numbers.number(metric, summary["methods"][method][task][metric]) in table, (
                    task,
                    metric,
                )
    for task in POPULATIONS:
        assert f"({summary['rows'][task]['rows']:,}, " in table


def test_what_a_task_has_anyway_is_not_shown_twice_when_asked_for():
    results = judged(shown(600, 14))
    summary = build_summary(results, {}, {}, {}) | {"metrics": ["ks", "pcoc", "nll"]}
    printed = StringIO()
    print_summary(summary, make_console(printed, 300))
    heads = next(line for line in printed.getvalue().splitlines() if line.startswith("#"))
    assert [heads.split().count(name) for name in ("KS", "PCOC", "NLL")] == [1, 1, 1]


def test_what_is_missing_on_a_population_is_said():
    stream = shown(600, 13)
    stream.labels.would_pay[stream.labels.clicked] = 0.0
    summary = build_summary(judged(stream), {}, {}, {})
    printed = StringIO()
    print_summary(summary, make_console(printed, 120))
    said = "CVR of clicked impressions: no label is above 0: nothing to rank."
    assert said in printed.getvalue()
    assert said in sentences(summary)


def test_weights_and_worth_stand_together():
    table = text(80)
    table = table[table.index("Inverse propensities") :]
    values = made()[1]["methods"]["b"]
    for task, metric in (("ctr", "ess"), ("ctr", "clipped"), ("ctr", "max_weight"), ("ctcvr", "top_value")):
        assert numbers.number(metric, values[task][metric]) in table


def test_the_report_has_them_in_one_section(tmp_path):
    results, summary = made()
    write_report(tmp_path / "report.html", summary=summary, metrics=results.metrics)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<h3>By population</h3>") == 1
    assert '<section id="cvr_all">' in page
    assert '<section id="cvr_clicked">' not in page
    assert "cvr_clicked-metrics" not in page
    part = page[page.index("<h3>By population</h3>") :]
    for task in POPULATIONS:
        assert numbers.number("rmse_truth", summary["methods"]["a"][task]["rmse_truth"]) in part
    assert not any(
        "clicked impressions: a " in said or "clicked impressions has" in said for said in sentences(summary)
    )
