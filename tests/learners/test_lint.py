"""What is warned of: a sale to come that nothing was learnt for."""

from __future__ import annotations

import duckdb
import pytest

from learners.catalog import resolve_all
from learners.kit.ground import resolved
from learners.methods import METHODS
from learners.misfits import heads_doubts
from learners.objectives import Objective
from learners.session.check_log import check_log
from learners.session.lint import lint_methods
from simulator.errors import ScenarioError
from simulator.scenario.load import load_scenario
from tests.commands import ROOT

SCENARIO = """
[world]
days = 31
clicks_per_day = 1000
{earlier}
[[world.promotion]]
name = "sale"
start = "26d"

[stream]
history = "16d"
gap = "3d"
length = "12d"

[[method]]
method = "pre-trained"

[[method]]
method = "oracle"

[[method]]
{method}
"""
EARLIER = '[[world.promotion]]\nname = "earlier"\nstart = "{}"'
PRIOR = f'prior = "{ROOT}/scenarios/promotion_proof.toml"'


class Misspelt(Objective):
    heads = ("cvr", "rfrr")
    targets = ("converted",)


class Headless(Objective):
    targets = ("converted",)


@pytest.fixture
def doubts(tmp_path):
    def doubts(method, earlier="", text=SCENARIO):
        path = tmp_path / "a.toml"
        path.write_text(text.format(method=method, earlier=earlier), encoding="utf-8")
        scenario = load_scenario(path).scenario
        return lint_methods(resolve_all(scenario), scenario)

    return doubts


@pytest.mark.parametrize(
    "method", ['method = "posterior-settlement"', 'method = "es-dfm"\noffset = "calendar"']
)
def test_a_sale_to_come_that_nothing_was_learnt_for(doubts, method):
    (warning,) = doubts(method)  # one, though offset and auxiliary both have the doubt
    assert "no sale opens in the history" in warning
    assert "'sale'" in warning
    assert "'earlier'" not in warning
    (warning,) = doubts(method, EARLIER.format("17d"))  # in the gap: neither learnt from nor served
    assert "'earlier' and 'sale'" in warning
    assert doubts(method, EARLIER.format("8d")) == []


@pytest.mark.parametrize(
    "method",
    [
        'method = "es-dfm"',
        'method = "settlement-gmv"',
        f'method = "posterior-settlement"\nauxiliary = {{ {PRIOR} }}\noffset = {{ {PRIOR} }}',
        'method = "posterior-settlement"\nauxiliary = { calendar = false }\noffset = "none"',
    ],
)
def test_who_knows_or_wants_no_calendar_has_no_doubt(doubts, method):
    assert not [warning for warning in doubts(method) if "no sale" in warning]


def test_a_sale_that_is_not_like_those_learnt_from(doubts):
    """Three hours teach nothing of a day; a day does of a day, whatever else is known."""
    flash = EARLIER.format("8d") + '\nlength = "3h"'
    (warning,) = doubts('method = "posterior-settlement"', flash)
    assert "'sale' lasts 1d" in warning
    assert "('earlier' 3h)" in warning
    settled = f'method = "posterior-settlement"\nauxiliary = {{ {PRIOR} }}\noffset = {{ {PRIOR} }}'
    assert doubts(settled, flash) == []


def test_a_sale_in_which_no_past_day_would_be_reused(doubts):
    def after(hours, **more):
        second = f'{{ kind = "historical-data-reuse", after = "{hours}h" }}'
        return doubts(
            f'method = "hdr"\nauxiliary = {{ kind = "both", first = "delay", second = {second} }}', **more
        )

    assert after(10) == after(21) == []  # a model comes 21.6 hours after the opening
    (warning,) = after(22)
    assert "no model is published in 'sale' once the first 22h are over (one comes every 2.4h)" in warning
    rare = SCENARIO.replace("[stream]", '[engine]\npublish_every = "1d"\n[stream]')
    assert "every 1d" in after(10, text=rare)[0]
    longer = SCENARIO.replace('start = "26d"', 'start = "26d"\nlength = "2d"')
    assert after(10, text=longer.replace("[stream]", '[engine]\npublish_every = "1d"\n[stream]')) == []
    (warning,) = after(10, text=SCENARIO.replace('length = "12d"', 'length = "7d"'))
    assert "no sale is on in the stream" in warning
    # Its first hours alone are in the stream: what comes after them is not served.
    ending = SCENARIO.replace('length = "12d"', 'length = "7.4d"')
    assert "'sale' once the first 10h are over" in after(10, text=ending)[0]


def test_a_head_that_is_trained_for_nobody(doubts):
    (warning,) = doubts('method = "fnw"\nobjective = "tests.learners.test_lint:Misspelt"')
    assert "trains rfrr, which link 'probability' does not serve" in warning
    (warning,) = doubts('method = "fnw"\nstart = "direct"')
    assert "fits netcvr, which neither objective 'fnw' nor link 'probability' reads" in warning
    (warning,) = [said for said in doubts('method = "direct"\nserve = "probability"') if "direct" in said]
    assert "serve = 'direct' reads it too" in warning


@pytest.mark.parametrize("task", [{}, {"task": "netcvr"}])
def test_no_method_of_the_table_trains_for_nobody(task):
    for name, entry in METHODS.items():
        if not task or entry.netcvr:
            method = resolved(method=name, **task)
            assert not heads_doubts(method.objective, method.link, method.offset, method.start), name


def test_an_objective_without_heads_is_told_so(doubts):
    with pytest.raises(
        ScenarioError, match=r"trains no head \(its heads are empty\), but the method serves cvr"
    ):
        doubts('method = "fnw"\nobjective = "tests.learners.test_lint:Headless"')


def test_a_history_without_what_pre_training_learns_from(tmp_path):
    """Nobody pays twice, so one of the two towers has nothing to start from: said before anything runs."""
    n = 4000
    clicks = f"SELECT i AS click_id, i * 100_000_000 AS time, 0 AS user_id, 0 AS item_id, i % 3 AS place FROM range({n}) r(i)"
    pays = f"SELECT i AS click_id, i * 100_000_000 + 5 AS time, 'pay' AS kind, 2.0 AS amount FROM range(0, {n}, 7) r(i)"
    for name, rows in (("clicks", clicks), ("events", pays)):
        duckdb.sql(rows).write_parquet(str(tmp_path / f"{name}.parquet"))
    path = tmp_path / "a.toml"
    path.write_text(f"""
        [data]
        clicks = "{tmp_path}/clicks.parquet"
        events = "{tmp_path}/events.parquet"
        [data.columns]
        time_unit = "us"
        [windows]
        attribution = "6h"
        refund = "0s"
        [stream]
        history = "2d"
        gap = "6h"
        segment = "3h"
        [output]
        cache = "{tmp_path}/cache"
        [[method]]
        method = "pre-single"
        [[method]]
        method = "pre-dual"
    """)
    with pytest.raises(ScenarioError) as failed:
        check_log(load_scenario(path))
    start = failed.value.faults[0]
    assert start.startswith(
        "method[1].start: pre-training 'gmv-dual': no click from 0s to 2d has a target for 'gmv_repurchase'"
    )
