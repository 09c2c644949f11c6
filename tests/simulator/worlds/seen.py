"""What can be seen of a world: the statistics that its dials move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from simulator.log.schema import Kind
from simulator.units import DAY, HOUR, SECOND
from simulator.worlds.generate import WorldDay
from simulator.worlds.impressions import Shown
from simulator.worlds.presets import merged
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


def night_amount(s: Seen) -> float:
    """Mean log amount of the pays of night clicks, over that of the others."""
    _, click, amount = s.events(Kind.PAY)
    night = click % DAY < 6 * HOUR
    return float(np.log(amount[night]).mean() - np.log(amount[~night]).mean())


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


def prominent_carts(s: Seen) -> float:
    """What the coin of the last feature, if it is that, does to carts."""
    carted = [
        np.bincount(d.events.row[d.events.kind == Kind.CART], minlength=len(d.time)) > 0 for d in s.days
    ]
    return float(np.corrcoef(np.concatenate(carted), np.concatenate([d.features[-1] for d in s.days]))[0, 1])


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


def lag(s: Seen) -> float:
    """Mean seconds from impression to click."""
    wait = np.concatenate([(x.click_time - x.time)[x.click_row >= 0] for x in s.shown])
    return float(wait.mean() / SECOND)


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
    own = lambda d: d.eta  # noqa: E731 - one line that is used once
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
