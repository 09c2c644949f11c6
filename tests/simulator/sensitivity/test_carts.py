"""The question on carts, gathered from a made-up log, against a plain reading of it; and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.calendar import Calendar, Promotion
from simulator.log.reader import Log
from simulator.log.schema import Feature, Kind
from simulator.log.writer import LogWriter
from simulator.prepromotion import PrePromotion
from simulator.report.sensitivity import sensitivity_tables
from simulator.sensitivity.carts import cart_question
from simulator.sensitivity.identification import identification
from simulator.sensitivity.study import Precision, study
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.simulator.log.logs import ORIGIN

CLICKS, USERS = 4000, 300
WINDOWS = Windows(3 * DAY, 0)
SALES = Calendar.of(
    [Promotion("first", 3 * DAY, 4 * DAY, 2 * DAY), Promotion("second", 7 * DAY, 8 * DAY, 2 * DAY)]
)
FEATURES = (
    Feature("category", 4),
    Feature("button", 2),
    Feature("shop", 30),
    Feature("price", 10, kind="numeric"),
    Feature("latest", 5, 2, "tags"),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The log, and its columns: time, user, category, first pay and first cart."""
    rng = np.random.default_rng(6)
    time = np.sort(rng.integers(0, 8 * DAY, CLICKS))
    user, category = rng.integers(0, USERS, CLICKS), rng.integers(0, 4, CLICKS)
    button, shop = rng.integers(0, 2, CLICKS), rng.integers(0, 30, CLICKS)
    cart = np.where(rng.random(CLICKS) < 0.2 + 0.3 * button, time + rng.integers(1, 30 * HOUR, CLICKS), -1)
    windows = PrePromotion(SALES)
    pay = np.where(rng.random(CLICKS) < 0.1, time + rng.integers(1, 20 * HOUR, CLICKS), -1)
    comes_back = (windows.opening(time) >= 0) & (pay < 0) & (rng.random(CLICKS) < 0.1 + 0.2 * (cart >= 0))
    pay = np.where(comes_back, windows.opening(time) + rng.integers(0, 20 * HOUR, CLICKS), pay)
    tags = rng.integers(-1, 5, (CLICKS, 2))
    tags[tags[:, 0] < 0] = -1
    features = np.column_stack([category, button, shop, rng.integers(0, 10, CLICKS), tags]).astype(np.int32)
    truth = {"delayed_if_cart": rng.random(CLICKS), "delayed_if_none": rng.random(CLICKS)}
    path = tmp_path_factory.mktemp("log") / "log"
    with LogWriter(path, name="made", origin=ORIGIN, features=FEATURES, truth=tuple(truth)) as writer:
        writer.clicks(time=time, user_id=user, item_id=shop, features=features, truth=truth)
        row = np.concatenate([np.flatnonzero(cart >= 0), np.flatnonzero(pay >= 0)])
        kind = np.repeat([Kind.CART, Kind.PAY], [(cart >= 0).sum(), (pay >= 0).sum()]).astype(np.uint8)
        at = np.concatenate([cart[cart >= 0], pay[pay >= 0]])
        order = np.lexsort((row, kind, at))
        writer.events(
            row=row[order],
            time=at[order],
            kind=kind[order],
            amount=np.where(kind == Kind.PAY, 1.0, 0.0)[order],
        )
        writer.close(12 * DAY)
    return Log.open(path), time, user, category, pay, cart, features, truth


def question(made, **given):
    return cart_question(made[0], WINDOWS, PrePromotion(SALES), **{"most": 10**6, **given})


def test_it_is_asked_of_clicks_before_a_sale_that_did_not_pay_on_their_day(made):
    _, time, user, category, pay, cart, _, truth = made
    asked = question(made, instrument="button", known=True)
    sales = [(1 * DAY, 3 * DAY, 4 * DAY, "first"), (5 * DAY, 7 * DAY, 8 * DAY, "second")]
    rows, treated, delayed, which, before, other = [], [], [], [], [], []
    for i in range(CLICKS):
        day = time[i] // DAY
        for opens, start, end, name in sales:
            if opens <= time[i] < start and not (pay[i] >= 0 and pay[i] // DAY == day):
                rows.append(i)
                treated.append(cart[i] >= 0 and cart[i] // DAY == day)
                delayed.append(start <= pay[i] < end)
                which.append(name)
                same = np.flatnonzero(user == user[i])
                before.append(any(0 <= time[i] - pay[j] <= 3 * DAY for j in same if pay[j] >= 0))
                other.append(
                    any(
                        time[j] // DAY == day
                        and category[j] != category[i]
                        and cart[j] >= 0
                        and cart[j] // DAY == day
                        for j in same
                    )
                )
    observed = asked.observed
    assert len(observed) == len(rows) > 1000
    assert observed.treatment.tolist() == treated
    assert observed.outcome.tolist() == delayed
    assert observed.user.tolist() == user[rows].tolist()
    for name, part in asked.parts.items():
        assert part.tolist() == [which_of == name for which_of in which]
    earlier, another = asked.controls.values()
    assert earlier.outcome.tolist() == before
    assert another.treatment.tolist() == other
    np.testing.assert_array_equal(another.covariates[:, -1], observed.treatment)
    for found, column in zip(asked.potential, truth.values(), strict=True):
        np.testing.assert_array_equal(found, column[rows])
    assert asked.instrument.coin
    assert asked.instrument.values[:, 0].tolist() == made[6][rows, 1].tolist()
    assert set(observed.groups) == {
        "category",
        "shop",
        "price",
        "latest",
        "time to the sale",
        "time of the day",
        "which sale",
    }
    assert not np.isnan(observed.covariates).any()


def test_ids_are_known_by_what_they_did_before_the_window(made):
    """The two rates of a shop are those of clicks whose day was over when the pre-promotion window began."""
    _, time, _, _, pay, cart, features, _ = made
    asked = question(made)
    late = asked.parts["second"]
    column = asked.observed.covariates[late][:, asked.observed.groups["shop"][0]]
    windows = PrePromotion(SALES)
    over = time // DAY < 5
    carted = windows.same_day(time, cart)
    rate = carted[over].mean()
    shop = features[:, 2]
    rates = np.array(
        [
            (carted[over & (shop == k)].sum() + 20 * rate) / ((over & (shop == k)).sum() + 20)
            for k in range(30)
        ]
    )
    place = windows.promotion(time)
    mine = shop[(place == 1) & ~windows.same_day(time, pay)]
    expected = np.log(rates / rate)[mine]
    assert np.corrcoef(column, expected)[0, 1] == pytest.approx(1, abs=1e-9)


def test_of_many_clicks_whole_users_are_left_out(made):
    every, some = question(made), question(made, most=600)
    assert 300 < len(some.observed) < 900
    kept = set(some.observed.user.tolist())
    assert (np.isin(every.observed.user, list(kept))).sum() == len(some.observed)
    assert "by users" in some.notes[-1]


def test_why_there_is_no_question(made):
    log = made[0]
    none = cart_question(log, WINDOWS, PrePromotion(Calendar()), most=1000)
    assert none == "no promotion with an anticipation is over before the log ends"
    later = PrePromotion(Calendar.of([Promotion("late", 11 * DAY, 13 * DAY)]))
    assert cart_question(log, WINDOWS, later, most=1000) == none
    empty = PrePromotion(Calendar.of([Promotion("after", 11 * DAY, 12 * DAY, DAY)]))
    assert cart_question(log, WINDOWS, empty, most=1000) == "no click before a sale has a cart on its own day"


def test_the_study_and_its_words(made):
    asked = question(made, instrument="button", known=True, hidden=True)
    assert not asked.lacking
    found = study(asked, Precision(resamples=30))
    robust = found["effects"]["doubly robust"]["ate"]
    assert robust["low"] < robust["value"] < robust["high"]
    assert 0.05 < robust["value"] < 0.25  # a fifth more come back with a cart; part of them cart another day
    assert found["row_bounds"]["ate"][0]["low"] == pytest.approx(robust["value"])
    assert found["instrument"]["wald"]["low"] > 0
    assert found["instrument"]["first_stage"] > 50
    assert 1 <= found["crossings"]["ate_outer"] <= found["crossings"]["ate"]
    assert found["truth"]["effects"]["treated"] == pytest.approx(asked.potential[0].mean())
    assert set(found["parts"]) == {"first", "second"}
    said = " ".join(identification(asked, found))
    for words in (
        "given category, shop, price",
        "does not hold in this world",
        "Instrument: button",
        "Positivity:",
    ):
        assert words in said
    tables = {table.title: table for table in sensitivity_tables(found)}
    assert len(tables) == 6
    for table in tables.values():
        assert {len(row) for row in table.rows} == {len(table.heads)}
    estimates = tables["Estimates"].rows
    assert [row[0] for row in estimates][4:] == [
        "Wald, by button",
        "two stages, by button",
        "doubly robust, first",
        "doubly robust, second",
        "truth",
    ]
    assert "Lambda* = " in tables["Bounds under hidden confounding up to Lambda"].note


def test_without_an_instrument_or_a_world_it_is_said(made):
    asked = question(made)
    found = study(asked, Precision(resamples=20)) | {"truth": None}
    said = " ".join(identification(asked, found))
    assert "cannot be tested on a log" in said
    assert "No instrument is known" in said
    few = question(made)
    few.observed.outcome[:] = 0
    assert "0 with the outcome; at least 30 of each are needed" in few.lacking
