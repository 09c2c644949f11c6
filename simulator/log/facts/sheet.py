"""The fact sheet of a log: every fact under one name, the same for a real log and a synthetic one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from simulator.calendar import Calendar
from simulator.histogram import tail_index
from simulator.log.facts.delays import delay_facts, quantile_intervals
from simulator.log.facts.gather import gather
from simulator.log.facts.intervals import Interval, Share, interval_of, share_of, values_and_rows
from simulator.log.facts.sales import SaleFacts, sale_facts
from simulator.log.facts.sums import ITEM, ORDINARY, USER, Gathered
from simulator.log.reader import Log
from simulator.log.schema import Bool, Float64
from simulator.units import DAY
from simulator.windows import Windows

CVR_BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
USER_BINS = (0.0, 0.25, 0.5, 0.75, 1.0)
TAIL = 0.05


Facts = Iterator[tuple[str, float | Share | None]]


@dataclass(frozen=True, slots=True)
class FactSheet:
    """Facts by name; what cannot be known from the log is absent.

    Rates per click by event time, delays, GMV by elapsed time and the curves by hour are those of ordinary days (see
    `simulator.log.facts.gather.ordinary_days`); so are CVR, RFR and NetCVR. Amounts, users and items are those of the
    whole log. Delays are in hours and given the event came inside its window; only clicks whose window closed before
    the log ends count.
    """

    windows: Windows
    clicks: int
    days: int
    """Days with clicks."""
    ordinary_days: int
    values: dict[str, float]
    sales: tuple[SaleFacts, ...] = field(default=())
    rows: Mapping[str, float] = field(default_factory=dict)
    """Of how many rows those facts are shares that are."""
    intervals: Mapping[str, Interval] | None = None
    """Where each fact lies with 95 % confidence, as far as the log's users tell; None: it was not asked."""

    def value(self, name: str) -> float | None:
        """Return a fact, ``None`` where the log does not tell. ``sale.`` facts are those of the first promotion."""
        return self.values.get(name)


def fact_sheet(
    log: Log, windows: Windows, calendar: Calendar | None = None, *, intervals: bool = False
) -> FactSheet:
    """Describe a log in one pass; with ``intervals`` say also how far each fact is known."""
    return sheet_of(gather(log, windows, calendar or Calendar(), parts=intervals))


def sheet_of(found: Gathered) -> FactSheet:
    """Turn gathered sums into facts; with their intervals where the sums of each group of users are there too."""
    sheet = _sheet(found)
    if not found.parts:
        return sheet
    rests = [_sheet(found.without(part)).values for part in found.parts if part.clicks]
    intervals = dict(quantile_intervals(found))
    for name, value in sheet.values.items():
        without = [rest[name] for rest in rests if name in rest]
        if name not in intervals and len(without) == len(rests):
            interval = interval_of(value, without, sheet.rows.get(name))
            if interval is not None:
                intervals[name] = interval
    return replace(sheet, intervals=intervals)


def _sheet(found: Gathered) -> FactSheet:
    whole = whole_days(found)
    ordinary = found.ordinary & whole
    if ordinary.sum() < 1:
        ordinary = whole
    sales = tuple(sale_facts(found, sale, ordinary) for sale in found.calendar.promotions)
    parts: tuple[Facts, ...] = (
        _rates(found, ordinary),
        delay_facts(found),
        _hours(found, ordinary),
        _spending(found),
        _users(found),
        _items(found),
    )
    values, rows = values_and_rows(fact for part in parts for fact in part)
    for sale in sales[:1]:
        values |= {f"sale.{name}": value for name, value in sale.values.items()}
        rows |= {f"sale.{name}": value for name, value in sale.rows.items()}
    return FactSheet(found.windows, found.clicks, int(whole.sum()), int(ordinary.sum()), values, sales, rows)


def whole_days(found: Gathered) -> Bool:
    """Return the days with clicks, less the first ones, whose pays of earlier clicks are missing, if enough are left."""
    clicks = found.hourly["clicks"].reshape(-1, 24).sum(1)
    days: Bool = clicks > 0
    warm = min(-(-found.windows.attribution // DAY), int(days.sum()) // 3)
    days[:warm] = False
    return days


def _share(part: float, of: float) -> float | None:
    return part / of if of else None


def _rates(found: Gathered, ordinary: Bool) -> Facts:
    daily = {name: values.reshape(-1, 24).sum(1) for name, values in found.hourly.items()}
    clicks, carts, pays = (float(daily[name][ordinary].sum()) for name in ("clicks", "carts", "pays"))
    yield "clicks_per_day", _share(clicks, float(ordinary.sum()))
    for name, events in (("carts_per_click", carts), ("pays_per_click", pays)):
        # Where they are rarer than clicks, no better known than the share of clicks that have one.
        yield name, share_of(events, clicks) if events <= clicks else _share(events, clicks)
    yield "pays_per_cart", _share(pays, carts)
    # Labels go by the click, so that the first days count as much as any other.
    by_click = found.ordinary
    labelled, carted, paid, repeat, gmv, settled, refunded, final, net = (
        float(daily[name][by_click].sum())
        for name in ("labelled", "carted", "paid", "repeat", "gmv", "settled", "refunded", "final", "net")
    )
    yield "cart_rate", share_of(carted, labelled)
    yield "cvr", share_of(paid, labelled)
    yield "rfr", share_of(refunded, settled)
    yield "net_cvr", share_of(net, final)
    yield "repurchase_share", share_of(repeat, paid)
    yield "gmv_per_click", _share(gmv, labelled)
    yield "gmv_per_paying_click", _share(gmv, paid)
    yield "old_pay_share", share_of(daily["old_pays"][ordinary].sum(), daily["matched_pays"][ordinary].sum())
    yield "refunds_in_full", share_of(found.returned[1], found.returned[0])


def _hours(found: Gathered, ordinary: Bool) -> Facts:
    hourly = {name: values.reshape(-1, 24) for name, values in found.hourly.items()}
    for name in ("clicks", "carts", "pays"):
        by_hour = hourly[name][ordinary].sum(0)
        for hour in range(24):
            yield f"hour.{name}.{hour}", share_of(by_hour[hour], by_hour.sum())
    sums = {name: hourly[name][found.ordinary].sum(0) for name in hourly}
    for hour in range(24):
        yield (
            f"hour.pays_per_click.{hour}",
            _share(hourly["pays"][ordinary, hour].sum(), hourly["clicks"][ordinary, hour].sum()),
        )
        yield f"hour.cvr.{hour}", share_of(sums["paid"][hour], sums["labelled"][hour])
        yield f"hour.net_cvr.{hour}", share_of(sums["net"][hour], sums["final"][hour])
        yield f"hour.gmv_per_paying_click.{hour}", _share(sums["gmv"][hour], sums["paid"][hour])
    for name in ("cvr", "net_cvr", "gmv_per_paying_click"):
        part, whole = {"cvr": ("paid", "labelled"), "net_cvr": ("net", "final")}.get(name, ("gmv", "paid"))
        if (sums[whole] > 0).all():
            curve = sums[part] / sums[whole]
            yield from (
                (f"hour.{name}_shape.{hour}", _share(v, curve.mean())) for hour, v in enumerate(curve)
            )
    for block in range(0, 24, 3):
        three = slice(block, block + 3)
        clicks = hourly["clicks"][ordinary]
        yield f"hour.clicks.{block}-{block + 2}", share_of(clicks[:, three].sum(), clicks.sum())
        yield (
            f"hour.paying_clicks.{block}-{block + 2}",
            share_of(sums["paid"][three].sum(), sums["paid"].sum()),
        )
        yield (
            f"hour.repurchase_share.{block}-{block + 2}",
            share_of(sums["repeat"][three].sum(), sums["paid"][three].sum()),
        )


def _spending(found: Gathered) -> Facts:
    by_hour = found.gmv_by_hour[0] if found.gmv_by_hour[0].any() else found.gmv_by_hour.sum(0)
    if by_hour.sum() > 0:
        reached = np.cumsum(by_hour)
        reached = reached / reached[-1]  # the last is 1 to the digit
        for hour in range(1, len(reached)):
            yield f"gmv_within.{hour}h", float(reached[hour - 1])
    counts = found.paying[ORDINARY] if found.paying[ORDINARY].any() else found.paying.sum(0)
    paying, pays, repurchasing, theirs = (float(count) for count in counts)
    yield "pays_per_paying_click", _share(pays, paying)
    yield "pays_per_repurchasing_click", _share(theirs, repurchasing)
    for name, moments in (("ln_amount", found.amount), *((f"ln_gmv.{k}", m) for k, m in found.gmv.items())):
        if (shape := moments.mean_sd_skew()) is not None:
            yield from zip((f"{name}.mean", f"{name}.sd", f"{name}.skew"), shape, strict=True)
    amounts = found.amounts.of()
    for percent in (5, 50, 95):
        yield f"amount.p{percent}", amounts.quantile(percent / 100)
    yield "amount.tail_index", tail_index(amounts.counts, TAIL)


def _users(found: Gathered) -> Facts:
    _, sums = found.users.sums()
    column = dict(zip(USER, sums, strict=True))
    orders = column["pays"][column["pays"] > 0]
    yield "users", float(sums.shape[1])
    yield "clicks_per_user", _share(float(column["clicks"].sum()), float(sums.shape[1]))
    yield "orders_per_buyer", _share(float(orders.sum()), float(len(orders)))
    for name, low, high in (("1", 1, 1), ("2", 2, 2), ("3", 3, 3), ("4-9", 4, 9), ("10+", 10, np.inf)):
        chosen = float(((orders >= low) & (orders <= high)).sum())
        yield f"orders.{name}", share_of(chosen, float(len(orders)))
    for name, part, whole, first, second in (
        ("pay_delay_by_user_cvr", "paid", "clicks", "delay", "delay_squared"),
        ("refund_delay_by_user_rfr", "refunded", "settled", "wait", "wait_squared"),
    ):
        count = column[part]
        for label, inside in _bins(_rate(count, column[whole]), USER_BINS):
            n = float(count[inside].sum())
            mean = _share(float(column[first][inside].sum()), n)
            yield f"{name}.{label}", mean
            if mean is not None:
                variance = float(column[second][inside].sum()) / n - mean**2
                yield f"{name}.{label}.sd", max(variance, 0.0) ** 0.5


def _items(found: Gathered) -> Facts:
    _, sums = found.items.sums()
    column = dict(zip(ITEM, sums, strict=True))
    yield "items", float(sums.shape[1])
    for label, inside in _bins(_rate(column["paid"], column["clicks"]), CVR_BINS):
        paid, clicks, settled, refunded = (
            float(column[name][inside].sum()) for name in ("paid", "clicks", "settled", "refunded")
        )
        rfr = share_of(refunded, settled)
        yield f"rfr_by_item_cvr.{label}", rfr
        if rfr is not None and clicks:
            yield f"net_cvr_by_item_cvr.{label}", paid / clicks * (1 - rfr.value)


def _rate(part: Float64, whole: Float64) -> Float64:
    rate: Float64 = np.divide(part, whole, out=np.full(len(part), -1.0), where=whole > 0)
    return rate


def _bins(rate: Float64, edges: tuple[float, ...]) -> Iterator[tuple[str, Bool]]:
    for low, high in pairwise(edges):
        last = high == edges[-1]
        yield f"{low:g}-{high:g}", (rate >= low) & ((rate <= high) if last else (rate < high))
