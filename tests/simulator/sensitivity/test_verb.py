"""`sim.py sensitivity RUN`: on what a run leaves behind, in a world of impressions with a hidden intent."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from simulator.data import open_data
from simulator.log.reader import Log
from simulator.report.html import write_report
from simulator.report.sensitivity import sensitivity_tables
from simulator.scenario.load import load_scenario
from simulator.scenario.resolve import to_toml
from tests.commands import sim_here
from tests.simulator.report.made import make_run

SCENARIO = """
[world]
days = 5
clicks_per_day = 1_200
users = 400
items = 200
impressions = true

[world.exposure]
rate = 0.3
randomised = 0.2

[world.confounder]
strength = 1.0

[[world.promotion]]
name = "sale"
start = "2d"
length = "1d"
anticipation = "1d"

[windows]
attribution = "1d"
refund = "0s"

[stream]
history = "1d"
gap = "0s"
length = "2d"

[[method]]
method = "waiting-window"
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A run directory without a report, as far as the verb reads it."""
    base = tmp_path_factory.mktemp("run")
    scenario = base / "shop.toml"
    scenario.write_text(SCENARIO)
    loaded = load_scenario(scenario, [f"output.cache={base / 'cache'}"])
    log = Log.open(open_data(loaded, "none"))
    run = base / "0a-s0"
    run.mkdir()
    (run / "summary.json").write_text("{}")
    (run / "scenario.resolved.toml").write_text(to_toml(loaded))
    (run / "manifest.json").write_text(json.dumps({"data_fingerprint": log.meta.fingerprint}))
    return run


@pytest.fixture(scope="module")
def asked(finished):
    done = sim_here("sensitivity", finished, "--rows", "4000", "--resamples", "20")
    return done.stdout, json.loads((finished / "sensitivity.json").read_text())


def test_both_questions_are_answered_beside_the_truth(asked):
    printed, result = asked
    carts, clicks = result["questions"]
    assert (carts["name"], clicks["name"]) == ("carts", "clicks")
    found = clicks["found"]
    assert 3000 < found["rows"] < 5000
    # Nobody pays without a click; what clicks say of all impressions is too high, the coin's rows and the truth are not.
    robust = found["effects"]["doubly robust"]
    assert robust["untreated"]["value"] == 0
    assert robust["ate"]["value"] == pytest.approx(robust["treated"]["value"])
    truth = found["truth"]["effects"]["ate"]
    assert robust["treated"]["value"] > truth > 0
    coin = found["randomised"]
    assert (
        abs(coin["value"] - truth) < coin["high"] - coin["low"]
    )  # of all users, the truth of those that are taken
    assert found["instrument"]["name"] == "position"
    assert "position" not in found["benchmarks"]
    assert "position_x_scenario" not in found["benchmarks"]
    assert found["truth"]["needed"] > 1
    said = " ".join(clicks["said"])
    assert "a hidden intent moves treatment and outcome" in said
    assert "position moves the treatment and nothing else" in said
    for words in ("Would what was shown be paid for", "rows treated by a coin", "Lambda* = ", "Overlap"):
        assert words in printed
    if "lacking" in carts:
        assert f"Not asked: {carts['lacking']}." in printed
    else:
        assert carts["found"]["truth"] is None


def test_the_same_is_a_section_of_the_report(asked, tmp_path):
    results, summary = make_run()
    question = asked[1]["questions"][1]
    shown = [{**question, "title": "Would <it>?", "tables": list(sensitivity_tables(question["found"]))}]
    write_report(tmp_path / "a.html", summary=summary, metrics=results.metrics, sensitivity=shown)
    write_report(tmp_path / "b.html", summary=summary, metrics=results.metrics)
    page = (tmp_path / "a.html").read_text()
    assert 'href="#sensitivity"' in page
    assert "Would &lt;it&gt;?" in page
    assert "rows treated by a coin" in page
    assert (
        "sensitivity"
        not in (tmp_path / "b.html").read_text().partition("</style>")[2].partition("<script")[0]
    )


def test_mistakes_are_said_with_their_remedy(finished, tmp_path):
    done = sim_here("sensitivity", tmp_path / "none", code=2)
    assert "no such run directory" in done.stderr
    done = sim_here("sensitivity", finished, "--rows", "5", "--resamples", "1", code=2)
    assert "--rows 5: allowed: 1000 or more" in done.stderr
    assert "--resamples 1: allowed: 20 or more" in done.stderr
    done = sim_here("sensitivity", finished, "--click-instrument", "positon", code=2)
    assert "--click-instrument: unknown feature 'positon'" in done.stderr
    assert "Did you mean 'position'?" in done.stderr
    other = tmp_path / "other"
    shutil.copytree(finished, other)
    (other / "manifest.json").write_text(json.dumps({"data_fingerprint": "of another log"}))
    done = sim_here("sensitivity", other, code=1)
    assert "is not the log of" in done.stderr
    assert "Traceback" not in done.stderr
