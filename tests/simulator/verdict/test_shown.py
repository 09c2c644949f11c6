"""The verdict is in the page, in the last lines of a run, and in JSON; finished runs can be asked again."""

from __future__ import annotations

import json
import re
from io import StringIO

import pytest
from rich.console import Console

from simulator.evaluation.costs import CostMeter
from simulator.report.html import write_report
from simulator.report.verdict_box import box_of, brief_lines, shown_tasks, verdict_lines
from tests.commands import ROOT, run_directory, sim_here
from tests.simulator.verdict.known import asked, made
from tests.simulator.verdict.test_verdict import METHODS


def printed(told, width):
    console = Console(width=width, record=True, file=StringIO(), color_system=None)
    for lines in verdict_lines([told]):
        console.print(lines)
    return console.export_text()


@pytest.fixture(scope="module")
def told():
    return asked([made(METHODS, seed) for seed in range(4)])[0]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_fit_and_say_everything(told, width):
    text = printed(told, width)
    assert max(map(len, text.splitlines())) <= width
    words = " ".join(text.split())
    assert "Verdict: CVR by NLL regret (4 seeds as replicates, 95% intervals)" in words
    for stretch in ("before", "anticipation", "opening", "sale", "after", "all of it"):
        assert re.search(rf"\b{stretch} +serve \w+", text), stretch
    assert "anticipation serve frozen (doing nothing): settled." in words
    assert "ahead of doing nothing (frozen;" in words
    for stretch in told["stretches"]:
        assert not stretch["level"] or f"not settled, level with {', '.join(stretch['level'])}" in words


def test_what_is_not_settled_says_what_would_settle_it():
    near = {"a": {"all": 1.0}, "b": {"all": 1.06}}
    words = " ".join(printed(asked([made(near, seed, clicks=1500) for seed in range(4)])[0], 120).split())
    assert re.search(r"level with [ab]; (\d+ seeds|not even 1,000 seeds) would settle it", words)
    words = " ".join(printed(asked([made(near, 0, clicks=1500)])[0], 120).split())
    assert "blocks of segments of one run" in words
    assert re.search(r"level with [ab]; ([\d.]+ days of it|not even 1,000 blocks)", words)


def test_who_breaks_a_guardrail_is_named():
    seeds = [made(METHODS, seed) for seed in range(3)]
    words = " ".join(printed(asked(seeds, guardrails={"pcoc": [0.9, 1.15]})[0], 120).split())
    assert "opening serve quick" in words
    assert re.search(r"Guardrails bar .*slow: PCOC 0\.4\d is not in 0\.9 to 1\.15 \(opening\)", words)
    nobody = " ".join(printed(asked(seeds, guardrails={"pcoc": [5.0, 6.0]})[0], 200).split())
    assert "opening none: no method keeps the guardrails: quick: PCOC" in nobody
    five = METHODS | {"fourth": {"all": 1.0}, "fifth": {"all": 1.1}}
    nobody = asked([made(five, 0)], guardrails={"pcoc": [5.0, 6.0]})[0]
    assert "(opening); 2 more." in " ".join(printed(nobody, 200).split())


def test_what_bids_lose_is_said(tmp_path):
    money = asked([made(METHODS, 0, path=tmp_path / "p.parquet")], goal="money")[0]
    words = " ".join(printed(money, 120).split())
    assert "what wrong bids cost, for a thousand clicks" in words
    assert re.search(r"Its bids lose [\d,]+ by too much and [\d,]+ by too little a thousand clicks\.", words)


def test_what_delivered_nothing_and_wins_is_marked():
    mute = {"mute": {"samples": 0, "duplication_factor": None}}
    run = made({"mute": {"all": 1.0}, "b": {"all": 1.5}}, 0, costs=mute.items())
    assert "serve mute (delivered nothing)" in printed(asked([run])[0], 200)


def test_policies_that_deliver_nothing_are_marked_but_for_the_frozen_model(tmp_path):
    """That a frozen model delivers nothing is what it is for."""
    frozen, mute, busy = METHODS["frozen"], {"all": 1.0}, {"all": 1.5}
    none = {name: CostMeter().summary() for name in ("frozen", "mute")}
    costs = {**none, "busy": {**CostMeter().summary(), "samples": 9, "duplication_factor": 1.5}}
    run = made({"frozen": frozen, "mute": mute, "busy": busy}, 0, costs=costs.items())
    assert run.summary["notes"]["cvr"] == [
        "delivered nothing, so that nothing was learned in the stream: mute"
    ]
    summary = {**run.summary, "title": "t", "log": {"evaluated": 1, "immature": 0}}
    write_report(tmp_path / "report.html", summary=summary, metrics=run.metrics)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert 'mute<span class="role">delivered nothing</span>' in page
    assert 'frozen<span class="role">frozen</span>' in page
    assert 'busy<span class="role">' not in page
    assert re.search(r"mute</td>\s*<td[^>]*>0</td>\s*<td[^>]*>none</td>", page)


def test_by_products_are_not_shown_beside_what_methods_compete_in(told):
    beside = {**told, "task": "repurchase"}
    assert shown_tasks([told, beside]) == [told]
    assert shown_tasks([beside]) == [beside]
    assert (
        shown_tasks([told, beside, {**told, "task": "cvr_all"}])[1]["task"] == "cvr_all"
    )  # what a world alone knows


def test_many_groups_have_a_line_each(told):
    (line,) = brief_lines("some/1a", [told])
    assert re.fullmatch(r"some/1a CVR: serve \w+( \(doing nothing\))?: (not )?settled.*\.", line)


def test_it_is_the_first_box_of_the_page(told, tmp_path):
    hostile = "<script>alert(1)</script>"
    run = made({**METHODS, hostile: {"all": 1.0}}, 0)
    told = asked([run])[0]
    summary = {
        **run.summary,
        "title": "t",
        "log": {"evaluated": 1, "immature": 0},
        "costs": {},
        "verdict": [told],
    }
    write_report(tmp_path / "report.html", summary=summary, metrics=run.metrics)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    body = page[page.index("<body>") :]
    assert body.index('id="verdict"') < body.index('id="reading"')
    assert hostile not in page
    assert "serve &lt;script&gt;" in page
    for row in box_of(told)["rows"]:
        assert f">{row['stretch']}</th>" in page


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A small scenario with two seeds, as the command line runs it."""
    base = tmp_path_factory.mktemp("verdict")
    path = base / "small.toml"
    path.write_text(
        f'extends = "{ROOT / "scenarios" / "minimal.toml"}"\n'
        '[world]\ndays = 8\nclicks_per_day = 400\n[stream]\nhistory = "2d"\n'
        "[learner]\nhidden = [4]\nembedding_dim = 2\n"
        '[verdict]\nopening = "3h"\n[verdict.guardrails]\nstaleness = "20d"\n',
        encoding="utf-8",
    )  # fmt: skip
    done = sim_here(
        path, "--seeds", "0,1", "--out", base / "runs", "--progress", "none", "--workers", "1", cwd=base
    )
    return done, sorted(p.parent for p in (base / "runs" / "small").glob("*/summary.json")), path


def test_seeds_end_with_the_verdict_over_them(runs):
    done, found, _ = runs
    words = " ".join(done.stdout.split())
    assert "Verdict: CVR by NLL regret (2 seeds as replicates, 95% intervals)" in words
    assert len(found) == 2
    one = json.loads((found[0] / "summary.json").read_text(encoding="utf-8"))["verdict"][0]
    assert one["runs"] == 1
    assert "is never updated" in one["stretches"][-1]["barred"]["pre-trained"]


def test_finished_runs_are_asked_again(runs):
    _, found, _ = runs
    before = [path.read_bytes() for run in found for path in sorted(run.glob("*.json"))]
    told = json.loads(sim_here("verdict", *found, "--json", "--goal", "money").stdout)
    assert [group["group"] for group in told] == [f"small/{found[0].name.partition('-')[0]}"]
    (cvr,) = told[0]["verdict"]
    assert (cvr["goal"], cvr["runs"]) == ("money", 2)
    again = json.loads(
        sim_here("verdict", *found, "--json", "--set", "verdict.guardrails.staleness=30d").stdout
    )[0]["verdict"][0]
    assert (again["goal"], again["metric"]) == ("nll", "regret_nll")
    assert before == [path.read_bytes() for run in found for path in sorted(run.glob("*.json"))]


def test_compare_ends_with_it_and_has_it_as_json_and_on_its_page(runs, tmp_path):
    _, found, _ = runs
    assert "Verdict: CVR by NLL regret (2 seeds" in sim_here("compare", *found).stdout
    page = tmp_path / "page.html"
    told = json.loads(sim_here("compare", *found, "--json", "--report", page).stdout)
    (group,) = told["groups"]
    assert group["verdict"][0]["runs"] == 2
    assert {"nll", "auc"} <= {score["metric"] for score in group["scores"]}
    assert 'id="verdict"' in page.read_text(encoding="utf-8")


def test_a_run_can_be_told_as_json(runs, tmp_path):
    path = runs[2]
    done = sim_here(path, "--out", tmp_path, "--progress", "none", "--json", cwd=tmp_path)
    told = json.loads(done.stdout)
    assert told["run"] == str(run_directory(tmp_path))
    assert told["verdict"][0]["stretches"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "windows.refund=2d"], "changes what is run"),
        (["--set", "verdict.goal=mony"], "verdict.goal"),
        (["--set", "verdict.guardrails.pcoc=[2,1]"], "the least comes first"),
        (["--set", "verdict.baseline=fwn"], "Did you mean 'fnw'"),
        (["--set", "verdict.stretches.opening=0"], "weigh nothing"),
    ],
)
def test_wrong_questions_are_refused_in_words(runs, words, said):
    refused = sim_here("verdict", runs[1][0], *words, code=2)
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


def test_no_run_and_no_finished_run_are_refused(tmp_path):
    assert "name one finished run" in sim_here("verdict", code=2).stderr
    assert "no such run directory" in sim_here("verdict", tmp_path / "none", code=2).stderr
