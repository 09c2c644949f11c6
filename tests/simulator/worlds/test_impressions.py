"""What was shown: what is said to be true of it against what happened, by stratum; the position; the randomised slice."""

from __future__ import annotations

import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import stats

from simulator.errors import LogError
from simulator.evaluation.causal.marginal import bounds, true_strength
from simulator.log.reader import Log
from simulator.units import HOUR, SECOND
from simulator.worlds.clicking import POSITION
from simulator.worlds.generate import generate
from simulator.worlds.impressions import EXPOSURE, LONGEST_LAG, Shown
from simulator.worlds.settings import WorldSettings
from tests.simulator.worlds.small import LIMIT, OBSERVATION, WINDOWS, outcome, world, z_of_rate

SIZE = {"days": 4, "clicks_per_day": 5_000, "users": 3_000, "items": 1_500, "impressions": True}
SHOWN = {"rate": 0.06, "position": 1.5, "slope": 0.5, "randomised": 0.2}
WORLDS = {
    "plain": SIZE | {"exposure": SHOWN},
    "strong": SIZE | {"exposure": SHOWN, "confounder": {"strength": 1.5, "click": 0.8, "pay": 0.8}},
    "negative": SIZE | {"exposure": SHOWN, "confounder": {"strength": 1.0, "click": 0.8, "pay": -1.0}},
    "sale": SIZE
    | {
        "exposure": SHOWN | {"instrument": False, "slope": -0.5},
        "confounder": {"strength": 1.0},
        "promotion": [{"name": "s", "start": "3d"}],
    },
}


@pytest.fixture(scope="module", params=WORLDS)
def named(request):
    days, shown = [], []
    for day in world(seed=8, **WORLDS[request.param]).days():
        shown.append(Shown.concatenate(list(day.shown)))
        days.append(day)
    return request.param, days, Shown.concatenate(shown)


@pytest.fixture
def shown(named):
    return named[2]


def ordinary(shown: Shown) -> Shown:
    return shown[shown.coin < 0]


def strata(shown: Shown) -> list[np.ndarray]:
    """All; deciles of q and of c; positions; hours."""
    groups = [np.ones(len(shown), bool)]
    for column in (shown.q, shown.c):
        decile = np.searchsorted(np.quantile(column, np.arange(1, 10) / 10), column)
        groups += [decile == part for part in range(10)]
    position = shown.features[:, POSITION]
    groups += [position == place for place in range(16)]
    groups += [shown.time // HOUR % 24 == hour for hour in range(24)]
    return groups


def test_everything_happens_as_often_as_it_is_said_to(shown):
    """Clicks against P(click), V(1) against q among all, q1 among the clicked, q0 among the unclicked."""
    some = ordinary(shown)
    clicked = some.click_row >= 0
    for group in [*strata(some), *(some.hidden == value for value in np.unique(some.hidden))]:
        assert abs(z_of_rate(clicked[group], some.p_click[group])) < LIMIT
        assert abs(z_of_rate(some.would_pay[group], some.p_pay[group])) < LIMIT
    for group in strata(some):
        assert abs(z_of_rate(clicked[group], some.c[group])) < LIMIT
        assert abs(z_of_rate(some.would_pay[group], some.q[group])) < LIMIT
        yes, no = group & clicked, group & ~clicked
        assert abs(z_of_rate(some.would_pay[yes], some.q1[yes])) < LIMIT
        assert abs(z_of_rate(some.would_pay[no], some.q0[no])) < LIMIT
    assert clicked.mean() == pytest.approx(0.06, rel=0.03)


def test_the_identities_of_confounding(named):
    name, _, shown = named
    np.testing.assert_allclose(shown.q, shown.c * shown.q1 + (1 - shown.c) * shown.q0, rtol=0, atol=1e-12)
    np.testing.assert_allclose(shown.q1 - shown.q, (1 - shown.c) * (shown.q1 - shown.q0), rtol=0, atol=1e-12)
    if name == "plain":
        for column in (shown.q1, shown.q0, shown.q):
            np.testing.assert_array_equal(column, shown.p_pay)
        np.testing.assert_allclose(shown.c, shown.p_click, rtol=1e-12)
        assert not shown.hidden.any()
    elif name == "negative":
        assert (shown.q1 < shown.q0).all()
    else:
        assert (shown.q1 > shown.q0).mean() > 0.999


def test_the_sensitivity_model_holds_the_truth_of_every_row_at_its_own_strength(shown):
    strength = true_strength(shown.q1, shown.q0)
    low, high = bounds(shown.q1, shown.c, strength)
    np.testing.assert_allclose(np.minimum(np.abs(low - shown.q), np.abs(high - shown.q)), 0, atol=1e-12)
    confounded = shown.q1 != shown.q0
    low, high = bounds(shown.q1, shown.c, 1 + 0.99 * (strength - 1))
    assert ((shown.q < low) | (shown.q > high))[confounded].all()


def test_what_clicks_did_is_what_would_have_happened(named):
    _, days, shown = named
    mine = shown[shown.click_row >= 0]
    mine = mine[np.argsort(mine.click_row)]
    np.testing.assert_array_equal(mine.click_row, np.arange(sum(len(day.time) for day in days)))
    np.testing.assert_array_equal(mine.would_pay, np.concatenate([outcome(d, "").paid for d in days]))
    np.testing.assert_array_equal(mine.p_pay, np.concatenate([d.truth["p_pay"] for d in days]))
    np.testing.assert_array_equal(mine.click_time, np.concatenate([d.time for d in days]))
    np.testing.assert_array_equal(mine.features, np.concatenate([d.features for d in days], axis=1).T)
    np.testing.assert_array_equal(mine.user_id, np.concatenate([d.user_id for d in days]))
    np.testing.assert_array_equal(mine.item_id, np.concatenate([d.item_id for d in days]))
    if "p_pay_marginal" in days[0].truth:
        np.testing.assert_array_equal(mine.q1, np.concatenate([d.truth["p_pay_marginal"] for d in days]))
    rest = shown[shown.click_row < 0]
    assert (rest.click_time == -1).all()
    assert set(np.unique(rest.would_pay)) == {0.0, 1.0}


def test_the_lag_is_short_and_exponential(shown):
    mine = shown[shown.click_row >= 0]
    lag = (mine.click_time - mine.time) / SECOND
    assert lag.min() >= 0
    assert lag.max() <= 3 * LONGEST_LAG
    assert stats.kstest(lag, "expon", args=(0, 3)).pvalue > 1e-4


def test_the_slice_tells_what_all_would_pay_and_the_clicks_do_not(named):
    name, _, shown = named
    some, usual = shown[shown.coin >= 0], ordinary(shown)
    assert len(some) == pytest.approx(0.2 * len(usual), rel=0.03)
    assert abs(z_of_rate(some.coin == 1, np.full(len(some), 0.5))) < LIMIT
    assert (some.click_row == -1).all()
    flipped = some[some.coin == 1]
    assert (flipped.paid == flipped.would_pay).all()
    assert (shown.paid[shown.coin != 1] == -1).all()
    for group in strata(flipped):
        assert abs(z_of_rate(flipped.paid[group], flipped.q[group])) < LIMIT
    z = z_of_rate(flipped.paid, flipped.q1)
    if name != "plain":
        assert z * (1 if name == "negative" else -1) > 2 * LIMIT
    # Drawn as all impressions are: who, what, where and with which intent.
    for column in ("p_click", "q", "c"):
        assert stats.ks_2samp(getattr(some, column), getattr(usual, column)).pvalue > 1e-4
    for column in (shown.hidden, shown.features[:, POSITION]):
        table = stats.contingency.crosstab(column, shown.coin >= 0).count
        assert table.shape[0] == 1 or stats.chi2_contingency(table).pvalue > 1e-4


@pytest.mark.parametrize("name", ["plain", "strong", "negative"])
def test_the_position_moves_clicks_and_nothing_else(name):
    """An instrument: independent of the intent and of V(1) among all that is shown, and q does not know it."""
    tables = WORLDS[name]
    shown = ordinary(
        Shown.concatenate([hour for day in world(seed=3, **tables).days() for hour in day.shown])
    )
    position = shown.features[:, POSITION]
    for column in (shown.would_pay, shown.hidden):
        table = stats.contingency.crosstab(position, column).count
        assert table.shape[1] == 1 or stats.chi2_contingency(table).pvalue > 1e-4
    rate = [(shown.click_row >= 0)[position == place].mean() for place in range(16)]
    np.testing.assert_allclose(np.array(rate) / rate[0], np.exp(-1.5 * np.arange(16) / 15), rtol=0.15)
    # Exactly: the same visits elsewhere on the page.
    one = world(seed=3, **tables)
    day, _, visit, market = next(one.visits())
    assert day == 0
    first, last = visit.take(slice(None)), visit.take(slice(None))
    first.features, last.features = visit.features.copy(), visit.features.copy()
    first.features[POSITION], last.features[POSITION] = 0, 15
    given = [
        one.impressions.clicking.given_features(v, np.full(len(v.user), 0.3), np.full(len(v.user), 0.1))
        for v in (first, last)
    ]
    np.testing.assert_array_equal(given[0]["q"], given[1]["q"])
    np.testing.assert_allclose(given[1]["c"], given[0]["c"] * np.exp(-1.5), rtol=1e-12)
    assert market.settings.instrument


def test_the_position_pays_unless_it_is_an_instrument():
    def effect(**exposure):
        one = world(seed=3, **SIZE | {"exposure": SHOWN | exposure})
        _, arrivals, visit, market = next(one.visits())
        market.market.context[2] += 1.0
        return market.visit(arrivals, np.zeros(len(arrivals))).eta - visit.eta

    np.testing.assert_array_equal(effect(), 0)
    np.testing.assert_allclose(effect(instrument=False), 1)


def test_impressions_change_no_click_nor_does_the_slice_change_them():
    """Without the instrument the world is the one that has no impressions."""
    table = WORLDS["sale"] | {"clicks_per_day": 1_500}
    plain = list(world(seed=8, **table | {"impressions": False}).days())
    one = world(seed=8, **table)
    other = world(seed=8, **table | {"exposure": table["exposure"] | {"randomised": 0.0}})
    for bare, day, without in zip(plain, one.days(), other.days(), strict=True):
        assert bare.shown is None
        np.testing.assert_array_equal(bare.time, day.time)
        np.testing.assert_array_equal(bare.features, day.features)
        np.testing.assert_array_equal(bare.events.time, day.events.time)
        for column, values in bare.truth.items():
            np.testing.assert_array_equal(values, day.truth[column])
        some, same = (Shown.concatenate(list(d.shown)) for d in (day, without))
        some = some[some.coin < 0]
        for column, values in some.arrays().items():
            np.testing.assert_array_equal(values, getattr(same, column))


@pytest.mark.parametrize("rate", [0.04, 0.15])
@pytest.mark.parametrize(("cvr", "position"), [(0.005, 1.0), (0.05, 0.0)])
@pytest.mark.filterwarnings("error")
def test_rates_are_reached(rate, cvr, position):
    tables = SIZE | {"days": 3, "cvr": cvr, "exposure": {"rate": rate, "position": position}}
    shown = Shown.concatenate([hour for day in world(seed=4, **tables).days() for hour in day.shown])
    assert (shown.click_row >= 0).mean() == pytest.approx(rate, rel=0.05)
    assert shown.p_click.mean() == pytest.approx(rate, rel=0.05)
    assert shown.p_pay[shown.click_row >= 0].mean() == pytest.approx(cvr, rel=0.1)


# As a log -----------------------------------------------------------------------------------------------------------

LOGGED = SIZE | {
    "days": 3,
    "clicks_per_day": 1_500,
    "exposure": {"rate": 0.1, "randomised": 0.1, "lag": "3m"},
    "confounder": {"strength": 1.0},
}


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    out = tmp_path_factory.mktemp("world") / "log"
    generate(WorldSettings.model_validate(LOGGED), WINDOWS, OBSERVATION, 8, out)
    return out


def test_the_log_holds_what_the_world_showed_in_order(log):
    one = world(seed=8, **LOGGED)
    shown = Shown.concatenate([hour for day in one.days() for hour in day.shown]).in_order()
    batches = list(Log.open(log).impressions())
    usual = shown[shown.coin < 0]
    for column in ("time", "click_row", "click_time", "features"):
        found = np.concatenate([getattr(batch, column) for batch in batches])
        np.testing.assert_array_equal(found, getattr(usual, column))
    flipped = np.concatenate([batch.paid for batch in Log.open(log).impressions(which="slice")])
    np.testing.assert_array_equal(flipped, shown.paid[shown.coin >= 0])
    table = pq.read_table(log / "exposure")
    for column in EXPOSURE:
        np.testing.assert_array_equal(table.column(column), getattr(shown, column))
    times = pq.read_table(log / "impressions", columns=["time"]).column("time").to_numpy()
    assert (np.diff(times) >= 0).all()
    assert times.min() >= 0
    meta = Log.open(log).meta
    assert meta.impressions == len(shown)
    assert meta.exposure == EXPOSURE


def test_the_same_world_twice_has_the_same_impressions(log, tmp_path):
    again = generate(WorldSettings.model_validate(LOGGED), WINDOWS, OBSERVATION, 8, tmp_path / "again")
    assert again.fingerprint == Log.open(log).meta.fingerprint


@pytest.mark.parametrize("folder", ["impressions", "exposure"])
def test_a_file_that_is_missing_is_found(log, tmp_path, folder):
    copy = tmp_path / "log"
    shutil.copytree(log, copy)
    next((copy / folder).iterdir()).unlink()
    with pytest.raises(LogError, match="missing"):
        Log.open(copy)
