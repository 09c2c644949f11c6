"""The closed loop: who wins everything is where an open replay is, and nobody sees what another won, or lost himself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator.auction.settings import AuctionBlock
from simulator.log.memory import MemoryLog
from simulator.log.schema import EventBatch
from simulator.log.without import Lost
from tests.simulator.pipeline.looped import (
    END,
    POLICIES,
    SEGMENT,
    START,
    WINDOWS,
    WORLD,
    Replayed,
    replayed,
)

EVERYTHING = AuctionBlock.model_validate({"rivals": {"count": 0}, "reserve": 1e-12, "worth": 1e9})
NOTHING = AuctionBlock.model_validate({"rivals": {"bid": 1e12}})
SOME = AuctionBlock.model_validate({"rivals": {"bid": 0.2}})


@pytest.fixture(scope="module")
def some() -> Replayed:
    return replayed(SOME)


def assert_equal_meals(left: Replayed, right: Replayed, name: str, *, but: tuple[str, ...] = ()) -> None:
    meals = [run.audience.meals.get(name, []) for run in (left, right)]
    assert [len(meal) for meal in meals[0]] == [len(meal) for meal in meals[1]]
    for a, b in zip(*meals, strict=True):
        assert (a.role_names == b.role_names).all()
        assert a.carried.keys() == b.carried.keys()
        for column in {*a.types(), *a.carried} - {"role", *but}:
            np.testing.assert_array_equal(a.column(column), b.column(column), err_msg=f"{name} {column}")


def assert_same(left: Replayed, right: Replayed, names=tuple(POLICIES)) -> None:
    """Compare what is fed and predicted, to the bit."""
    for name in names:
        assert_equal_meals(left, right, name)
        for of in ("predicted", "foreseen"):
            found = [getattr(run.audience, of)[name] for run in (left, right)]
            assert [row for row, _ in found[0]] == [row for row, _ in found[1]]
            for (_, x), (_, y) in zip(*found, strict=True):
                np.testing.assert_array_equal(x, y, err_msg=f"{name} {of}")


def test_who_wins_everything_hears_and_predicts_what_an_open_replay_does():
    open_, closed = replayed(), replayed(EVERYTHING)
    for name in POLICIES:
        assert closed.decisions.column(name, "won").all()
        assert open_.audience.meals[name]
    assert_same(open_, closed)


def test_who_wins_nothing_hears_only_of_what_was_before_the_stream():
    run = replayed(NOTHING)
    offered = {int(row) for offers, _ in run.decisions.won["delay"] for row in offers.click_row}
    for name in POLICIES:
        assert not run.decisions.column(name, "won").any()
        for meal in run.audience.meals.get(name, []):
            shown = meal.column("clicked") == 0
            assert (meal.visible_time[shown] < START + WINDOWS.click).all()
            assert not offered & set(meal.row[~shown].tolist())


def test_whoever_begins_cold_and_wins_nothing_hears_nothing_and_serves_all_the_same():
    run = replayed(NOTHING.model_copy(update={"history": "none"}))
    assert not run.audience.meals
    for name, pupil in run.pupils.items():
        assert not pupil.meals
        assert len(run.audience.predicted[name])


def won_of(run: Replayed, name: str) -> tuple[MemoryLog, np.ndarray]:
    """Return, impression by impression, what a method should have won, and the rows of its clicks.

    It wins what it predicts above the best rival.
    """
    shown, clicks = [], []
    predicted = {
        first + k: float(value)
        for first, values in run.audience.foreseen[name]
        for k, value in enumerate(values)
    }
    rivals = {
        int(place): float(best[0])
        for offers, _ in run.decisions.won[name]
        for place, best in zip(offers.place, offers.rivals, strict=True)
    }
    everything, place = WORLD.impression, 0
    lost = set()
    for k in range(len(everything)):
        if everything.coin[k] >= 0:
            continue
        if START <= everything.time[k] < END:
            won = predicted[place] > rivals[k]
            place += 1
        else:
            won = everything.time[k] < START
        if won:
            shown.append(k)
        elif everything.click_row[k] >= 0:
            lost.add(int(everything.click_row[k]))
    own = {}
    for row in range(len(WORLD.click_time)):
        if row not in lost:
            own[row] = len(clicks)
            clicks.append(row)
    event: EventBatch = WORLD.event[np.array([int(row) in own for row in WORLD.event.row])]
    mine = everything[np.array(shown)]
    event = replace(event, row=np.array([own[int(row)] for row in event.row]))
    log = replace(
        WORLD,
        click_id=WORLD.click_id[clicks],
        click_time=WORLD.click_time[clicks],
        event=event,
        feature_matrix=WORLD.feature_matrix[clicks],
        impression=replace(
            mine,
            rows=np.arange(len(mine)),
            click_row=np.array([own[int(row)] if row >= 0 else -1 for row in mine.click_row]),
        ),
    )
    return log, np.array(clicks)


@pytest.mark.parametrize("name", ["delay", "told"])
def test_what_is_heard_is_what_an_open_replay_of_the_won_impressions_says(name, some):
    log, rows = won_of(some, name)
    assert 100 < len(log.impression) < 0.6 * len(WORLD.impression)
    open_ = replayed(None, [name], log=log)
    for meal in open_.audience.meals[name]:
        clicked = meal.row >= 0
        meal.row[clicked] = rows[meal.row[clicked]]
        shown = ~np.isnan(meal.carried["impression"])
        meal.click_id[shown] = meal.row[shown]
    assert_equal_meals(open_, some, name, but=("impression",))


def test_neither_other_methods_nor_threads_change_what_one_wins(some):
    """Those who ask their own model, and those who never learn, among them."""
    for name in POLICIES:
        alone = replayed(SOME, [name], workers=1)
        assert_same(alone, some, [name])
        np.testing.assert_array_equal(alone.decisions.places(name), some.decisions.places(name))
    assert len({some.decisions.places(name).tobytes() for name in POLICIES}) == len(POLICIES)


def test_a_stretch_is_bid_for_with_the_model_that_was_published_before_it():
    """Twice as often published, twice as often bid for anew; segments stay."""
    run = replayed(SOME, ["delay"], publish_every=SEGMENT // 2)
    seen = [int(offers.time[0]) for offers, _ in run.decisions.won["delay"]]
    assert len(seen) == 2 * (END - START) // SEGMENT
    assert len(run.audience.predicted["delay"]) == len(seen)


def test_a_click_that_nobody_saw_in_a_lower_slot_is_nobodys():
    slots = SOME.model_copy(
        update={"slots": (1.0, 0.3), "rivals": SOME.rivals.model_copy(update={"bid": 0.5})}
    )
    run = replayed(slots, ["delay"])
    seen, offered = set(), set()
    for offers, won in run.decisions.won["delay"]:
        offered |= set(offers.click_row[offers.click_row >= 0].tolist())
        seen |= set(won.click_row[won.click_row >= 0].tolist())
        assert (won.won | (won.click_row < 0)).all()
    own = {int(row) + int(k) for row, mine in run.decisions.owned["delay"] for k in np.flatnonzero(mine)}
    assert own & offered == seen
    lost = sum(int(((offers.click_row >= 0) & won.won & (won.click_row < 0)).sum())
               for offers, won in run.decisions.won["delay"])  # fmt: skip
    assert lost > 5
    for meal in run.audience.meals["delay"]:
        clicked = meal.row >= 0
        assert set(meal.row[clicked].tolist()) <= own


def test_nobody_hears_of_what_was_lost_before_the_stream():
    """Of nothing else, neither: what is lost is missing in what is fed, and only that."""
    shown = WORLD.impression
    assert shown is not None
    places = shown.rows[(shown.time < START) & (shown.rows % 2 == 0) & (shown.coin < 0)]
    rows = shown.click_row[places]
    lost = Lost(places, np.sort(rows[rows >= 0]))
    whole, part = replayed(EVERYTHING), replayed(EVERYTHING, lost=lost)
    for name in ("settled", "told"):
        before, after = (
            np.unique(np.concatenate([meal.row for meal in run.audience.meals[name]]))
            for run in (whole, part)
        )
        assert np.isin(lost.clicks, before).any()
        np.testing.assert_array_equal(after, before[~np.isin(before, lost.clicks)])
