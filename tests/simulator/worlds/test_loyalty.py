from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from simulator.log.schema import Kind
from simulator.worlds import levels
from simulator.worlds.constants import LOYALTY_LEVELS
from simulator.worlds.journey_settings import Amount
from simulator.worlds.loyalty import HIGHEST, LOWEST, STEP, loyalty_classes, repurchase_levels
from simulator.worlds.population import Market
from simulator.worlds.settings import WorldSettings
from tests.matching.predictability import NAMES, ideal
from tests.simulator.worlds.small import world

GRADED = {"segment": 1.0, "category": 0.7, "loyalty": 0.5, "replenishable": 2.0}


@pytest.fixture(autouse=True)
def _levels_solved_quickly(monkeypatch):
    monkeypatch.setattr(levels, "SAMPLE", 20_000)


@pytest.mark.parametrize("repurchase", [{}, GRADED, GRADED | {"segment": 3.0}, GRADED | {"first": 0.0}])
def test_levels_by_class_against_a_plain_loop(repurchase):
    settings = WorldSettings.model_validate({"repurchase": repurchase})
    own, market = settings.repurchase, Market(settings, 4)
    table = repurchase_levels(own)
    segment, category = np.divmod(np.arange(48 * 60), 60)
    classes = loyalty_classes(own, market, segment, category)
    graded = "segment" in repurchase
    for s, c, found in list(zip(segment, category, classes, strict=True))[::37]:
        standard = LOYALTY_LEVELS[market.tier_loyalty[market.tier[s]]] / np.std(LOYALTY_LEVELS)
        log = own.loyalty * standard - own.loyalty**2 / 2
        log += np.log(own.replenishable) * market.replenishable[c] - np.log(0.4 * own.replenishable + 0.6)
        log += market.segment_loyalty[s] + market.category_loyalty[c]
        if graded:
            log = np.clip(log, LOWEST * STEP, HIGHEST * STEP)
        assert table[found] == pytest.approx(
            own.first * np.exp(log), rel=np.expm1(STEP / 2) + 1e-9 if graded else 1e-12
        )


def test_few_values_have_just_the_spread_that_is_asked_for():
    tables = {"repurchase": GRADED, "amount": {"segment": 0.3, "category": 0.4, "brand": 0.2}}
    market = Market(WorldSettings.model_validate(tables), 9)
    found = [
        market.segment_loyalty,
        market.category_loyalty,
        market.segment_spending,
        market.category_spending,
    ]
    assert [np.std(x) for x in (*found, market.brand_spending)] == pytest.approx([1.0, 0.7, 0.3, 0.4, 0.2])
    plain = Market(WorldSettings(), 9)
    np.testing.assert_array_equal(plain.category, market.category)
    assert not plain.segment_spending.any()


def test_the_spread_of_amounts_is_the_log_of_their_mean():
    rng, amount = np.random.default_rng(3), Amount(residual=0.9, plain=0.6)
    noise = np.where(rng.random(1_000_000) < 0.6, 0.0, 0.9 * rng.standard_normal(1_000_000))
    assert np.log(np.exp(noise).mean()) == pytest.approx(amount.spread, abs=0.003)
    assert Amount(residual=0.9).spread == 0.5 * 0.9**2


def test_graded_levels_have_the_mean_chance_that_is_asked_for():
    for seed in (1, 2, 3):
        one = world(seed, days=3, clicks_per_day=8_000, repurchase=GRADED | {"first": 0.9})
        chance, weight = 0.0, 0.0
        for (_, _, visit, _), day in zip(one.visits(), one.days(), strict=True):
            p = day.truth["p_pay"]
            chance += float(p @ -np.expm1(-one.mechanism.first_repurchase[visit.loyalty]))
            weight += float(p.sum())
        assert chance / weight == pytest.approx(1 - np.exp(-0.9), abs=0.01)


def test_what_a_perfect_model_could_tell():
    tables = {"repurchase": GRADED, "amount": {"plain": 0.7, "residual": 1.0}}
    one = world(5, days=2, clicks_per_day=6_000, cvr=0.3, **tables)
    found, log, again = ideal(one)
    rows = []
    for (_, _, visit, _), day in zip(one.visits(), one.days(), strict=True):
        pays: dict[int, list[float]] = {}
        for row, kind, amount in zip(day.events.row, day.events.kind, day.events.amount, strict=True):
            if kind == Kind.PAY:
                pays.setdefault(int(row), []).append(amount)
        rows += [
            (visit.loyalty[r], visit.spending[r], len(a) > 1, np.log(sum(a))) for r, a in sorted(pays.items())
        ]
    loyalty, size, more, gmv = map(np.array, zip(*rows, strict=True))
    np.testing.assert_array_equal(more, again)
    np.testing.assert_allclose(gmv, log, atol=1e-12)
    guess = {}
    for known in (False, True):
        key = [(one, tag if known else None) for one, tag in zip(loyalty, more, strict=True)]
        groups = {k: [] for k in key}
        for k, value in zip(key, gmv - size, strict=True):
            groups[k].append(value)
        guess[known] = size + np.array([np.median(groups[k]) for k in key])
    some = np.arange(1_500)
    order = np.sign(gmv[some][:, None] - gmv[some])
    # Ranks agree: all pairs of a part of the clicks, against the whole.
    for known, name in ((False, "AUC of GMV"), (True, "AUC of GMV, class known")):
        agreed = np.sign(guess[known][some][:, None] - guess[known][some]) == order
        assert found[NAMES.index(name)] == pytest.approx(agreed[order != 0].mean(), abs=0.015)
    assert found[0] == pytest.approx(roc_auc_score(more, loyalty), abs=1e-12)
    ratio = np.exp(guess[True] - gmv)
    assert found[3] == pytest.approx(np.mean((ratio >= 0.8) & (ratio <= 1.2)), abs=1e-12)
    assert found[4:] == pytest.approx([np.abs(np.log2(np.exp(guess[k] - gmv))).mean() for k in (False, True)])
