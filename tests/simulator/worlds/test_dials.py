"""Every dial, moved up alone, moves its statistic the way it says; with all drift at zero nothing moves at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import get_args

import numpy as np
import pytest
from pydantic import BaseModel

from simulator.log.schema import Kind
from simulator.units import DAY, HOUR
from simulator.worlds import levels
from simulator.worlds.generate import WorldDay
from simulator.worlds.impressions import POSITION, Shown
from simulator.worlds.presets import merged
from simulator.worlds.promotion_settings import WorldPromotion
from simulator.worlds.settings import WorldSettings
from tests.simulator.worlds.small import world

SALE_DAY, DAYS = 5, 9
BASE = {"days": DAYS, "clicks_per_day": 1_500, "cvr": 0.2, "users": 1_000, "items": 600}
SALE = {
    "name": "s",
    "start": f"{SALE_DAY}d",
    "coupon": {"repurchase": 1.0, "conversion": 0.2, "traffic": 0.1},
}


@dataclass
class Seen:
    """A world's days, with pays and carts as one array each of (time, click's time, ...)."""

    days: list[WorldDay]
    shown: list[Shown]

    def events(self, kind: Kind) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return time of the event, of its click, and amount."""
        parts = [
            (d.events.time[own], d.time[d.events.row[own]], d.events.amount[own])
            for d in self.days
            for own in [d.events.kind == kind]
        ]
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))

    def column(self, name: str, *days: int) -> np.ndarray:
        return np.concatenate([d.truth[name] for d in self.days if not days or d.day in days])

    def eta(self) -> np.ndarray:
        return np.concatenate([d.eta for d in self.days])


@cache
def _seen(sold: bool, extra: str) -> Seen:
    days, shown = [], []
    tables = merged(BASE, {"promotion": [SALE]} if sold else {})
    for day in world(seed=3, **merged(tables, _TABLES[extra])).days():
        days.append(day)
        shown += list(day.shown or ())
    return Seen(days, shown)


_TABLES: dict[str, dict] = {}


def seen(sold: bool, tables: dict) -> Seen:
    key = repr(tables)
    _TABLES[key] = merged({"promotion": [merged(SALE, tables)]}, {}) if sold and tables else tables
    return _seen(sold, key)


@pytest.fixture(autouse=True, scope="module")
def _fewer_clicks_to_solve_on() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(levels, "SAMPLE", 5_000)
    yield
    patch.undo()


# Statistics -------------------------------------------------------------------------------------------------------


def pays(*days: int, first: float = 0, last: float = 24) -> Callable[[Seen], float]:
    """Count pays by the time of the pay: of days, between two hours of them."""

    def count(s: Seen) -> float:
        time = s.events(Kind.PAY)[0]
        hour = time % DAY / HOUR
        return float((np.isin(time // DAY, days) & (hour >= first) & (hour < last)).sum())

    return count


def carts(*days: int) -> Callable[[Seen], float]:
    return lambda s: float(np.isin(s.events(Kind.CART)[0] // DAY, days or range(DAYS)).sum())


def clicks(*days: int, first: float = 0, last: float = 24) -> Callable[[Seen], float]:
    def count(s: Seen) -> float:
        time = np.concatenate([d.time for d in s.days if d.day in (days or range(DAYS))])
        return float(((time % DAY / HOUR >= first) & (time % DAY / HOUR < last)).sum())

    return count


def mean(name: str, *days: int) -> Callable[[Seen], float]:
    return lambda s: float(s.column(name, *days).mean())


def early(*days: int) -> Callable[[Seen], float]:
    """Share of pays inside the observation window."""
    return lambda s: float(s.column("p_pay_observed", *days).sum() / s.column("p_pay", *days).sum())


def spread(values: Callable[[Seen], np.ndarray]) -> Callable[[Seen], float]:
    return lambda s: float(np.std(values(s)))


def refund_logit(s: Seen) -> np.ndarray:
    p = s.column("p_refund")
    return np.log(np.clip(-np.log1p(-np.minimum(p, 1 - 1e-12)), 1e-12, None))


def feature(number: int) -> Callable[[Seen], np.ndarray]:
    return lambda s: np.concatenate([d.features[number] for d in s.days])


def distinct(values: Callable[[Seen], np.ndarray]) -> Callable[[Seen], float]:
    return lambda s: float(len(np.unique(values(s))))


def users(s: Seen) -> np.ndarray:
    return np.concatenate([d.user_id for d in s.days])


def items(s: Seen) -> np.ndarray:
    return np.concatenate([d.item_id for d in s.days])


def top_share(values: Callable[[Seen], np.ndarray]) -> Callable[[Seen], float]:
    def share(s: Seen) -> float:
        counts = np.sort(np.unique(values(s), return_counts=True)[1])[::-1]
        return float(counts[:20].sum() / counts.sum())

    return share


def swing(name: str) -> Callable[[Seen], float]:
    """Spread over the hours of the click of a truth column's mean, over pays."""

    def width(s: Seen) -> float:
        hour = np.concatenate([d.time for d in s.days]) // HOUR % 24
        total = np.bincount(hour, s.column(name)) / np.bincount(hour, s.column("p_pay"))
        return float(np.std(total / total.mean()))

    return width


def by_category(s: Seen, day: int, values: Callable[[WorldDay], np.ndarray]) -> np.ndarray:
    d = s.days[day]
    category = d.features[9]
    total = np.bincount(category, values(d), 60) / np.maximum(np.bincount(category, minlength=60), 1)
    return total - total.mean()


def kept(values: Callable[[WorldDay], np.ndarray]) -> Callable[[Seen], float]:
    """How much a category's mean of one day says about that of four days later."""

    def agreement(s: Seen) -> float:
        pairs = [(by_category(s, d, values), by_category(s, d + 4, values)) for d in range(DAYS - 4)]
        return float(np.mean([np.corrcoef(*pair)[0, 1] for pair in pairs]))

    return agreement


def lasting(values: Callable[[WorldDay], np.ndarray]) -> Callable[[Seen], float]:
    """Share of the last day's clicks whose item or campaign was there on the first one."""
    return lambda s: float(np.isin(values(s.days[-1]), values(s.days[0])).mean())


def slope_on_eta(name: str) -> Callable[[Seen], float]:
    """Share of early pays (or what else) among clicks of high propensity, over that among those of low."""

    def ratio(s: Seen) -> float:
        eta, p, part = s.eta(), s.column("p_pay"), s.column(name)
        high = eta > np.median(eta)
        return float((part[high].sum() / p[high].sum()) / (part[~high].sum() / p[~high].sum()))

    return ratio


def log_amount(kind: str) -> Callable[[Seen], float]:
    def value(s: Seen) -> float:
        amount = np.log(s.events(Kind.PAY)[2])
        return float(amount.mean() if kind == "mean" else amount.std())

    return value


def of_later_pays(s: Seen) -> float:
    """Mean log amount of the pays after the first, over that of the first ones."""
    parts: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for d in s.days:
        rows = np.flatnonzero(d.events.kind == Kind.PAY)
        lead = np.zeros(len(rows), bool)
        lead[np.unique(d.events.row[rows], return_index=True)[1]] = True
        for first in (True, False):
            parts[first].append(np.log(d.events.amount[rows[lead == first]]))
    return float(np.concatenate(parts[False]).mean() - np.concatenate(parts[True]).mean())


def amount_and_wait(s: Seen) -> float:
    time, click, amount = s.events(Kind.PAY)
    return float(np.corrcoef(np.log1p((time - click) / HOUR), np.log(amount))[0, 1])


def likeness(s: Seen) -> float:
    """Spread of the difference of two pays of one journey; the less, the more they have in common."""
    gaps = []
    for d in s.days:
        rows = np.flatnonzero(d.events.kind == Kind.PAY)
        order = rows[np.argsort(d.events.row[rows], kind="stable")]
        same = d.events.row[order[1:]] == d.events.row[order[:-1]]
        amount = np.log(d.events.amount[order])
        gaps.append((amount[1:] - amount[:-1])[same])
    return -float(np.std(np.concatenate(gaps)))


def pays_per_payer(s: Seen) -> float:
    paid = sum(len(np.unique(d.events.row[d.events.kind == Kind.PAY])) for d in s.days)
    return len(s.events(Kind.PAY)[0]) / paid


def long_journeys(s: Seen) -> float:
    counts = [np.bincount(d.events.row[d.events.kind == Kind.PAY]) for d in s.days]
    return float(np.mean(np.concatenate(counts) > 2))


def worth_by(number: int) -> Callable[[Seen], float]:
    """Spread over the values of a feature of the expected number of repurchases (GMV over p and size)."""

    def width(s: Seen) -> float:
        value, ratio = feature(number)(s), s.column("expected_gmv") / s.column("p_pay")
        means = np.bincount(value, np.log(ratio)) / np.maximum(np.bincount(value), 1)
        return float(np.std(means[np.bincount(value) > 0]))

    return width


def rhythm_of_repurchases(s: Seen) -> float:
    late = [d.events for d in s.days]
    night = total = 0
    for e in late:
        rows = np.flatnonzero(e.kind == Kind.PAY)
        lead = np.zeros(len(rows), bool)
        lead[np.unique(e.row[rows], return_index=True)[1]] = True
        hour = e.time[rows[~lead]] // HOUR % 24
        night, total = night + int((hour < 8).sum()), total + len(hour)
    return -night / total


def full_refunds(s: Seen) -> float:
    whole = back = 0
    for d in s.days:
        paid = {}
        for row, kind, amount in zip(d.events.row, d.events.kind, d.events.amount, strict=True):
            if kind == Kind.PAY:
                paid.setdefault(row, amount)
            elif kind == Kind.REFUND:
                back += 1
                whole += amount == paid[row]
    return whole / back


def refund_slope(s: Seen) -> float:
    """Correlation of the refund rate with the conversion rate over items."""
    _, item = np.unique(items(s), return_inverse=True)
    n = np.bincount(item)
    cvr, rfr = np.bincount(item, s.column("p_pay")) / n, np.bincount(item, refund_logit(s)) / n
    return float(np.corrcoef(np.log(cvr[n > 10]), rfr[n > 10])[0, 1])


def wait(kind: Kind) -> Callable[[Seen], float]:
    def value(s: Seen) -> float:
        time, click, _ = s.events(kind)
        return float((time - click).mean() / HOUR)

    return value


def cart_and_pay(s: Seen) -> float:
    """Correlation of the chances of a cart and of paying, over clicks."""
    carted = np.concatenate(
        [np.bincount(d.events.row[d.events.kind == Kind.CART], minlength=len(d.time)) for d in s.days]
    )
    return float(np.corrcoef(carted > 0, s.eta())[0, 1])


def unexplained(s: Seen) -> float:
    return float(np.std(np.log(s.column("p_pay") / s.column("p_pay_marginal"))))


def hidden_mean(s: Seen) -> float:
    return float(s.column("hidden").mean())


def hidden_carts(s: Seen) -> float:
    carted = np.concatenate(
        [np.bincount(d.events.row[d.events.kind == Kind.CART], minlength=len(d.time)) for d in s.days]
    )
    return float(np.corrcoef(carted > 0, s.column("hidden"))[0, 1])


def hidden_in_sale(s: Seen) -> float:
    """How much more the intent moves paying on the day than on the first day."""

    def slope(day: int) -> float:
        ratio = np.log(s.column("p_pay", day) / s.column("p_pay_marginal", day))
        return float(np.polyfit(s.column("hidden", day), ratio, 1)[0])

    return slope(SALE_DAY) - slope(0)


def ctr(s: Seen) -> float:
    return float(np.concatenate([x.p_click for x in s.shown]).mean())


def click_slope(part: Callable[[Shown], np.ndarray]) -> Callable[[Seen], float]:
    def value(s: Seen) -> float:
        p = np.concatenate([x.p_click for x in s.shown])
        return float(np.corrcoef(np.log(p / (1 - p)), np.concatenate([part(x) for x in s.shown]))[0, 1])

    return value


def wobble(s: Seen) -> float:
    return float(np.std([d.eta.mean() for d in s.days]))


def drifted(field: int) -> Callable[[Seen], float]:
    """How far the mean log-hazard of a feature's values moves from the first day to the last."""

    def value(s: Seen) -> float:
        size = int(feature(field)(s).max()) + 1
        tables = []
        for d in (s.days[0], s.days[-1]):
            n = np.bincount(d.features[field], minlength=size)
            tables.append(np.bincount(d.features[field], d.eta, size) / np.maximum(n, 1))
        return float(np.std(tables[1] - tables[0]))

    return value


def sale_taste(s: Seen) -> float:
    """How far categories' mean log-hazard on the day is from that of the days before."""
    own = lambda d: d.eta  # noqa: E731
    usual = np.mean([by_category(s, day, own) for day in range(SALE_DAY)], axis=0)
    return float(np.std(by_category(s, SALE_DAY, own) - usual))


def refunds_per_pay(*days: int) -> Callable[[Seen], float]:
    return mean("p_refund", *days)


def repurchases(first: float, last: float) -> Callable[[Seen], float]:
    """Count pays after the first one, between two times (days)."""

    def count(s: Seen) -> float:
        total = 0
        for d in s.days:
            rows = np.flatnonzero(d.events.kind == Kind.PAY)
            lead = np.zeros(len(rows), bool)
            lead[np.unique(d.events.row[rows], return_index=True)[1]] = True
            time = d.events.time[rows[~lead]] / DAY
            total += int(((time >= first) & (time < last)).sum())
        return float(total)

    return count


# Dials: key, value to move to, statistic, whether it goes up or down ------------------------------------------------

BEFORE, AFTER = SALE_DAY - 1, SALE_DAY + 1
HIDDEN = {"confounder": {"strength": 1.0}}
SHOWN = {"impressions": True, "days": 2}
FLAT = [1.0] * 24
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
    ("refund.scales", ["1h", "2h", "20h", "600h"], wait(Kind.REFUND), +1),
    ("refund.weights", [0.02, 0.02, 0.06, 0.9], wait(Kind.REFUND), +1),
    ("repurchase.first", 2.0, pays_per_payer, +1),
    ("repurchase.further", 1.0, long_journeys, +1),
    ("repurchase.loyalty", 1.0, worth_by(3), +1),
    ("repurchase.replenishable", 5.0, worth_by(9), +1),
    ("repurchase.scales", ["4h", "20h", "200h"], wait(Kind.PAY), +1),
    ("repurchase.weights", [0.0, 0.1, 0.9], wait(Kind.PAY), +1),
    ("repurchase.rhythm", 1.0, rhythm_of_repurchases, +1),
    ("amount.level", 6.0, log_amount("mean"), +1),
    ("amount.price", 2.0, log_amount("sd"), +1),
    ("amount.user", 2.0, log_amount("sd"), +1),
    ("amount.residual", 2.0, log_amount("sd"), +1),
    ("amount.shared", 0.99, likeness, +1),
    ("amount.growth", 0.5, amount_and_wait, +1),
    ("amount.again", 0.8, of_later_pays, +1),
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
    ("exposure.position", 3.0, SHOWN, click_slope(lambda x: x.context[POSITION - 14]), -1),
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
]  # fmt: skip
JOINT_SALE_DIALS = [
    ("waiting.early_scale", "3h", {"waiting": {"early": 0.9}}, pays(SALE_DAY, first=0, last=1), -1),
    ("delay.lengthen_scale", "6d", {"delay": {"lengthen": 2.0}}, early(SALE_DAY - 2), -1),
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
    columns = [
        f for f in range(22) if f not in (20,)
    ]  # item_quality is a noisy look at what the item id fixes
    for d in days:
        keys = np.concatenate([d.user_id[None], d.item_id[None], d.features[columns]]).T.astype(np.int64)
        for key, eta in zip(keys, d.eta, strict=True):
            assert known.setdefault(key.tobytes(), eta) == pytest.approx(eta, abs=1e-12)
    # The same draws on another day give the same log-hazards.
    seen_days = list(one.visits())
    market = seen_days[-1][3]
    again = market.visit(seen_days[0][1], np.zeros(len(seen_days[0][1])))
    np.testing.assert_allclose(again.eta, seen_days[0][2].eta, rtol=0, atol=1e-12)
