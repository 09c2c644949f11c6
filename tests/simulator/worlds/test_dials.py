"""Every dial, moved up alone, moves its statistic the way it says; with all drift at zero nothing moves at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import get_args

import numpy as np
import pytest
from pydantic import BaseModel

from simulator.log.schema import Kind
from simulator.units import DAY, HOUR
from simulator.worlds import levels, spending
from simulator.worlds.clicking import POSITION
from simulator.worlds.presets import merged
from simulator.worlds.promotion_settings import WorldPromotion
from simulator.worlds.settings import WorldSettings
from tests.simulator.worlds.seen import (
    BASE,
    DAYS,
    SALE,
    SALE_DAY,
    Seen,
    amount_and_wait,
    cart_and_pay,
    carts,
    click_slope,
    clicks,
    ctr,
    distinct,
    drifted,
    early,
    feature,
    full_refunds,
    hidden_carts,
    hidden_in_sale,
    hidden_mean,
    items,
    kept,
    lag,
    lasting,
    likeness,
    log_amount,
    long_journeys,
    mean,
    night_amount,
    of_later_pays,
    pays,
    pays_per_payer,
    prominent_carts,
    refund_logit,
    refund_slope,
    refunds_per_pay,
    repurchases,
    rhythm_of_repurchases,
    sale_taste,
    seen,
    slope_on_eta,
    spread,
    swing,
    top_share,
    unexplained,
    users,
    wait,
    wobble,
    worth_by,
)
from tests.simulator.worlds.small import world


@pytest.fixture(autouse=True, scope="module")
def _small_worlds_made_quickly() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(levels, "SAMPLE", 5_000)
    patch.setattr(spending, "PARTS", 2)
    yield
    patch.undo()


# Dials: key, value to move to, statistic, whether it goes up or down ------------------------------------------------

BEFORE, AFTER = SALE_DAY - 1, SALE_DAY + 1
HIDDEN = {"confounder": {"strength": 1.0}}
SHOWN = {"impressions": True, "days": 2}
FLAT = [1.0] * 24
REVISIT = {"revisit": {"cart": 1.0}}
NIGHT = [5.0] * 6 + [1.0] * 18

WORLD_DIALS = [
    ("days", 11, lambda s: len(s.days), +1),
    ("clicks_per_day", 2_500, clicks(), +1),
    ("cvr", 0.3, mean("p_pay"), +1),
    ("users", 2_000, distinct(users), +1),
    ("items", 1_200, distinct(items), +1),
    ("user_zipf", 1.2, top_share(users), +1),
    ("item_zipf", 1.3, top_share(items), +1),
    ("weekday", [1, 1, 1, 9, 1, 1, 1], clicks(0, 7), +1),
    ("clicks_by_hour", NIGHT, clicks(first=0, last=6), +1),
    *((f"effects.{name}", 1.5, spread(Seen.eta), +1) for name in (
        "segment", "category", "brand", "price", "taste", "user", "item", "user_taste", "context", "campaign"
    )),
    ("drift.category", 1.5, drifted(9), +1),
    ("drift.taste", 2.0, drifted(9), +1),
    ("drift.context", 1.5, drifted(18), +1),
    ("drift.refund", 1.5, spread(refund_logit), +1),
    ("drift.level", 0.5, wobble, +1),
    ("drift.category_memory", "60d", drifted(9), -1),
    ("drift.taste_memory", "80d", kept(lambda d: d.eta), +1),
    ("drift.context_memory", "80d", drifted(18), -1),
    ("drift.refund_memory", "80d", kept(lambda d: np.log(d.truth["p_refund"])), +1),
    ("churn.evergreen", 0.9, lasting(lambda d: d.item_id), +1),
    ("churn.item_life", "60d", lasting(lambda d: d.item_id), +1),
    ("churn.campaigns", 200, distinct(feature(19)), +1),
    ("churn.campaign_life", "90d", lasting(lambda d: d.features[19]), +1),
    ("delay.fast", 0.5, early(), +1),
    ("delay.fast_slope", 1.5, slope_on_eta("p_pay_observed"), +1),
    ("delay.user_slope", 2.0, slope_on_eta("p_pay_observed"), +1),
    ("delay.scales", ["20m", "4h", "200h"], early(), -1),
    ("delay.fast_profile", [0.6, 0.3, 0.1], early(), +1),
    ("delay.slow_profile", [0.3, 0.3, 0.4], early(), +1),
    ("delay.by_hour", NIGHT, pays(*range(DAYS), first=0, last=6), +1),
    ("cart.rate", 0.4, carts(), +1),
    ("cart.slope", 1.5, cart_and_pay, +1),
    ("cart.scales", ["20h", "200h"], wait(Kind.CART), +1),
    ("cart.weights", [0.2, 0.8], wait(Kind.CART), +1),
    ("cart.rhythm", 1.0, lambda s: -float((s.events(Kind.CART)[0] % DAY < 6 * HOUR).mean()), +1),
    ("refund.rate", 0.5, mean("p_refund"), +1),
    *((f"refund.{name}", 1.5, spread(refund_logit), +1) for name in ("shop", "tier", "item", "user")),
    ("refund.by_cvr", [6.0, 0.0], refund_slope, +1),
    ("refund.full_share", 0.9, full_refunds, +1),
    ("refund.scales", ["1h", "4h", "40h", "240h"], wait(Kind.REFUND), +1),
    ("refund.weights", [0.02, 0.02, 0.06, 0.9], wait(Kind.REFUND), +1),
    ("repurchase.first", 2.0, pays_per_payer, +1),
    ("repurchase.further", 1.0, long_journeys, +1),
    ("repurchase.loyalty", 1.0, worth_by(3), +1),
    ("repurchase.replenishable", 5.0, worth_by(9), +1),
    ("repurchase.segment", 1.0, worth_by(2), +1),
    ("repurchase.category", 1.0, worth_by(9), +1),
    ("repurchase.scales", ["4h", "20h", "200h"], wait(Kind.PAY), +1),
    ("repurchase.weights", [0.0, 0.1, 0.9], wait(Kind.PAY), +1),
    ("repurchase.rhythm", 1.0, rhythm_of_repurchases, +1),
    ("amount.level", 6.0, log_amount("mean"), +1),
    ("amount.price", 2.0, log_amount("sd"), +1),
    ("amount.user", 2.0, log_amount("sd"), +1),
    *((f"amount.{name}", 1.5, log_amount("sd"), +1) for name in ("segment", "category", "brand")),
    ("amount.residual", 2.0, log_amount("sd"), +1),
    ("amount.plain", 0.9, log_amount("sd"), -1),
    ("amount.shared", 0.99, likeness, +1),
    ("amount.growth", 0.5, amount_and_wait, +1),
    ("amount.again", 0.8, of_later_pays, +1),
    ("amount.by_hour", NIGHT, night_amount, +1),
]  # fmt: skip

# Dials that say nothing while others are at their default: (key, value, what goes with both, statistic, direction).
JOINT_DIALS = [
    ("delay.rhythm", 1.0, {"delay": {"rhythm": 0.0}}, swing("p_pay_observed"), +1),
    ("confounder.strength", 1.5, HIDDEN, unexplained, +1),
    ("confounder.click", 1.5, HIDDEN, hidden_mean, +1),
    ("confounder.cart", 1.8, HIDDEN, hidden_carts, +1),
    ("confounder.pay", 1.8, HIDDEN, unexplained, +1),
    ("confounder.deal", 1.0, HIDDEN, hidden_in_sale, +1),
    ("impressions", True, {"days": 2}, lambda s: len(s.shown), +1),
    ("exposure.rate", 0.2, SHOWN, ctr, +1),
    ("exposure.slope", 1.0, SHOWN, click_slope(lambda x: np.log(x.p_pay)), +1),
    ("exposure.instrument", False, SHOWN, spread(Seen.eta), +1),
    ("exposure.lag", "1m", SHOWN, lag, +1),
    (
        "exposure.randomised",
        0.1,
        SHOWN,
        lambda s: float(np.concatenate([x.coin >= 0 for x in s.shown]).mean()),
        +1,
    ),
    ("offer", ["discount"], {}, lambda s: len(s.days[0].features), +1),
    ("cart.prominence", 2.0, {"cart": {"prominence": 0.1}}, prominent_carts, +1),
    ("exposure.position", 3.0, SHOWN, click_slope(lambda x: x.features[:, POSITION]), -1),
]

SALE_DIALS = [
    ("start", "6d", pays(6), +1),
    ("length", "2d", pays(AFTER), +1),
    ("traffic.before", [2.0] * 3, clicks(BEFORE), +1),
    ("traffic.during", 3.0, clicks(SALE_DAY), +1),
    ("traffic.opening", 5.0, clicks(SALE_DAY, first=0, last=3), +1),
    ("traffic.opening_scale", "12h", clicks(SALE_DAY), +1),
    ("traffic.after", [2.0], clicks(AFTER), +1),
    ("conversion.interest", 1.0, pays(BEFORE), +1),
    ("conversion.rush", 3.0, pays(BEFORE), +1),
    ("conversion.rush_scale", "3d", pays(SALE_DAY - 2), +1),
    ("conversion.base", 3.0, pays(SALE_DAY), +1),
    ("conversion.opening", 15.0, pays(SALE_DAY, first=0, last=3), +1),
    ("conversion.opening_scale", "12h", pays(SALE_DAY), +1),
    ("conversion.closing", 9.0, pays(SALE_DAY, first=21), +1),
    ("conversion.closing_scale", "9h", pays(SALE_DAY, first=12), +1),
    ("conversion.days", [3.0], pays(SALE_DAY), +1),
    ("conversion.dip", 0.9, pays(AFTER), -1),
    ("conversion.dip_scale", "6d", pays(AFTER + 1), -1),
    ("waiting.onset", "1d", pays(SALE_DAY - 3), +1),
    ("waiting.floor", 0.5, carts(*range(SALE_DAY)), +1),
    ("waiting.rise", 0.8, pays(BEFORE), -1),
    ("waiting.scale", "6d", pays(SALE_DAY - 2), -1),
    ("waiting.returns", 1.0, pays(SALE_DAY), +1),
    ("waiting.early", 0.9, pays(SALE_DAY, first=0, last=1), +1),
    ("waiting.return_scale", "40h", pays(SALE_DAY, first=0, last=6), -1),
    ("cart.during", 4.0, carts(SALE_DAY), +1),
    ("cart.after", 3.0, carts(AFTER), +1),
    ("cart.after_length", "0s", carts(AFTER), +1),
    ("refund.wave", 2.0, refunds_per_pay(SALE_DAY, AFTER), +1),
    ("refund.wave_scale", "20d", refunds_per_pay(SALE_DAY + 3), +1),
    ("repurchase.during", 4.0, repurchases(SALE_DAY, SALE_DAY + 1), +1),
    ("delay.lengthen", 2.0, early(BEFORE), -1),
    ("delay.shorten", 2.0, early(SALE_DAY), +1),
    ("coupon.repurchase", 6.0, repurchases(AFTER + 1, AFTER + 3), +1),
    ("coupon.conversion", 1.5, pays(AFTER + 1), +1),
    ("coupon.traffic", 1.5, clicks(AFTER + 1), +1),
    ("coupon.start", "0s", clicks(AFTER), +1),
    ("coupon.length", "1d", clicks(AFTER + 2), -1),
    ("price.discount", 0.8, lambda s: float(np.median(s.events(Kind.PAY)[2][s.events(Kind.PAY)[0] // DAY == SALE_DAY])), -1),
    ("taste.shift", 2.0, sale_taste, +1),
    ("participation", 0.5, pays(SALE_DAY), -1),
]  # fmt: skip
JOINT_SALE_DIALS = [
    ("waiting.early_scale", "3h", {"waiting": {"early": 0.9}}, pays(SALE_DAY, first=0, last=1), -1),
    ("delay.lengthen_scale", "6d", {"delay": {"lengthen": 2.0}}, early(SALE_DAY - 2), -1),
    ("revisit.level", -1.0, REVISIT, mean("p_delayed", BEFORE), +1),
    ("revisit.slope", 2.0, REVISIT, spread(lambda s: np.log(s.column("p_delayed_if_none", BEFORE))), +1),
    ("revisit.deal", 2.0, REVISIT, spread(lambda s: np.log(s.column("p_delayed_if_none", BEFORE))), +1),
    ("revisit.cart", 3.0, REVISIT, mean("delayed_if_cart", BEFORE), +1),
]


def nested(key: str, value: object) -> dict:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def moved(statistic: Callable[[Seen], float], before: Seen, after: Seen) -> float:
    return statistic(after) - statistic(before)


@pytest.mark.parametrize(
    ("key", "value", "statistic", "direction"), WORLD_DIALS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_dials_of_the_world(key, value, statistic, direction):
    assert moved(statistic, seen(False, {}), seen(False, nested(key, value))) * direction > 0


@pytest.mark.parametrize(
    ("key", "value", "base", "statistic", "direction"),
    JOINT_DIALS,
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_dials_that_need_others(key, value, base, statistic, direction):
    if key == "confounder.deal":
        base = base | {"promotion": [SALE]}
    before, after = seen(False, base), seen(False, merged(base, nested(key, value)))
    assert moved(statistic, before, after) * direction > 0


@pytest.mark.parametrize(
    ("key", "value", "statistic", "direction"), SALE_DIALS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_dials_of_a_promotion(key, value, statistic, direction):
    assert moved(statistic, seen(True, {}), seen(True, nested(key, value))) * direction > 0


@pytest.mark.parametrize(
    ("key", "value", "base", "statistic", "direction"),
    JOINT_SALE_DIALS,
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_dials_of_a_promotion_that_need_others(key, value, base, statistic, direction):
    before, after = seen(True, base), seen(True, merged(base, nested(key, value)))
    assert moved(statistic, before, after) * direction > 0


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if type(None) in get_args(kind):
            kind = get_args(kind)[0]
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from leaves(kind, f"{prefix}{name}.")
        elif not any(isinstance(a, type) and issubclass(a, BaseModel) for a in get_args(kind)):
            yield prefix + name


def test_no_dial_is_forgotten():
    tried = {row[0] for row in (*WORLD_DIALS, *JOINT_DIALS)}
    assert set(leaves(WorldSettings)) - tried == {"preset", "cardinalities"}
    tried = {row[0] for row in (*SALE_DIALS, *JOINT_SALE_DIALS)}
    assert set(leaves(WorldPromotion)) - tried == {"name", "kind", "anticipation"}


def test_a_world_with_all_drift_at_zero_is_stationary():
    """Whatever day they come, the same users on the same items in the same context have the same chances."""
    still = {"category": 0, "taste": 0, "context": 0, "refund": 0, "level": 0}
    churn = {"evergreen": 1, "campaign_life": "100000d"}
    tables = {"drift": still, "churn": churn, "weekday": [1] * 7, "days": 15, "clicks_per_day": 6_000}
    one = world(seed=5, **merged(BASE, tables))
    days = list(one.days())
    p, refund = ([d.truth[name].mean() for d in days] for name in ("p_pay", "p_refund"))
    error = np.std(days[0].truth["p_pay"]) / np.sqrt(6_000)
    assert np.ptp(p) < 6 * error
    assert abs(np.polyfit(range(15), p, 1)[0]) < 4 * error / np.sqrt(15) / 4.3
    assert np.ptp(refund) < 0.02
    # Exactly: who, what and where fix the log-hazard, on the first day and on the last.
    known: dict[bytes, float] = {}
    columns = [f for f in range(22) if f != 20]  # item_quality is a noisy look at what the item id fixes
    for d in days:
        keys = np.concatenate([d.user_id[None], d.item_id[None], d.features[columns]]).T.astype(np.int64)
        for key, eta in zip(keys, d.eta, strict=True):
            assert known.setdefault(key.tobytes(), eta) == pytest.approx(eta, abs=1e-12)
    # The same draws on another day give the same log-hazards.
    seen_days = list(one.visits())
    market = seen_days[-1][3]
    again = market.visit(seen_days[0][1], np.zeros(len(seen_days[0][1])))
    np.testing.assert_allclose(again.eta, seen_days[0][2].eta, rtol=0, atol=1e-12)
