"""Strings of a run may be anything: they change no query, no page and no terminal."""

import json
import re

import pytest

from simulator.report.html import report_from_run
from tests.commands import sim_here
from tests.simulator.ask.made import make_run
from tests.simulator.report.made import make_run as judged

SQL = "x' OR 1=1; DROP TABLE metrics; --"
QUOTED = 'a"b`c'
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>"
TERMINAL = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\u202e[bold]rich[/bold]\x9b2J"


@pytest.mark.parametrize("name", [SQL, QUOTED, MARKUP, "0.99 wins", "*", "a.b.c", "{0}"])
def test_a_method_of_any_name_is_looked_up_as_it_is(tmp_path, name):
    run = make_run(tmp_path / "runs[1]*", methods=("pre-trained", "oracle", "fnw", name))
    plain = sim_here("ask", "pcoc of fnw in the first 6 hours", run).stdout
    assert re.search(r"is \d+\.\d+ \[a\]", plain)
    auc = sim_here("ask", "auc of fnw in the first 6 hours", run).stdout
    assert re.search(r"is \d+\.\d+ \[a\]", auc)
    assert sim_here("ask", f"pcoc of {name} in the first 6 hours", run, code=None).returncode in (0, 1)
    ranked = sim_here("ask", "which method is best on the day of the sale", run).stdout
    assert "fnw" in ranked


def test_a_question_is_bound_and_not_run(tmp_path):
    run = make_run(tmp_path)
    said = sim_here("ask", f"auc of fnw {SQL}", run).stdout
    assert said.startswith("fnw: AUC")
    assert (run / "metrics.parquet").is_file()


def test_control_sequences_reach_no_terminal(tmp_path):
    run = make_run(tmp_path, methods=("pre-trained", "oracle", "fnw", TERMINAL))
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps({**summary, "name": TERMINAL, "title": TERMINAL}))
    for question in (
        "how many clicks were judged",
        "which method is best",
        "auc of defer",
        f"auc of {TERMINAL}",
    ):
        for options in ([], ["--json"]):
            done = sim_here("ask", question, run, *options, code=None)
            assert not set(done.stdout + done.stderr) & {"\x1b", "\x07", "\x9b", "\u202e"}, question


def test_titles_and_names_reach_no_terminal_in_other_commands(tmp_path, capsys):
    from simulator.commands.console import stdout
    from simulator.report.tables import print_summary

    _, summary = judged()
    print_summary(json.loads(json.dumps(summary).replace("both", "x")) | {"title": TERMINAL})
    stdout().print(TERMINAL)
    assert not set(capsys.readouterr().out) & {"\x1b", "\x07", "\x9b", "\u202e"}


def test_markup_in_titles_and_features_is_text_on_the_page(tmp_path):
    results, summary = judged()
    run = tmp_path / "run"
    run.mkdir()
    results.write_metrics(run / "metrics.parquet")
    hostile = {
        "title": MARKUP,
        "name": MARKUP,
        "description": MARKUP,
        "feature_doubts": [f"feature {MARKUP} tells payers"],
    }
    (run / "summary.json").write_text(json.dumps({**summary, **hostile, "warnings": [MARKUP]}))
    (run / "manifest.json").write_text(json.dumps({"argv": [MARKUP]}))
    (run / "scenario.resolved.toml").write_text(
        f"title = '{MARKUP}'\n[data.features]\n'{MARKUP}' = 'categorical'\n"
    )
    report_from_run(run)
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page
    assert "alert(1)" in page
