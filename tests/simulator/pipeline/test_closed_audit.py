"""The audit of the closed loop: neither the future nor what was lost, nor what rivals bid for that, changes a decision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator.auction.offers import Offers
from simulator.auction.settings import AuctionBlock
from simulator.log.memory import MemoryLog
from simulator.log.schema import Bool, Kind
from simulator.randomness import generator
from simulator.units import HOUR, MINUTE
from tests.simulator.pipeline.looped import SEGMENT, START, WORLD, Replayed, replayed

NAMES = ("delay", "settled", "silent")
"""Those who do not declare that they peek."""
CONTROLLED = AuctionBlock.model_validate(
    {
        "rivals": {"bid": 0.2},
        "budget": 40.0,
        "bidder": {"kind": "target-cpa", "target": 1.0},
        "exploration": "epsilon",
    }
)
CUTS = (START + SEGMENT + 100 * MINUTE, START + 4 * SEGMENT)


@pytest.fixture(scope="module")
def true() -> Replayed:
    return replayed(CONTROLLED, NAMES)


def decided(run: Replayed, name: str, before: int) -> dict[str, np.ndarray]:
    """Return what was bid, won and paid for what was offered before an instant."""
    time = np.concatenate([offers.time for offers, _ in run.decisions.won[name]])
    columns = {
        column: run.decisions.column(name, column)
        for column in ("bid", "won", "price", "value", "propensity")
    }
    return {column: values[time < before] for column, values in columns.items()}


def assert_decided_alike(left: Replayed, right: Replayed, name: str, before: int) -> None:
    found = [decided(run, name, before) for run in (left, right)]
    assert len(found[0]["won"]) > 20
    assert found[0]["won"].any()
    for column, values in found[0].items():
        np.testing.assert_array_equal(values, found[1][column], err_msg=f"{name} {column}")


def without_future(cut: int) -> MemoryLog:
    """Return the world as it is known at ``cut``."""
    shown, clicks = WORLD.impression, int(np.searchsorted(WORLD.click_time, cut))
    to_come = shown.click_time >= cut
    known = replace(
        shown,
        click_row=np.where(to_come, -1, shown.click_row),
        click_time=np.where(to_come, -1, shown.click_time),
    )
    return replace(
        WORLD,
        click_id=WORLD.click_id[:clicks],
        click_time=WORLD.click_time[:clicks],
        feature_matrix=WORLD.feature_matrix[:clicks],
        event=WORLD.event[WORLD.event.arrival < cut],
        impression=known[shown.time < cut],
    )


def scrambled(chosen: Bool, seed: int) -> MemoryLog:
    """Return the world with other events in the place of those chosen, at the same instants."""
    rng, event = generator(seed, "scrambled"), WORLD.event
    kind, amount = event.kind.copy(), event.amount.copy()
    kind[chosen] = rng.choice(np.array([Kind.CART, Kind.PAY, Kind.REFUND], np.uint8), int(chosen.sum()))
    amount[chosen] = rng.gamma(2.0, 30.0, int(chosen.sum()))
    return replace(WORLD, event=replace(event, kind=kind, amount=amount, arrival=event.time).in_order())


@pytest.mark.parametrize("cut", CUTS)
def test_nothing_of_the_future_is_bid_with(cut, true):
    """Truncated, and scrambled."""
    for log in (without_future(cut), scrambled(WORLD.event.arrival >= cut, cut)):
        other = replayed(CONTROLLED, NAMES, log=log)
        for name in NAMES:
            assert_decided_alike(true, other, name, cut)


def test_what_follows_decides_later(true):
    """The scrambling reaches what is decided after it: the audit could fail."""
    other = replayed(CONTROLLED, NAMES, log=scrambled(WORLD.event.arrival >= CUTS[0], CUTS[0]))
    with pytest.raises(AssertionError, match="Arrays are not equal"):
        assert_decided_alike(true, other, "delay", START + 8 * SEGMENT)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_what_was_lost_is_heard_of(name, true):
    """What would have followed is another, and so is what the clicks were of."""
    lost = np.concatenate([offers.click_row[~won.won] for offers, won in true.decisions.won[name]])
    lost = lost[lost >= 0]
    log = scrambled(np.isin(WORLD.event.row, lost), 1)
    matrix = WORLD.feature_matrix.copy()
    matrix[lost] = matrix[lost[::-1]]
    other = replayed(CONTROLLED, [name], log=replace(log, feature_matrix=matrix))
    assert_decided_alike(true, other, name, START + 8 * SEGMENT)
    for a, b in zip(true.audience.meals[name], other.audience.meals[name], strict=True):
        np.testing.assert_array_equal(a.converted, b.converted)
        np.testing.assert_array_equal(a.features, b.features)


def test_what_rivals_bid_later_or_for_what_is_lost_anyway_is_not_bid_with(true):
    """For what was lost they bid three times as much; and from an instant on nobody bids."""
    lost = np.concatenate([offers.place[~won.won] for offers, won in true.decisions.won["delay"]])
    cut = START + 4 * SEGMENT + HOUR

    def more(offers: Offers) -> Offers:
        factor = np.where(np.isin(offers.place, lost), 3.0, 1.0)
        return replace(offers, rivals=offers.rivals * factor[:, None])

    def none_later(offers: Offers) -> Offers:
        return replace(offers, rivals=np.where((offers.time >= cut)[:, None], 0.0, offers.rivals))

    higher = replayed(CONTROLLED, ["delay"], altered=more)
    for column in ("bid", "won", "price"):
        np.testing.assert_array_equal(
            true.decisions.column("delay", column), higher.decisions.column("delay", column)
        )
    assert_decided_alike(true, replayed(CONTROLLED, ["delay"], altered=none_later), "delay", cut)
