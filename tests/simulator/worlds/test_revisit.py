"""Who comes back at an opening: direct and delayed pays, and what a cart does to them, against what is said to be true."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from simulator.log.reader import Log
from simulator.log.schema import Kind
from simulator.units import DAY, HOUR, SECOND
from simulator.windows import Windows
from simulator.worlds.delayed import DELAYED_COLUMNS, MARGINAL, PrePromotion
from simulator.worlds.generate import World, generate
from simulator.worlds.presets import merged
from simulator.worlds.promotion_settings import WorldPromotion
from simulator.worlds.settings import WorldSettings
from simulator.worlds.truth import COLUMNS
from tests.simulator.worlds import small
from tests.simulator.worlds.small import LIMIT, outcome, z_of_mean, z_of_rate, z_values

WINDOWS = Windows(6 * DAY, 3 * DAY)
NOBODY_WAITS = {"onset": "4d", "floor": 0, "rise": 0}
SALE = {
    "name": "s",
    "start": "4d",
    "anticipation": "3d",
    "waiting": NOBODY_WAITS,
    "revisit": {"level": -2.0, "deal": 0.3},
}
BASE = {"days": 6, "clicks_per_day": 9_000, "cvr": 0.15, "users": 6_000, "items": 2_000}


def live(observation=864 * SECOND, sale=None, seed=3, **settings):
    """Return the days of a world, and its sales."""
    sales = settings.pop("promotion", [merged(SALE, sale or {})])
    whole = WorldSettings.model_validate(BASE | settings | {"promotion": sales})
    return list(World(whole, WINDOWS, observation, seed).days()), whole.promotion


class Happened:
    """What came of the clicks of some days, from their events alone, beside their truth."""

    def __init__(self, days, promotions):
        first, cart = [], []
        for d in days:
            for kind, out in ((Kind.PAY, first), (Kind.CART, cart)):
                at, mine = np.full(len(d.time), 1 << 62), d.events.kind == kind
                np.minimum.at(at, d.events.row[mine], d.events.time[mine])
                out.append(at)
        self.time, pay, cart = (np.concatenate(x) for x in ([d.time for d in days], first, cart))
        self.truth = {name: np.concatenate([d.truth[name] for d in days]) for name in days[0].truth}
        self.direct, self.carted = pay // DAY == self.time // DAY, cart // DAY == self.time // DAY
        self.before, self.delayed = np.zeros((2, len(pay)), bool)
        for sale in sorted(promotions, key=lambda p: -p.start):
            mine = (self.time >= sale.start - sale.anticipation) & (self.time < sale.start)
            self.before |= mine
            self.delayed[mine] = ((pay >= sale.start) & (pay < sale.end) & ~self.direct)[mine]
            # A cart in the sale is none before it.
            self.carted &= ~mine | (cart < sale.start)

    def pairs(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        truth = self.truth
        yield "direct", self.direct, truth["p_direct"]
        yield "delayed", self.delayed, truth["p_delayed"]
        yield "delayed if cart", truth["delayed_if_cart"], truth["p_delayed_if_cart"]
        yield "delayed if none", truth["delayed_if_none"], truth["p_delayed_if_none"]


def strata(truth, p):
    """Bins of the probability itself, of the log-hazard, and of the intent."""
    for score in (p, truth["p_pay"], truth["p_cart"]):
        order = np.argsort(score, kind="stable")
        yield from np.array_split(order, 4)
    for value in np.unique(truth["intent"]):
        yield np.flatnonzero(truth["intent"] == value)


NOON = {"start": f"{4 * 24 + 10}h", "length": "20h"}
TWO = [
    merged(SALE, {"name": "first", "start": "2d", "length": "12h", "anticipation": "2d"}),
    merged(SALE, {"name": "second", "start": "4d", "revisit": {"cart": 0.5}, "waiting": {"floor": 0.1}}),
]
CASES = {
    "a revisit alone": {},
    "with waiting": {"sale": {"waiting": {"floor": 0.15, "rise": 0.4}}},
    "a long observation window": {"observation": DAY},
    "hidden intent": {"confounder": {"strength": 1.0}, "observation": 6 * HOUR},
    "an opening inside the day": {"sale": NOON, "observation": 6 * HOUR},
    "two sales": {"promotion": TWO},
    "nothing else changes": {
        "sale": {
            "conversion": {"interest": 0, "rush": 0, "base": 1, "opening": 0, "closing": 0, "dip": 0},
            "refund": {"wave": 0},
            "repurchase": {"during": 1},
        }
    },
}


@cache
def case_of(name):
    return live(**CASES[name])


@pytest.mark.parametrize("case", CASES)
def test_the_truth_holds_in_every_stratum(case, monkeypatch):
    days, promotions = case_of(case)
    monkeypatch.setattr(small, "WINDOWS", WINDOWS)
    monkeypatch.setattr(small, "OBSERVATION", CASES[case].get("observation", 864 * SECOND))
    for phase in ((0, 1), (2,), (3,), (4, 5)):
        some = [d for d in days if d.day in phase]
        for name, z in z_values([outcome(d, "all") for d in some]).items():
            assert abs(z) < LIMIT, (phase, name)
        seen = Happened(some, promotions)
        for name, happened, p in seen.pairs():
            for rows in strata(seen.truth, p):
                assert abs(z_of_rate(happened[rows], p[rows])) < LIMIT, (phase, name)


@pytest.mark.parametrize("case", CASES)
def test_the_arm_that_happened_is_what_happened(case):
    days, promotions = case_of(case)
    seen = Happened(days, promotions)
    arms = seen.truth["delayed_if_cart"], seen.truth["delayed_if_none"]
    factual = np.where(seen.carted, *arms)
    same = factual == seen.delayed
    if case in ("with waiting", "two sales"):
        # The carts of those who wait are no treatment; nothing depends on them.
        assert same.mean() > 0.98
        assert same[arms[0] == arms[1]].all()
    else:
        assert same.all()
    for arm, p in zip(arms, ("p_delayed_if_cart", "p_delayed_if_none"), strict=True):
        assert set(np.unique(arm)) == {0, 1}
        assert not arm[~seen.before].any()
        assert not seen.truth[p][~seen.before].any()
    if case != "an opening inside the day":  # who comes back on the click's own day pays directly
        assert (seen.truth["p_delayed_if_cart"] >= seen.truth["p_delayed_if_none"] - 1e-12).all()
    assert (arms[0] > arms[1]).sum() > 50


def test_carts_are_independent_of_what_they_would_do():
    """Among who pays neither on the click's day: P(cart) is p_cart, in every stratum and whatever the potential outcomes."""
    days, promotions = case_of("hidden intent")
    seen = Happened(days, promotions)
    open_ = ~seen.direct & seen.before
    truth = {name: column[open_] for name, column in seen.truth.items()}
    carted = seen.carted[open_]
    for name in ("p_cart", MARGINAL):
        for part in np.array_split(np.argsort(truth[name]), 5):
            assert abs(z_of_rate(carted[part], truth[name][part])) < LIMIT
    for one in (0, 1):
        for none in (0, 1):
            rows = (truth["delayed_if_cart"] == one) & (truth["delayed_if_none"] == none)
            assert abs(z_of_rate(carted[rows], truth["p_cart"][rows])) < LIMIT
    # Without the intent they are not.
    rows = truth["delayed_if_none"] == 1
    assert z_of_rate(carted[rows], truth[MARGINAL][rows]) > LIMIT
    np.testing.assert_array_equal(truth["intent"], truth["hidden"])


def aipw(seen, propensity):
    """Return rows of the doubly robust estimate of what a cart does, and of what it does, over who may still pay at the sale.

    Outcome models are means by arm in tenths of what can be known of paying.
    """
    open_ = seen.before & ~seen.direct
    truth = {name: column[open_] for name, column in seen.truth.items()}
    y, a = seen.delayed[open_].astype(float), seen.carted[open_]
    known = truth.get("p_pay_marginal", truth["p_pay"])
    cell = np.searchsorted(np.quantile(known, np.arange(1, 10) / 10), known)
    rows = np.zeros(len(y))
    e = truth[propensity]
    for arm, sign, chance in ((a, 1, e), (~a, -1, 1 - e)):
        mean = np.bincount(cell[arm], y[arm], 10) / np.bincount(cell[arm], minlength=10)
        rows += sign * (mean[cell] + arm * (y - mean[cell]) / chance)
    return rows, truth["delayed_if_cart"] - truth["delayed_if_none"]


def test_without_confounding_the_doubly_robust_estimate_is_the_effect():
    days, promotions = live(clicks_per_day=20_000)
    rows, effect = aipw(Happened(days, promotions), "p_cart")
    assert effect.mean() > 0.03
    assert abs(z_of_mean(rows - effect)) < LIMIT
    assert rows.std() / np.sqrt(len(rows)) < 0.05 * effect.mean()


def test_with_it_there_is_one_where_none_is():
    """Carts do nothing here, and go with coming back: what can be seen says that they help; the intent says they do not."""
    sale = {"revisit": {"cart": 0.0, "slope": 1.0}}
    days, promotions = live(clicks_per_day=20_000, sale=sale, confounder={"strength": 1.0})
    seen = Happened(days, promotions)
    np.testing.assert_array_equal(seen.truth["delayed_if_cart"], seen.truth["delayed_if_none"])
    rows, effect = aipw(seen, MARGINAL)
    assert not effect.any()
    assert z_of_mean(rows) > 6
    assert rows.mean() > 0.01
    # Were the intent known, nothing would be left of it.
    known, _ = aipw(seen, "p_cart")
    assert abs(z_of_mean(known)) < LIMIT


def test_only_worlds_with_a_revisit_say_so(tmp_path):
    settings = BASE | {"days": 3, "clicks_per_day": 300}
    sale = merged(SALE, {"start": "2d", "anticipation": "1d"})
    for name, tables, columns in (
        ("without", {"promotion": [{key: sale[key] for key in sale if key != "revisit"}]}, COLUMNS),
        ("with", {"promotion": [sale]}, COLUMNS + DELAYED_COLUMNS),
    ):
        whole = WorldSettings.model_validate(settings | tables)
        meta = generate(whole, WINDOWS, 864 * SECOND, 1, tmp_path / name)
        assert meta.truth == columns
        log = Log.open(tmp_path / name)
        _, truth = next(log.truth(0))
        assert set(truth) == set(columns)
        # Nothing of it is among what a learner is given.
        assert not set(columns) & {feature.name for feature in log.features}


def test_a_revisit_changes_nobody_who_does_not_come_back():
    """Clicks, carts on the day and pays before the opening are those of the world without it."""
    with_it, promotions = live(clicks_per_day=2_000)
    without, _ = live(clicks_per_day=2_000, promotion=[{key: SALE[key] for key in SALE if key != "revisit"}])
    for one, other in zip(with_it, without, strict=True):
        np.testing.assert_array_equal(one.features, other.features)
        np.testing.assert_array_equal(one.time, other.time)
        for events in (one.events, other.events):
            early = events.time < promotions[0].start
            events.row, events.time, events.kind = events.row[early], events.time[early], events.kind[early]
        # To rounding: carts are looked for in the time for which considering lasts.
        np.testing.assert_allclose(one.events.time, other.events.time, rtol=0, atol=1000)
        np.testing.assert_array_equal(one.events.row, other.events.row)


def test_the_pre_promotion_window_is_that_of_the_next_promotion():
    sales = [
        WorldPromotion(name="a", start="3d", anticipation="2d"),
        WorldPromotion(name="b", start="5d", length="2d", anticipation="36h"),
    ]
    before = PrePromotion(sales[::-1])
    times = np.array([0, 1 * DAY - 1, 1 * DAY, 3 * DAY - 1, 3 * DAY, 84 * HOUR, 5 * DAY, 9 * DAY])
    assert before.of(times).tolist() == [-1, -1, 0, 0, -1, 1, -1, -1]
    time = np.full(6, 4 * DAY + HOUR)
    pay = np.array([4 * DAY + 2 * HOUR, 5 * DAY - 1, 5 * DAY, 7 * DAY - 1, 7 * DAY, 1 << 62])
    assert before.delayed(time, pay).tolist() == [False, False, True, True, False, False]
