"""What bids bring is what integration and brute force say, and a PCOC has its price."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from simulator.errors import RunError
from simulator.verdict.bidding import Auction
from tests.commands import ROOT
from tests.simulator.verdict.known import asked, made

PRICES = st.floats(0.05, 50)
SPREADS = st.floats(0.2, 2.5)


def density(auction):
    return stats.lognorm(auction.spread, scale=auction.median)


@given(PRICES, PRICES, PRICES, SPREADS)
def test_second_price_profit_is_the_integral(bid, value, median, spread):
    auction = Auction("second-price", median, spread)
    rival = density(auction)

    def gain(z):  # over the standard normal, since the density itself is sharp near zero
        return (value - median * np.exp(spread * z)) * stats.norm.pdf(z)

    stop = np.log(bid / median) / spread
    expected = integrate.quad(gain, -12, stop, limit=200)[0] if stop > -12 else 0.0
    found = float(auction.profit(np.array(bid), np.array(value)))
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-7 * (value + rival.mean()))


@pytest.mark.parametrize("kind", ["second-price", "first-price"])
def test_profit_is_that_of_a_brute_force_auction(kind):
    auction, random = Auction(kind, 2.0, 0.8), np.random.default_rng(5)
    rival = 2.0 * np.exp(0.8 * random.normal(size=400_000))
    for bid, value in ((1.0, 3.0), (3.0, 3.0), (6.0, 3.0), (2.0, 0.5)):
        paid = rival if kind == "second-price" else bid
        won = np.where(bid > rival, value - paid, 0.0)
        error = won.std() / np.sqrt(len(won))
        assert abs(float(auction.profit(np.array(bid), np.array(value))) - won.mean()) <= 4 * error


@given(PRICES, PRICES, SPREADS)
def test_a_first_price_bid_is_the_best_there_is(value, median, spread):
    auction = Auction("first-price", median, spread)
    bid = float(auction.bid(np.array([value]))[0])
    best = optimize.minimize_scalar(
        lambda b: -float(auction.profit(np.array(b), np.array(value))), bounds=(1e-9, value), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    assert 0 < bid < value
    assert float(auction.profit(np.array(bid), np.array(value))) >= -best.fun * (1 - 1e-6) - 1e-12


@given(st.sampled_from(["second-price", "first-price"]), PRICES, st.floats(0.05, 20), PRICES, SPREADS)
def test_no_belief_brings_more_than_the_truth(kind, value, factor, median, spread):
    auction = Auction(kind, median, spread)
    true, wrong = (
        float(auction.profit(auction.bid(np.array(v)), np.array(value))) for v in (value, factor * value)
    )
    assert wrong <= true * (1 + 1e-7) + 1e-9


def test_no_value_no_bid():
    for kind in ("second-price", "first-price"):
        auction = Auction(kind, 1.0, 1.0)
        assert auction.bid(np.zeros(2)).tolist() == [0, 0]
        assert auction.profit(np.zeros(2), np.ones(2)).tolist() == [0, 0]


def test_the_example_of_the_page_is_true():
    page = " ".join((ROOT / "docs" / "verdict.md").read_text(encoding="utf-8").split())
    auction, value = Auction("second-price", 7.2, 1.0), 0.12 * 300 * 0.3
    bids = value * np.array([1.0, 0.45, 1 / 0.45])
    gains = auction.profit(auction.bid(bids), np.full(3, value))
    said = re.search(
        r"bids ([\d.]+) gains ([\d.]+) in the mean.*bids ([\d.]+) and gains ([\d.]+): ([\d,]+) lost by under.*"
        r"bids ([\d.]+) and loses ([\d,]+) by over",
        page,
    )
    numbers = [float(text.replace(",", "")) for text in said.groups()]
    lost = 1000 * (gains[0] - gains)
    expected = [bids[0], gains[0], bids[1], gains[1], lost[1], bids[2], lost[2]]
    assert numbers == pytest.approx(expected, abs=0.5)
    assert numbers[:4] == pytest.approx(expected[:4], abs=0.005)


METHODS = {"frozen": {"all": 1.0}, "low": {"all": 0.45}, "high": {"all": 2.0}, "near": {"all": 1.1}}


def test_a_pcoc_has_its_price(tmp_path):
    run = made(METHODS, 0, path=tmp_path / "predictions.parquet")
    told, found = asked([run], goal="money")
    assert told["metric"] == "money"
    assert found["all"]["best"] == "frozen"  # it serves the truth
    lost = told["money"]["stretches"]["all"]
    assert lost["frozen"] == {"over": 0, "under": 0, "profit": lost["frozen"]["profit"]}
    assert lost["low"]["over"] == 0 < lost["low"]["under"]
    assert lost["high"]["under"] == 0 < lost["high"]["over"]
    assert 0 < lost["near"]["over"] < lost["high"]["over"]
    for method, parts in lost.items():
        assert found["all"]["values"][method] == pytest.approx(parts["over"] + parts["under"])
        assert parts["profit"] == pytest.approx(lost["frozen"]["profit"] - parts["over"] - parts["under"])
    assert told["money"]["value"] == pytest.approx(100 * 0.3 * 0.3, rel=0.1)


def test_lost_money_is_in_proportion_to_the_margin(tmp_path):
    run = made(METHODS, 0, path=tmp_path / "predictions.parquet")
    one, two = (
        asked([run], goal="money", money={"margin": margin})[1]["all"]["values"] for margin in (0.2, 0.4)
    )
    assert two == pytest.approx({method: 2 * lost for method, lost in one.items()})


def test_of_a_real_log_methods_are_ordered_by_what_they_bring_in(tmp_path):
    runs = [
        made(METHODS, seed, truth=False, path=tmp_path / f"{seed}.parquet", clicks=4000) for seed in range(6)
    ]
    told, found = asked(runs, goal="money")
    assert not told["money"]["known"]
    assert found["all"]["best"] in {"frozen", "near"}
    values = found["all"]["values"]
    assert values["low"] < values["frozen"] > values["high"]  # what is brought in: more is better
    lost = told["money"]["stretches"]["all"]
    assert lost["low"]["under"] > 20 * lost["low"]["over"]
    assert lost["high"]["over"] > 20 * lost["high"]["under"]


def test_net_conversions_are_bid_with_too_and_amounts_are_not(tmp_path):
    methods = {"frozen": lambda p, *_: 0.8 * p, "low": lambda p, *_: 0.3 * p}
    run = made(methods, 0, task="netcvr", path=tmp_path / "predictions.parquet")
    told, found = asked([run], goal="money")
    assert found["all"]["best"] == "frozen"
    assert told["money"]["stretches"]["all"]["frozen"]["over"] == pytest.approx(0, abs=1e-6)
    amounts = {"one": lambda p, *_: np.full(len(p), 100.0), "two": lambda p, *_: np.full(len(p), 30.0)}
    told, found = asked([made(amounts, 0, task="gmv")], goal="money")
    assert told["metric"] == "alpr"
    assert found["all"]["best"] == "one"
    assert any("money is told of cvr and netcvr" in note for note in told["notes"])


def test_where_nothing_was_paid_a_click_has_no_value(tmp_path):
    run = made(METHODS, 0, rate=1e-9, clicks=300, truth=False, path=tmp_path / "predictions.parquet")
    told, _ = asked([run], goal="money")
    assert told["metric"] == "nll"
    assert any("nothing was paid" in note for note in told["notes"])


def test_without_predictions_money_cannot_be_told():
    with pytest.raises(RunError, match=r"output\.predictions"):
        asked([made(METHODS, 0)], goal="money")
