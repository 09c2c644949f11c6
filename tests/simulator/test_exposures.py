"""What becomes known of impressions, against a slow account of it."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.engine import Engine
from simulator.exposures import ROLES, ExposureReader, Exposures, SliceReader
from simulator.log.memory import MemoryLog
from simulator.log.schema import ImpressionBatch
from simulator.policies import policy_from
from simulator.samples import Samples
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Edges, Windows
from tests.simulator.shown import known, shown_log


def told(parts: list[Exposures]) -> list[tuple[int, int, str, float, float]]:
    found = []
    for part in parts:
        clicked, converted = np.nan_to_num(part.clicked, nan=-9.0), np.nan_to_num(part.converted, nan=-9.0)
        roles = [ROLES[code] for code in part.role]
        found += list(
            zip(
                part.visible_time.tolist(), part.impression.tolist(), roles,
                clicked.tolist(), converted.tolist(), strict=True,
            )
        )  # fmt: skip
    return found


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from([HOUR, 5 * HOUR, DAY]),
    st.sampled_from([3, 50, 100_000]),
    st.sampled_from(["inclusive", "exclusive"]),
    st.sampled_from([0, DAY]),
)
def test_every_impression_becomes_known_once_whatever_the_tick(
    seed: int, tick: int, batch_rows: int, edges: Edges, begin: int
) -> None:
    windows = Windows(6 * HOUR, 0, edges=edges, click=40 * MINUTE)
    log = shown_log(seed, windows)
    engine = Engine(
        log,
        windows,
        {},
        start=0,
        stream_start=begin,
        features=True,
        batch_rows=batch_rows,
        exposures=True,
        in_slice=True,
    )
    ticks = [engine.advance(until) for until in range(tick, 6 * DAY + 1, tick)]
    of_slice = told([t.in_slice for t in ticks if t.in_slice is not None])
    of_others = told([t.exposures for t in ticks if t.exposures is not None])
    expected = known(log, windows, begin, ticks[-1].until)
    assert of_others == [entry for entry in expected if entry[2] != "slice"]
    assert of_slice == [entry for entry in expected if entry[2] == "slice"]


def test_features_and_rows_are_those_of_the_impression() -> None:
    windows = Windows(6 * HOUR, 0, click=40 * MINUTE)
    log = shown_log(3, windows)
    assert log.impression is not None
    engine = Engine(log, windows, {}, start=0, features=True, exposures=True)
    found = engine.advance(5 * DAY).exposures
    assert found is not None
    np.testing.assert_array_equal(found.features[:, 0], found.impression)
    clicked = found.clicked == 1
    np.testing.assert_array_equal(found.row[clicked], log.impression.click_row[found.impression[clicked]])
    assert (found.row[~clicked] == -1).all()


def test_a_sample_of_an_impression_says_nothing_else() -> None:
    windows = Windows(6 * HOUR, 0, click=40 * MINUTE)
    found = Engine(shown_log(3, windows), windows, {}, start=0, features=True, exposures=True).advance(DAY)
    assert found.exposures is not None
    samples = found.exposures.samples()
    wanted = {"revision": 0, "weight": 1, "pay_count": 0, "previous_gmv": 0, "previous_time": -1}
    for name, value in (wanted | {"refunded": np.nan, "gmv": np.nan}).items():
        np.testing.assert_array_equal(samples.column(name), np.full(len(samples), value), err_msg=name)


@pytest.mark.parametrize("begin", [0, DAY])
def test_what_became_known_before_the_beginning_is_not_read(
    begin: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[int] = []

    def impressions(_: MemoryLog, start: int, **__: object) -> Iterator[ImpressionBatch]:
        starts.append(start)
        return iter(())

    monkeypatch.setattr(MemoryLog, "impressions", impressions)
    windows = Windows(6 * HOUR, 0, click=40 * MINUTE)
    for reader in (ExposureReader, SliceReader):
        reader(shown_log(3, windows), windows, begin, True, 100)
    wait = windows.click + windows.closing
    assert starts == [max(begin - windows.click, 0)] * 2 + [max(begin - wait, 0)]


def test_nobody_hears_of_impressions_who_did_not_ask() -> None:
    windows = Windows(6 * HOUR, 0)
    tick = Engine(shown_log(1, windows), windows, {}, start=0).advance(DAY)
    assert tick.exposures is None
    assert tick.in_slice is None


@pytest.mark.parametrize("first", ["policy", "impressions"])
def test_samples_of_clicks_and_of_impressions_come_together_in_order(first: str) -> None:
    windows = Windows(6 * HOUR, 0, click=40 * MINUTE)
    log = shown_log(5, windows)
    policies = {"p": policy_from({"kind": "fake-negative"}, {})}
    tick = Engine(log, windows, policies, start=0, features=True, exposures=True).advance(3 * DAY)
    assert tick.exposures is not None
    mine, shown = tick.samples["p"], tick.exposures.samples()
    both = (mine, shown) if first == "policy" else (shown, mine)
    joined = Samples.together(*both)
    assert len(joined) == len(mine) + len(shown)
    assert (np.diff(joined.visible_time) >= 0).all()
    is_shown = joined.of_role(*ROLES)
    for part, whole in ((joined[is_shown], shown), (joined[~is_shown], mine)):
        np.testing.assert_array_equal(part.role_names, whole.role_names)
        for name in ("click_id", "converted", "visible_time", "features", "weight"):
            np.testing.assert_array_equal(part.column(name), whole.column(name))
        np.testing.assert_array_equal(part.column("clicked"), whole.column("clicked"))
    assert np.isnan(joined[~is_shown].column("clicked")).all()
    assert not np.isnan(joined[is_shown].column("clicked")).any()


def test_what_is_delivered_when_in_one_query() -> None:
    windows = Windows(6 * HOUR, 0, click=40 * MINUTE)
    log = shown_log(8, windows, clicks=1_000)
    shown = log.impression
    assert shown is not None
    engine = Engine(log, windows, {}, start=0, features=True, exposures=True)
    found = told(
        [tick.exposures for until in range(HOUR, 6 * DAY, HOUR) if (tick := engine.advance(until)).exposures]
    )
    con = duckdb.connect()
    columns = {name: getattr(shown, name) for name in ("rows", "time", "click_row", "click_time", "coin")}
    con.register("impressions", pa.table(columns))
    query = """
        select if(clicked, click_time, time + $window) as known, rows, if(clicked, 'click', 'impression'),
               clicked::double, if(clicked, -9.0, 0.0)
        from (select *, click_row >= 0 and click_time - time <= $window as clicked from impressions where coin < 0)
        order by known, rows"""
    assert found == con.execute(query, {"window": windows.click}).fetchall()
