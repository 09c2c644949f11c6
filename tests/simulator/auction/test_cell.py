"""The cell that docs/auction.md works out by hand, cleared impression by impression."""

from __future__ import annotations

import re

import numpy as np
import pytest

from simulator.auction.hindsight import Hindsight
from simulator.auction.paired import foretold
from simulator.auction.settings import AuctionBlock
from simulator.auction.worth import Predictions, expected
from simulator.calendar import NO_PROMOTIONS
from simulator.evaluation.metrics import log_loss
from tests.commands import ROOT
from tests.simulator.auction.offered import offers, room

EACH = 20_000
TRUE = np.repeat([0.4, 0.2], EACH)
PREDICTED = {"true": [0.4, 0.2], "tilted": [0.5, 0.1], "low": [0.2, 0.1]}
RULES = {
    "second price": AuctionBlock(),
    "first price": AuctionBlock(mechanism="first-price"),
    "first price, halved": AuctionBlock(
        mechanism="first-price", bidder={"kind": "shaded", "adapt": False, "factor": 0.5}
    ),
}


@pytest.fixture(scope="module")
def cell():
    offered = offers(np.random.default_rng(0), 2 * EACH, days=1.0)
    offered.rivals = np.tile((np.arange(EACH) + 0.5) / EACH, 2)[:, None]
    offered.c = offered.p_click = np.ones(2 * EACH)
    offered.q1 = offered.p_pay = TRUE
    return offered


def believed(name):
    ones = np.ones(2 * EACH)
    return Predictions(ones, np.repeat(PREDICTED[name], EACH), ones)


def table(first):
    page = (ROOT / "docs" / "auction.md").read_text(encoding="utf-8")
    block = page[page.index(first) :].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
    return rows[0], {re.split(r"\W", row[0])[0]: row[1:] for row in rows[2:]}


def profit(offered, rules, name):
    won = room(rules).clear(offered, believed(name))
    return float((expected(offered, rules) * won.won - won.price).mean())


def with_budget(offered, name, budget=0.0125):
    rules, hindsight = RULES["second price"], Hindsight(RULES["second price"], NO_PROMOTIONS)
    hindsight.add(offered, room(rules).clear(offered, believed(name)))
    (day,) = hindsight.best(budget * len(offered)).values()
    assert day["spend"] == pytest.approx(budget * len(offered))
    return (day["expected"] - day["spend"]) / len(offered)


def regret(name):
    predicted = np.repeat(PREDICTED[name], EACH)
    return float((log_loss(predicted, TRUE) - log_loss(TRUE, TRUE)).mean())


@pytest.mark.parametrize("name", PREDICTED)
def test_the_page_says_what_clearing_gives(cell, name):
    heads, rows = table("| method | second price |")
    found = {rule: profit(cell, rules, name) for rule, rules in RULES.items()}
    found["second price, budget"] = with_budget(cell, name)
    assert heads[1:] == list(found)
    for said, value in zip(rows[name], found.values(), strict=True):
        assert float(said) == pytest.approx(value, abs=1e-4)
    *predicted, said = table("| method | A | B |")[1][name]
    assert [float(p) for p in predicted] == PREDICTED[name]
    assert float(said) == pytest.approx(regret(name), abs=1e-4)


def test_the_arithmetic_is_what_clearing_gives(cell):
    for name, predicted in PREDICTED.items():
        p, v = np.array(predicted), np.array([0.4, 0.2])
        assert profit(cell, RULES["second price"], name) == pytest.approx((v * p - p**2 / 2).mean(), abs=1e-4)
        assert profit(cell, RULES["first price"], name) == pytest.approx(((v - p) * p).mean(), abs=1e-4)
        factor = min(1.0, np.sqrt(0.0125 / (p**2 / 2).mean()))
        paced = (v * factor * p - (factor * p) ** 2 / 2).mean()
        assert with_budget(cell, name) == pytest.approx(paced, abs=1e-4)


def test_the_loss_foretells_money_only_without_a_budget_and_under_second_price(cell):
    loss = {name: regret(name) for name in PREDICTED}
    earned = {rule: {n: profit(cell, rules, n) for n in PREDICTED} for rule, rules in RULES.items()}
    assert foretold(loss, earned["second price"]) == 1
    assert foretold(loss, earned["first price, halved"]) == 1
    assert foretold(loss, earned["first price"]) < 0
    budget = {name: with_budget(cell, name) for name in PREDICTED}
    assert budget["low"] > budget["tilted"] + 1e-3
    assert budget["low"] == pytest.approx(budget["true"], abs=1e-5)
