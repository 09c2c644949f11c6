"""Scenarios with derived features: the log beside which they are kept, and what a run, a check and an audit make of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from learners.session.auditing import audit_scenario
from learners.session.check_log import check_log
from simulator.data import open_data
from simulator.errors import ScenarioError
from simulator.log.meta import read_meta
from simulator.log.reader import Log
from simulator.scenario.load import load_scenario
from simulator.units import DAY
from tests.commands import sim_here

WORLD = """
{source}
[windows]
attribution = "1d"
refund = "1d"
observation = "15m"

[stream]
history = "2d"
length = "1d"
segment = "6h"

[learner]
hidden = [16, 8]
embedding_dim = 4
batch_size = 64
pretrain_batch_size = 128

[[method]]
method = "fnw"

[[method]]
method = "es-dfm"

[output]
cache = "cache"
dir = "runs"

[features.carts]
kind = "latest"
event = "cart"

[features.categories]
kind = "latest"
event = "cart"
of = "category"

[features.hot]
kind = "popularity"
over = "1d"
bins = 4

[features.ahead]
kind = "days-to-sale"
"""
SALE = '[[world.promotion]]\nname = "sale"\nstart = "3d"\nlength = "1d"\n'


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    source = "[world]\ndays = 6\nclicks_per_day = 1_000\n" + SALE
    (tmp_path / "s.toml").write_text(WORLD.format(source=source))
    return tmp_path / "s.toml"


def test_a_run_with_derived_features(scenario: Path) -> None:
    ran = sim_here(scenario, "--progress", "none")
    assert (
        "feature 'ahead' is a function of the time of the click (the day of the log tells its id)"
        in ran.stderr
    )
    (run,) = (scenario.parent / "runs" / "s").iterdir()
    assert (run / "predictions.parquet").exists()
    told = sim_here("describe", scenario).stdout
    assert "features.hot.bins" in told
    assert "valid; 2 methods" in sim_here("validate", scenario).stdout


def test_policies_on_a_derived_log_pass_the_audit(scenario: Path) -> None:
    report = audit_scenario(load_scenario(scenario), open_data)
    assert report.leaks == []
    assert report.features == []
    assert report.cuts


def test_a_derived_log_is_found_again_and_made_again_where_it_is_damaged(scenario: Path) -> None:
    first = open_data(load_scenario(scenario))
    kept = {path: path.stat().st_ino for path in first.rglob("*.parquet")}
    assert open_data(load_scenario(scenario)) == first
    assert {path: path.stat().st_ino for path in kept} == kept
    (first / "clicks" / "day=0000.parquet").write_bytes(b"nothing")
    assert open_data(load_scenario(scenario)) == first
    assert Log.open(first).features[-1].name == "ahead"
    places = {
        override: open_data(load_scenario(scenario, [override]))
        for override in (
            "features.carts.longest=3",
            "stream.history=1d",
            "world.promotion.sale.length=2d",
            "evaluation.confidence=0.9",
        )
    }
    assert places.pop("evaluation.confidence=0.9") == first
    assert len({first, *places.values()}) == 4
    assert not list(first.parent.glob(".*"))


def test_a_users_log_stays_as_it_is(scenario: Path) -> None:
    plain = load_scenario(scenario)
    bare = plain.scenario.model_copy(update={"features": {}})
    world = open_data(replace(plain, scenario=bare))
    mine = scenario.parent / "mine"
    shutil.copytree(world, mine)
    calendar = '[[promotion]]\nname = "sale"\nstart = "3d"\n'
    text = WORLD.format(source=f'[data]\npath = "{mine}"\n{calendar}')
    scenario.write_text(text)
    before = {path: path.read_bytes() for path in mine.rglob("*") if path.is_file()}
    made = check_log(load_scenario(scenario))
    assert made is not None
    meta, place, doubts = made
    assert place != mine
    assert meta.source == read_meta(mine).fingerprint != meta.fingerprint
    assert [doubt for doubt in doubts if "'ahead' is a function of the time" in doubt]
    assert before == {path: path.read_bytes() for path in mine.rglob("*") if path.is_file()}
    derived = np.concatenate([batch.features for batch in Log.open(place).clicks()])
    stored = np.concatenate([batch.features for batch in Log.open(mine).clicks()])
    assert np.array_equal(derived[:, : stored.shape[1]], stored)
    scenario.write_text(
        text.replace('of = "category"', 'of = "categry"').replace("features.hot", "features.hour")
    )
    with pytest.raises(ScenarioError, match="Did you mean 'category'"):
        check_log(load_scenario(scenario))
    with pytest.raises(
        ScenarioError, match=r"features.hour: 'hour' is a feature of the log already"
    ) as caught:
        check_log(load_scenario(scenario, ["stream.time_features=true"]))
    assert len(caught.value.faults) == 2


def test_an_upload_is_part_of_what_a_derived_log_is_known_by(scenario: Path) -> None:
    at_once = Log.open(open_data(load_scenario(scenario)))
    late = ["windows.lateness=1d", "stream.gap=2d", "stream.upload=1d"]
    known_late = Log.open(open_data(load_scenario(scenario, late)))
    column = [feature.name for feature in at_once.meta.features].index("carts")
    carts = [
        np.concatenate([batch.features[:, column] for batch in log.clicks(2 * DAY)])
        for log in (at_once, known_late)
    ]
    assert np.count_nonzero(carts[0] >= 0) > np.count_nonzero(carts[1] >= 0) > 0
