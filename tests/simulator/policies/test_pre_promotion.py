"""The clicks before a sale against what SQL says of the log."""

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.calendar import Calendar, Promotion
from simulator.log.memory import final_labels, random_log
from simulator.policies import policy_from
from simulator.policies.checks import check_policy
from simulator.prepromotion import PrePromotion
from simulator.randomness import generator
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows
from tests.simulator.engine.replay import replay

SALES = Calendar.of(
    [Promotion("first", 2 * DAY, 3 * DAY, DAY), Promotion("second", 6 * DAY + 8 * HOUR, 7 * DAY, 2 * DAY)]
)

DECIDED = """
with sales as (select * from (values (2, 3.0, 1), (6 + 8 / 24.0, 7.0, 2)) s(opening, ending, ahead)),
first as (select row, min(e.time) filter (kind = 2 and e.time - c.time <= $attribution) as pay,
                 min(e.time) filter (kind = 1 and e.time - c.time <= $attribution) as cart
          from clicks c left join events e using (row) group by row)
select c.click_id,
       least(greatest(ending * $day, (c.time // $day + 1) * $day), c.time + $attribution)::bigint as due,
       coalesce(pay // $day = c.time // $day, false)::int as direct,
       coalesce(pay // $day <> c.time // $day and pay >= opening * $day and pay < ending * $day, false)::int as delayed,
       coalesce(cart // $day = c.time // $day, false)::int as carted
from clicks c join first using (row) join sales
  on c.time >= (opening - ahead) * $day and c.time < opening * $day
"""


def sql(log, attribution):
    con, e = duckdb.connect(), log.event
    con.register(
        "clicks",
        pa.table({"row": range(len(log.click_id)), "click_id": log.click_id, "time": log.click_time}),
    )
    con.register("events", pa.table({"row": e.row, "time": e.time, "kind": e.kind}))
    return con.sql(DECIDED.replace("$day", str(DAY)).replace("$attribution", str(attribution))).fetchall()


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), attribution=st.sampled_from([4 * DAY, 12 * HOUR]))
def test_each_click_before_a_sale_is_delivered_once_when_it_is_decided(seed, attribution):
    windows = Windows(attribution, DAY)
    log = random_log(generator(seed, "log"), 500, windows, days=8)
    until = 20 * DAY
    found = replay(log, windows, {"p": policy_from("pre-promotion")}, until, 5 * HOUR, calendar=SALES)["p"]
    columns = (
        found.click_id,
        found.visible_time,
        *(found.carried[n] for n in ("direct", "delayed", "same_day_cart")),
    )
    got = sorted(zip(*(c.astype(np.int64).tolist() for c in columns), strict=True))
    assert got == sorted(sql(log, attribution))
    assert np.isnan(found.converted).all()


def test_news_that_come_late_are_waited_for():
    windows = Windows(4 * DAY, DAY, 6 * HOUR)
    log = random_log(generator(3, "log"), 600, windows, days=8, lag=6 * HOUR)
    found = replay(log, windows, {"p": policy_from("pre-promotion")}, 20 * DAY, 5 * HOUR, calendar=SALES)["p"]
    labels = final_labels(log.click_time, log.event, 0, windows)
    before = PrePromotion(SALES)
    expected = before.outcomes(log.click_time, labels.first_pay, labels.first_cart)
    for name, values in expected.items():
        np.testing.assert_array_equal(found.carried[name], values[found.row])
    assert len(found) == before.inside(log.click_time).sum()


def test_without_promotions_nothing_is_delivered_and_the_contract_is_kept():
    log = random_log(generator(1, "log"), 200, Windows(DAY, DAY), days=3)
    assert not len(replay(log, Windows(DAY, DAY), {"p": policy_from("pre-promotion")}, 9 * DAY, DAY)["p"])
    assert "causal" in check_policy(policy_from("pre-promotion"), clicks=100)


@pytest.mark.parametrize("opening", [10 * HOUR, 10 * HOUR + MINUTE])
def test_a_sale_that_opens_and_closes_on_the_day_of_the_click_waits_for_midnight(opening):
    calendar = Calendar.of([Promotion("flash", opening, opening + HOUR, 8 * HOUR)])
    assert PrePromotion(calendar).settled(np.array([9 * HOUR])).tolist() == [DAY]
