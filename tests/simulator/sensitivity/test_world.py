"""Worlds in which shoppers come back at the opening: what is estimated of carts beside the truth."""

from __future__ import annotations

import pytest

from simulator.data import open_data
from simulator.log.reader import Log
from simulator.prepromotion import PrePromotion
from simulator.scenario.load import load_scenario
from simulator.sensitivity.carts import cart_question
from simulator.sensitivity.study import Precision, study

SCENARIO = """
[world]
days = 10
clicks_per_day = 4_000
users = 4_000
items = 800
confounder = {{ strength = 1.0 }}

[[world.promotion]]
name = "sale"
start = "8d"
length = "1d"
anticipation = "4d"
waiting = {{ floor = 0, rise = 0 }}
revisit = {{ level = -2.5, slope = 0.5, cart = {effect} }}

[windows]
attribution = "6d"
refund = "0s"

[stream]
history = "4d"
gap = "0s"
length = "2d"

[[method]]
method = "waiting-window"
"""


@pytest.mark.long
@pytest.mark.parametrize("effect", [1.5, 0.0])
def test_a_hidden_intent_inflates_and_the_bounds_say_by_how_much(effect, tmp_path):
    (tmp_path / "w.toml").write_text(SCENARIO.format(effect=effect))
    loaded = load_scenario(tmp_path / "w.toml", [f"output.cache={tmp_path / 'cache'}"])
    log = Log.open(open_data(loaded, "none"))
    before = PrePromotion(loaded.scenario.calendar(log.clock))
    asked = cart_question(log, loaded.scenario.windows.windows(), before, most=20_000)
    found = study(asked, Precision(resamples=50))
    truth, robust = found["truth"], found["effects"]["doubly robust"]
    for estimand in ("ate", "att"):
        assert robust[estimand]["low"] > truth["effects"][estimand]
        assert found["effects"]["difference"][estimand]["value"] > robust[estimand]["value"]
    assert 1 < truth["needed"] < truth["rows"][1]
    if effect:
        assert truth["effects"]["ate"] > 0.15
        assert found["crossings"]["ate_outer"] > truth["needed"]
    else:  # carts do nothing, and what is said of them is what is hidden
        assert truth["effects"]["ate"] == truth["effects"]["att"] == 0
        assert truth["needed"] == pytest.approx(found["crossings"]["ate"], rel=1e-3)
