"""The comparison as a page: every method and phase is on it, and it loads nothing."""

import html
import io
import json
import re

from rich.console import Console

from simulator.evaluation.compare import compare
from simulator.report.comparison import agreement_of, comparison_tables
from simulator.report.comparison_html import write_comparison
from tests.simulator.report.made import make_run
from tests.simulator.report.test_html import figures_on
from tests.simulator.report.test_tables import write_run


def test_everything_is_on_one_page(tmp_path):
    path = tmp_path / "pages" / "comparison.html"
    write_comparison(path, compare([write_run(tmp_path, seed) for seed in (11, 12, 13)]))
    page = path.read_text()
    _, summary = make_run(11)
    for method in summary["methods"]:
        assert f">{method.replace('<', '&lt;').replace('>', '&gt;')}<" in page
    for phase in summary["phases"]:
        assert f">{phase}</th>" in page
    assert not re.search(r'(src|href)="http', page)
    figures = figures_on(page)
    assert set(figures) == {f"g0-{task}-opening" for task in summary["ranking"]}
    for name, figure in figures.items():
        assert f'id="figure-{name}"' in page
        assert len(figure["data"]) == len(summary["ranking"][name.split("-")[1]]["methods"]) + len(
            summary["ranking"][name.split("-")[1]]["references"]
        )


def test_missing_figures_and_ties_are_told(tmp_path):
    run = write_run(tmp_path, 11)
    summary = json.loads((run / "summary.json").read_text())
    first, second, *_ = summary["ranking"]["cvr"]["methods"]
    summary["methods"][first]["cvr"] = summary["methods"][second]["cvr"]
    summary["notes"] = {"cvr": ["one class only in 3 of 24 segments"]}
    (run / "summary.json").write_text(json.dumps(summary))
    comparison = compare([run])
    write_comparison(tmp_path / "page.html", comparison)
    page = (tmp_path / "page.html").read_text()
    assert page.count("one class only in 3 of 24 segments.") == 1
    (tie,) = re.findall(r"equal in NLL: ([^<]*)\.<", page)
    assert set(tie.split(", ")) == {first, second}
    printed = [
        said for group in comparison_tables(comparison, 160) for said in getattr(group, "renderables", ())
    ]
    assert any("equal in NLL" in str(said) for said in printed)


def test_what_the_papers_metric_says_of_the_truth_is_told_over_seeds(tmp_path):
    runs = [write_run(tmp_path, seed) for seed in (11, 12)]
    for run, tau, best in zip(runs, (0.5, 1.0), "ab", strict=True):
        summary = json.loads((run / "summary.json").read_text())
        one = {"observed": ["cvr", "auc"], "truth": ["cvr_all", "auc"], "tau": tau, "methods": 3}
        summary["agreement"] = [one | {"first": "a", "truly": best}]
        (run / "summary.json").write_text(json.dumps(summary))
    comparison = compare(runs)
    said = "Kendall's tau +0.75 (-2.43 to +3.93) for AUC (mean, with the 95% t-interval over runs"
    best = "Its best method is truly the best in 1 of 2 by AUC."
    console = Console(width=120, file=io.StringIO())
    for shown in comparison_tables(comparison, 120):
        console.print(shown)
    printed = " ".join(console.file.getvalue().split())
    assert printed.count(said) == 1
    assert printed.count(best) == 1
    write_comparison(tmp_path / "page.html", comparison)
    page = html.unescape((tmp_path / "page.html").read_text())
    assert page.count(said) == 1
    one_run = compare(runs[:1])
    assert "tau +0.50 for AUC (mean; 1: the same order" in agreement_of(one_run, *one_run.runs)
    without = compare([write_run(tmp_path / "other", 11)])
    assert agreement_of(without, *without.runs) == ""
