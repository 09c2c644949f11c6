"""The fact sheet against loops over a small log, and its parts against their definitions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from rich.console import Console

from simulator.calendar import Calendar, Promotion
from simulator.histogram import LogHistogram, tail_index
from simulator.log.facts import fact_sheet, sheet_tables
from simulator.log.facts.gather import gather
from simulator.log.facts.sums import ordinary_days
from simulator.log.facts.tally import Tally
from simulator.log.reader import Log
from simulator.log.schema import Kind
from simulator.pieces import RowQueue
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows
from simulator.worlds.generate import generate
from simulator.worlds.settings import WorldSettings
from tests.simulator.log.logs import small, write

WINDOWS = Windows(2 * DAY, DAY)
ZERO = np.zeros(1, np.int64)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return write(tmp_path_factory.mktemp("sheet") / "log", small(5, 3000, WINDOWS))


def journeys(log):
    """Every click with its own events, by loops."""
    clicks = list(log.clicks(features=False))
    time = np.concatenate([c.time for c in clicks])
    events: dict[int, list[tuple[int, int, float]]] = {}
    for batch in log.events():
        for row, when, kind, amount in zip(batch.row, batch.time, batch.kind, batch.amount, strict=True):
            events.setdefault(int(row), []).append((int(when), int(kind), float(amount)))
    for row, click in enumerate(time.tolist()):
        inside = [e for e in events.get(row, []) if e[0] - click <= WINDOWS.attribution]
        pays = sorted((t, a) for t, k, a in inside if k == Kind.PAY)
        carts = sorted(t for t, k, _ in inside if k == Kind.CART)
        refunds = sorted(
            t for t, k, _ in events.get(row, [])
            if k == Kind.REFUND and pays and 0 <= t - pays[0][0] <= WINDOWS.refund
        )  # fmt: skip
        yield row, click, carts, pays, refunds


def test_rates_and_delays_are_those_of_loops_over_the_journeys(log):
    sheet = fact_sheet(log, WINDOWS)
    until = log.meta.observed_until
    known = paid = repeat = net = final = carted = settled = refunded = 0
    waits: dict[str, list[int]] = {
        name: [] for name in ("click_pay", "click_cart", "cart_pay", "pay_refund", "pay_next")
    }
    gmv = np.zeros(49)
    counts = []
    for _, click, carts, pays, refunds in journeys(log):
        if click + WINDOWS.lifetime <= until:
            final += 1
            net += bool(pays) and not refunds
        if click + WINDOWS.attribution > until:
            continue
        known += 1
        carted += bool(carts)
        if carts:
            waits["click_cart"].append(carts[0] - click)
        if not pays:
            continue
        paid += 1
        repeat += len(pays) > 1
        counts.append(len(pays))
        first = pays[0][0]
        waits["click_pay"].append(first - click)
        waits["pay_next"] += [b[0] - a[0] for a, b in pairwise(pays)]
        if carts and carts[0] <= first:
            waits["cart_pay"].append(first - carts[0])
        for when, amount in pays:
            gmv[(when - click) // HOUR] += amount
        if first + WINDOWS.refund <= until:
            settled += 1
            refunded += bool(refunds)
            if refunds:
                waits["pay_refund"].append(refunds[0] - first)
    value = sheet.values
    assert value["cvr"] == pytest.approx(paid / known)
    assert value["cart_rate"] == pytest.approx(carted / known)
    assert value["rfr"] == pytest.approx(refunded / settled)
    assert value["net_cvr"] == pytest.approx(net / final)
    assert value["repurchase_share"] == pytest.approx(repeat / paid)
    assert value["pays_per_paying_click"] == pytest.approx(np.mean(counts))
    assert value["gmv_within.6h"] == pytest.approx(gmv[:6].sum() / gmv.sum())
    assert value["gmv_within.48h"] == 1
    for name, micros in waits.items():
        assert value[f"{name}.count"] == len(micros), name
        expected = np.quantile(micros, 0.75, method="inverted_cdf") / HOUR
        assert value[f"{name}.p75"] == pytest.approx(expected, rel=0.012, abs=1e-6), name
        # The log's times lie on a grid of minutes: ask between two of its lines.
        assert value[f"{name}.within.4.32m"] == pytest.approx(
            np.mean(np.array(micros) <= 4.32 * MINUTE), abs=1e-9
        ), name


def test_users_and_items_are_counted_once(log):
    sheet = fact_sheet(log, WINDOWS)
    assert sheet.values["users"] == 7
    assert sheet.values["items"] == 5
    pays = np.zeros(7)
    for row, click, _, paid, _ in journeys(log):
        if click + WINDOWS.attribution <= log.meta.observed_until:
            pays[row % 7] += len(paid)
    assert sheet.values["orders_per_buyer"] == pytest.approx(pays[pays > 0].mean())
    assert sum(sheet.values[f"orders.{n}"] for n in ("1", "2", "3", "4-9", "10+")) == pytest.approx(1)


def test_ids_come_in_the_order_of_the_clicks(log):
    user, item = RowQueue("ids", log.ids()).take(log.meta.clicks).values()
    rows = np.arange(log.meta.clicks)
    assert (user == rows % 7).all()
    assert (item == rows % 5).all()


def test_the_sheet_does_not_depend_on_the_length_of_batches(log, monkeypatch):
    whole = fact_sheet(log, WINDOWS).values
    monkeypatch.setattr(Log.clicks, "__kwdefaults__", {"features": True, "batch_rows": 97})
    monkeypatch.setattr(Log.ids, "__kwdefaults__", {"batch_rows": 61})
    parts = fact_sheet(log, WINDOWS).values
    assert parts.keys() == whole.keys()
    assert all(parts[name] == pytest.approx(value, rel=1e-9, nan_ok=True) for name, value in whole.items())


@pytest.fixture(scope="module")
def sale(tmp_path_factory):
    settings = WorldSettings.model_validate(
        {
            "days": 24,
            "clicks_per_day": 3_000,
            "cvr": 0.2,
            "drift": {"level": 0.0},
            "promotion": [{"name": "s", "start": "16d"}],
        }
    )
    path = tmp_path_factory.mktemp("sale") / "log"
    generate(settings, WINDOWS, 15 * MINUTE, 3, path)
    return Log.open(path)


CALENDAR = Calendar.of([Promotion("s", 16 * DAY, 17 * DAY)])


def test_a_promotion_is_measured_by_event_time_over_ordinary_days(sale):
    sheet = fact_sheet(sale, WINDOWS, CALENDAR)
    time = np.concatenate([c.time for c in sale.clicks(features=False)])
    pays = np.concatenate([e.time[e.kind == Kind.PAY] for e in sale.events()])
    # Days 2 to 4 and 21 to 23: the first two lack the pays of clicks before the log, 5 to 20 are the sale's.
    ordinary = [2, 3, 4, 21, 22, 23]
    assert sheet.ordinary_days == len(ordinary)
    clicks, paid = np.bincount(time // DAY), np.bincount(pays // DAY)
    base = paid[ordinary].sum() / clicks[ordinary].sum()
    for day in (-2, 0, 3):
        facts = sheet.values
        assert facts[f"sale.pays_per_click.day{day}"] == pytest.approx(
            paid[16 + day] / clicks[16 + day] / base
        )
        assert facts[f"sale.clicks.day{day}"] == pytest.approx(clicks[16 + day] / clicks[ordinary].mean())
    first_hour = ((pays >= 16 * DAY) & (pays < 16 * DAY + HOUR)).sum()
    assert sheet.values["sale.first_hour_share"] == pytest.approx(first_hour / paid[16])
    old = total = 0
    row_time = time
    for batch in sale.events():
        on_day = (batch.kind == Kind.PAY) & (batch.time // DAY == 16)
        total += on_day.sum()
        old += (row_time[batch.row[on_day]] // DAY < 16).sum()
    assert sheet.values["sale.old_pay_share.day0"] == pytest.approx(old / total)


def test_the_whole_sheet_can_be_shown(sale):
    tables = list(sheet_tables(fact_sheet(sale, WINDOWS, CALENDAR)))
    assert [str(t.title).partition(":")[0] for t in tables] == [
        "rates", "delays", "hour of day (share of clicks, carts, pays; rates)", "repurchase, GMV and amounts",
        "users and items", "s",
    ]  # fmt: skip
    console = Console(width=200, quiet=True)
    for table in tables:
        console.print(table)


def test_ordinary_days_fall_back_to_the_phase_before():
    calendar = Calendar.of([Promotion("s", 5 * DAY, 6 * DAY, 2 * DAY)])
    assert ordinary_days(calendar, 0, 8).tolist() == [True] * 3 + [False] * 5
    assert ordinary_days(calendar, 0, 14).tolist() == [False] * 10 + [True] * 4
    assert ordinary_days(Calendar(), 3, 4).all()


def test_an_empty_calendar_and_no_event_leave_the_rest_unknown(tmp_path):
    memory = small(1, 50, WINDOWS)
    memory.event = memory.event[:0]
    sheet = fact_sheet(write(tmp_path / "log", memory), WINDOWS)
    assert sheet.value("cvr") in (None, 0.0)
    assert sheet.value("click_pay.p50") is None
    assert sheet.value("sale.clicks.day0") is None
    assert next(t.title for t in sheet_tables(sheet)) == "rates"


def test_seven_days_of_gathering_hold_no_more_than_the_hours(sale):
    found = gather(sale, WINDOWS, CALENDAR)
    assert all(values.shape == (24 * found.days,) for values in found.hourly.values())
    assert found.hourly["clicks"].sum() == sale.meta.clicks


def test_the_tail_index_is_that_of_a_pareto():
    values = np.random.default_rng(0).pareto(1.7, 200_000) + 1
    histogram = LogHistogram(1, -14, 34)
    histogram.add(np.zeros(len(values), np.int64), values)
    assert tail_index(histogram.counts[0], 0.05) == pytest.approx(1.7, abs=0.05)
    assert tail_index(histogram.counts[0] // 10**6, 0.05) is None


def test_a_tally_sums_by_key_however_it_is_fed():
    rng = np.random.default_rng(1)
    key, values = rng.integers(-5, 40, 5000), rng.random((2, 5000))
    whole, parts = Tally(2), Tally(2)
    whole.add(key, values)
    for a in range(0, 5000, 37):
        parts.add(key[a : a + 37], values[:, a : a + 37])
    (one, first), (two, second) = whole.sums(), parts.sums()
    assert (one == two).all()
    np.testing.assert_allclose(first, second)
    np.testing.assert_allclose(first[0], [values[0][key == k].sum() for k in one])
    assert Tally(3).sums()[1].shape == (3, 0)
