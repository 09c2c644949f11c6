"""Distributions without the values against the values themselves: exact at atoms, good to a bin elsewhere."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import histogram as module
from simulator.histogram import LogHistogram
from simulator.log.facts.delays import QUANTILES
from simulator.log.facts.sheet import fact_sheet
from simulator.log.facts.sums import AGES
from simulator.log.schema import EventBatch, Kind
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.simulator.log.logs import small, write

WINDOWS = Windows(7 * DAY, 7 * DAY)
VALUES = st.one_of(
    st.sampled_from([0.0, 1.0, float(HOUR), float(DAY), 3.0 * DAY]),
    st.integers(0, 400 * DAY).map(float),
)


def _filled(values, groups=None, thresholds=AGES, low=0, high=45):
    values = np.asarray(values, np.float64)
    found = LogHistogram(2, low, high, thresholds)
    groups = np.zeros(len(values), np.int64) if groups is None else np.asarray(groups, np.int64)
    for part in np.array_split(np.arange(len(values)), 3):  # as batches come
        found.add(groups[part], values[part])
    return found


@pytest.fixture(params=["few distinct values", "many"])
def most(request, monkeypatch):
    """Let the histogram keep its values, or give them up at the second one."""
    if request.param == "many":
        monkeypatch.setattr(module, "MOST_DISTINCT", 1)
    return request.param


@given(st.lists(st.tuples(st.integers(0, 1), VALUES), min_size=1, max_size=100), st.floats(0.01, 0.99))
def test_while_values_are_few_every_answer_is_exact(pairs, q):
    groups, values = (np.array(column) for column in zip(*pairs, strict=True))
    found = _filled(values, groups)
    for mine, inside in ((found.of(0), groups == 0), (found.of(1), groups == 1), (found.of(), groups >= 0)):
        true = np.sort(values[inside])
        assert mine.total == len(true)
        if not len(true):
            assert mine.quantile(q) is mine.share(1.0) is mine.mean() is None
            continue
        assert mine.quantile(q) == np.quantile(true, q, method="inverted_cdf")
        assert mine.mean() == pytest.approx(true.mean())
        for asked in (0.0, *AGES, *true):
            assert mine.share(asked) == np.mean(true <= asked)


@given(st.lists(VALUES, min_size=1, max_size=200), st.floats(0.01, 0.99))
def test_beyond_that_thresholds_and_zeros_are_exact_and_quantiles_good_to_a_bin(values, q):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_DISTINCT", 0)
        found = _filled(values).of()
    true = np.array(values)
    for asked in (0, *AGES):
        assert found.share(asked) == np.mean(true <= asked)
    exact = np.quantile(true, q, method="inverted_cdf")
    got = found.quantile(q)
    assert got == pytest.approx(exact, rel=0.011)
    assert found.mean() == pytest.approx(true.mean())
    assert (
        np.mean(true <= 7.3 * HOUR / 1.011) <= found.share(7.3 * HOUR) <= np.mean(true <= 7.3 * HOUR * 1.011)
    )


def test_quantiles_of_zeros_are_zero(most):
    zeros = _filled([0.0] * 400 + [3.0 * HOUR] * 300 + [5.5 * DAY] * 300).of()
    assert [zeros.quantile(q) for q in (0.01, 0.1, 0.4)] == [0.0, 0.0, 0.0]
    assert zeros.quantile(0.5) == pytest.approx(3 * HOUR, rel=0.011)
    assert zeros.share(0) == 0.4
    assert zeros.share(DAY) == 0.7
    assert _filled([0.0, 0.0]).of().quantile(0.99) == 0.0


def test_a_free_price_and_equal_prices_stay_what_they_are(most):
    amounts = _filled([0.0] * 30 + [9.99] * 60 + [1e-9, 5e11] * 5, low=-14, high=34, thresholds=()).of()
    assert amounts.quantile(0.05) == 0.0
    assert amounts.share(0.0) == 0.3
    assert amounts.quantile(0.5) == pytest.approx(9.99, rel=1e-12 if most != "many" else 0.011)


def test_values_are_given_up_where_they_are_many():
    rng = np.random.default_rng(3)
    values = np.concatenate(
        [np.zeros(20_000), rng.integers(1, 10 * DAY, 60_000).astype(float), [DAY] * 20_000]
    )
    found = _filled(rng.permutation(values))
    assert found.values is None
    assert found.tally.size == 0
    assert found.of().share(DAY) == np.mean(values <= DAY)
    assert found.of().quantile(0.2) == 0.0
    assert found.of().quantile(0.75) == pytest.approx(np.quantile(values, 0.75), rel=0.011)


def _daily(tmp_path, most_pays=1):
    """A log of whole days, as a shop exports it: delays are 0, 1, 2, ... days."""
    memory, rng = small(3, 2000, WINDOWS), np.random.default_rng(0)
    memory.click_time = np.sort(rng.integers(0, 30, 2000)) * DAY
    row = np.repeat(np.arange(2000), most_pays * (rng.random(2000) < 0.3))
    time = memory.click_time[row] + DAY * rng.choice([0, 1, 3, 7], len(row), p=[0.5, 0.2, 0.2, 0.1])
    order = np.argsort(time, kind="stable")
    memory.event = EventBatch(
        row=row[order].astype(np.int64),
        time=time[order],
        kind=np.full(len(row), Kind.PAY, memory.event.kind.dtype),
        amount=rng.choice([0.0, 5.0, 9.99], len(row))[order],
        event_id=np.arange(len(row)),
    )
    return write(tmp_path / "log", memory), memory


@pytest.mark.parametrize("most_pays", [1, 60])
def test_the_sheet_of_whole_days_is_what_sql_counts(tmp_path, most_pays):
    log, memory = _daily(tmp_path, most_pays)
    sheet = fact_sheet(log, WINDOWS)
    pays = {"row": memory.event.row, "time": memory.event.time, "amount": memory.event.amount}
    clicks = {"row": np.arange(len(memory.click_time)), "click": memory.click_time}
    con = duckdb.connect()
    con.register("p", pa.table(pays))
    con.register("c", pa.table(clicks))
    known = log.meta.observed_until - WINDOWS.attribution
    firsts = con.execute(
        'SELECT min(time) - any_value(click), count(*) FROM p JOIN c USING ("row") '
        'WHERE click <= $1 AND time - click <= $2 GROUP BY "row"', [known, WINDOWS.attribution]
    ).fetchall()  # fmt: skip
    delays, counts = (np.array(column) for column in zip(*firsts, strict=True))
    for days in (1, 3):
        assert sheet.value(f"click_pay.within.{days}d") == np.mean(delays <= days * DAY)
    for percent in QUANTILES:
        exact = np.quantile(delays, percent / 100, method="inverted_cdf") / HOUR
        assert sheet.value(f"click_pay.p{percent}") == exact
    assert sheet.value("pays_per_paying_click") == pytest.approx(counts.mean())
    assert sheet.value("amount.p5") == 0.0
    assert sheet.value("amount.p95") == 9.99
    gmv, late = con.execute(
        'SELECT sum(amount) FILTER (time - click <= 86400000000), sum(amount) FROM p JOIN c USING ("row") '
        "WHERE click <= $1 AND time - click <= $2", [known, WINDOWS.attribution]
    ).fetchone()  # fmt: skip
    assert sheet.value("gmv_within.24h") == pytest.approx(gmv / late)
