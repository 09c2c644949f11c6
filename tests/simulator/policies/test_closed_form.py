"""Each policy against its closed form: who is delivered when with which label, written as SQL over the log."""

from __future__ import annotations

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.calendar import Calendar, Promotion
from simulator.log.memory import random_log
from simulator.randomness import generator
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows
from tests.simulator.engine.replay import built_in, replay

WINDOW = 15 * MINUTE
CALENDAR = Calendar.of([Promotion("sale", DAY + 12 * HOUR, 2 * DAY, DAY)])

JOURNEYS = """
create or replace view pays as
    select p.*, row_number() over (partition by p.row order by p.time, p.event_id) as nth,
           sum(amount) over (partition by p.row order by p.time, p.event_id rows unbounded preceding) as gmv
    from events p join clicks c using (row) where p.kind = 2 and p.time - c.time <= $attribution;
create or replace view journeys as
    select c.row, c.click_id, c.time, p.first_pay, p.last_pay, p.total, r.refunds, r.first_refund,
           greatest(p.total - coalesce(r.returned, 0), 0) as net
    from clicks c
    left join (select row, min(time) as first_pay, max(time) as last_pay, max(gmv) as total
               from pays group by row) p using (row)
    left join (select e.row, count(*) as refunds, min(e.time) as first_refund, sum(e.amount) as returned from events e
               join (select row, min(time) as first_pay from pays group by row) f using (row)
               where e.kind = 3 and e.time between f.first_pay and f.first_pay + $refund group by e.row) r using (row);
create or replace view flows as
    select e.row, e.time, e.kind, e.event_id,
           sum(case when e.kind = 2 then e.amount else -e.amount end)
               over (partition by e.row order by e.time, e.kind, e.event_id rows unbounded preceding) as net
    from events e join journeys j using (row)
    where (e.kind = 2 and e.time - j.time <= $attribution)
       or (e.kind = 3 and e.time between j.first_pay and j.first_pay + $refund);
"""

CLOSED_FORM = {
    "never": "select click_id, time, 0.0, 0.0, 0.0 from journeys where false",
    "oracle": """
        select click_id, time, (first_pay is not null)::double,
               case when first_pay is not null then (coalesce(refunds, 0) > 0)::double end, total from journeys""",
    "oracle/first-pay": """
        select click_id, first_pay, 1.0, (coalesce(refunds, 0) > 0)::double, total from journeys where first_pay is not null""",
    "waiting-window": """
        select click_id, time + $window, coalesce(first_pay <= time + $window, false)::double, null, null from journeys""",
    "waiting-window/refunds": """
        select click_id, time + $window, coalesce(first_pay <= time + $window, false)::double, null, null from journeys
        union all select click_id, first_pay, null, 0.0, null from journeys where first_pay is not null
        union all select click_id, first_refund, null, 1.0, null from journeys where first_refund is not null""",
    "complete": "select click_id, time + $attribution, (first_pay is not null)::double, null, total from journeys",
    "with-carts": "select click_id, time + $attribution, (first_pay is not null)::double, null, total from journeys",
    # What it carries is in test_pre_promotion.py.
    "pre-promotion": """
        select click_id, least($end, time + $attribution), null, null, null from journeys
        where time >= $opening - $day and time < $opening""",
    # Without a segment end it meets each click at its closing: tests/simulator/policies/test_settlement.py has the rest.
    "posterior-settlement": """
        select click_id, time + $attribution, (first_pay is not null)::double, null, null from journeys""",
    "cascade-settlement": """
        select click_id, time + $attribution, (first_pay is not null)::double, null, null from journeys
        union all select click_id, first_pay + $refund, null, (first_refund is not null)::double, null
                  from journeys where first_pay is not null""",
    "fake-negative": """
        select click_id, time, 0.0, null, null from journeys
        union all select click_id, first_pay, 1.0, null, null from journeys where first_pay is not null""",
    "elapsed-time": """
        select click_id, time + $window, coalesce(first_pay <= time + $window, false)::double, null, null from journeys
        union all select click_id, first_pay, 1.0, null, null from journeys where first_pay > time + $window""",
    "complete/refunds": """
        select click_id, time + $attribution, (first_pay is not null)::double, null, total from journeys
        union all select click_id, first_pay + $refund, null, (first_refund is not null)::double, null
                  from journeys where first_pay is not null""",
    "fake-negative/refunds": """
        select click_id, time, 0.0, null, null from journeys
        union all select click_id, first_pay, 1.0, 0.0, null from journeys where first_pay is not null
        union all select click_id, first_refund, null, 1.0, null from journeys where first_refund is not null""",
    "elapsed-time/replay": """
        select click_id, time + $window, coalesce(first_pay <= time + $window, false)::double,
               case when first_pay <= time + $window then 0.0 end, null from journeys
        union all select click_id, first_pay, 1.0, 0.0, null from journeys where first_pay > time + $window
        union all select click_id, first_refund, null, 1.0, null from journeys where first_refund is not null""",
    "elapsed-time/window": """
        select click_id, time + $window, coalesce(first_pay <= time + $window, false)::double, null, null from journeys
        union all select click_id, first_pay, 1.0, null, null from journeys where first_pay > time + $window
        union all select click_id, first_pay + least($window, $refund), null, 0.0, null from journeys
                  where first_pay is not null
                    and coalesce(first_refund > first_pay + least($window, $refund), true)
        union all select click_id, first_refund, null, 1.0, null from journeys where first_refund is not null""",
    "elapsed-refunds": """
        select click_id, time + $window, coalesce(first_pay <= time + $window, false)::double,
               case when first_pay <= time + $window then coalesce(first_refund <= time + $window, false)::double end, null
        from journeys
        union all select click_id, first_pay, 1.0, null, null from journeys where first_pay > time + $window
        union all select click_id, first_refund, null, 1.0, null from journeys where first_refund > time + $window""",
    "in-window": """
        select click_id, time + $window, 0.0, null, null from journeys where coalesce(first_pay > time + $window, true)
        union all select click_id, first_pay + least($window, $refund), 1.0,
                         coalesce(first_refund <= first_pay + least($window, $refund), false)::double, null
                  from journeys where first_pay <= time + $window""",
    "partial-gmv": """
        select c.click_id, p.time, 1.0, null, p.gmv from pays p join clicks c using (row)
        union all select click_id, time + $attribution, 1.0, null, total from journeys where first_pay is not null""",
}

CLOSE = "select click_id, time + $attribution, 1.0, null, total from journeys where first_pay is not null"
NET = """
    select click_id, greatest(time + $attribution, first_pay + $refund), 1.0, null, net from journeys
    where first_pay is not null"""
OBSERVED = """
    select j.click_id, j.time + $window, coalesce(first_pay <= j.time + $window, false)::double, null,
           (select sum(amount) from pays p where p.row = j.row and p.time <= j.time + $window)
    from journeys j"""
NEWS = """
    union all select click_id, time + $attribution, 1.0, null, total from journeys where last_pay > time + $window"""
CLOSED_FORM |= {
    "oracle/net": """
        select click_id, first_pay, 1.0, (coalesce(refunds, 0) > 0)::double, net from journeys
        where first_pay is not null""",
    "partial-gmv/partial": "select c.click_id, p.time, 1.0, null, p.gmv from pays p join clicks c using (row)",
    "partial-gmv/final": CLOSE,
    "gmv-settlement": CLOSE,
    "partial-gmv/net": f"""
        select c.click_id, f.time, 1.0, null, greatest(f.net, 0) from flows f join clicks c using (row)
        union all {NET}""",
    "partial-gmv/net-final": NET,
    "windowed-gmv": f"{OBSERVED} where first_pay <= time + $window {NEWS}",
    "windowed-gmv/once": f"{OBSERVED} where first_pay <= time + $window",
    "windowed-gmv/every": f"""{OBSERVED} {NEWS}
        union all select click_id, time + $attribution, 0.0, null, null from journeys
                  where first_pay > time + $window""",
}

LOOKS = """
    select click_id, time + age, coalesce(first_pay <= time + age, false)::double, null, null
    from journeys, (values (120000000), (600000000), (7200000000), (86400000000)) looks(age) where age < $attribution"""
# What else they carry is in tests/learners/trajectory/test_policy.py.
CLOSED_FORM["trajectory"] = f"""{LOOKS}
    union all select click_id, time + $attribution, (first_pay is not null)::double, null, null from journeys"""
# What its conversions carry is in tests/learners/twice/test_policy.py.
CLOSED_FORM["two-clocks"] = """
    select click_id, time + $window, coalesce(first_pay <= time + $window, false)::double, null, null from journeys
    union all select click_id, first_pay, 1.0, null, null from journeys where first_pay is not null"""
REAL_NEGATIVE = (
    " union all select click_id, time + $attribution, 0.0, null, null from journeys where first_pay is null"
)
COPY = " union all select click_id, first_pay, 1.0, 0.0, null from journeys where first_pay <= time + $window"
CLOSED_FORM["real-negative"] = CLOSED_FORM["elapsed-time"] + REAL_NEGATIVE
CLOSED_FORM["real-negative/replay"] = CLOSED_FORM["elapsed-time/replay"] + REAL_NEGATIVE
CLOSED_FORM["duplicate"] = CLOSED_FORM["elapsed-time"] + REAL_NEGATIVE + COPY.replace("1.0, 0.0", "1.0, null")
CLOSED_FORM["duplicate/replay"] = CLOSED_FORM["real-negative/replay"] + COPY
# The three windows of multi-window are told by its roles (see the slow twin); its labels are those of elapsed-time.
CLOSED_FORM["multi-window"] = CLOSED_FORM["elapsed-time"]
CLOSED_FORM["multi-window/replay"] = CLOSED_FORM["elapsed-time/replay"]
SATELLITES = """
    union all select click_id, time + $window // 2, coalesce(first_pay <= time + $window // 2, false)::double, null, null
              from journeys
    union all select click_id, time, 0.0, null, null from journeys
    union all select click_id, first_pay, 1.0, null, null from journeys where first_pay is not null"""
# What they make of impressions is in tests/simulator/test_exposures.py.
CLOSED_FORM["randomised"], CLOSED_FORM["potential"] = CLOSED_FORM["never"], CLOSED_FORM["oracle"]
CLOSED_FORM["satellites"] = CLOSED_FORM["elapsed-time"] + SATELLITES
CLOSED_FORM["satellites/replay"] = CLOSED_FORM["elapsed-time/replay"] + SATELLITES
CLOSED_FORM["by-phase"] = CLOSED_FORM["elapsed-time"]
CLOSED_FORM["by-phase/phases"] = " union all ".join(
    f"select * from ({CLOSED_FORM[kind]}) where click_id in (select click_id from clicks where {clicked})"
    for kind, clicked in {
        "fake-negative": "time < $opening - $day",
        "trajectory": "time >= $opening - $day and time < $opening",
        "elapsed-time/replay": "time >= $opening and time < $end",
        "complete": "time >= $end",
    }.items()
)


def test_every_policy_has_a_closed_form():
    assert set(CLOSED_FORM) == set(built_in(WINDOW))


@settings(max_examples=6, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    clicks=st.integers(1, 400),
    windows=st.sampled_from([Windows(DAY, DAY), Windows(2 * HOUR, 0)]),
)
def test_policies_deliver_their_closed_form(seed, clicks, windows):
    log = random_log(generator(seed, "log"), clicks, windows, days=3)
    until = int(log.click_time[-1]) + windows.lifetime + 1
    found = replay(log, windows, built_in(WINDOW), until, 5 * HOUR, calendar=CALENDAR)
    con = duckdb.connect()
    e = log.event
    con.register("clicks", pa.table({"row": range(clicks), "click_id": log.click_id, "time": log.click_time}))
    con.register(
        "events",
        pa.table({"row": e.row, "event_id": e.event_id, "time": e.time, "kind": e.kind, "amount": e.amount}),
    )
    numbers = {
        "attribution": windows.attribution, "refund": windows.refund, "window": WINDOW, "day": DAY,
        "opening": CALENDAR.promotions[0].start, "end": CALENDAR.promotions[0].end,
    }  # fmt: skip

    def filled(sql: str) -> str:
        for name, value in numbers.items():
            sql = sql.replace(f"${name}", str(value))
        return sql

    con.execute(filled(JOURNEYS))
    for name, sql in CLOSED_FORM.items():
        expected = sorted((_rounded(row) for row in con.sql(filled(sql)).fetchall()), key=str)
        samples = found[name]
        columns = (samples.click_id, samples.visible_time, samples.converted, samples.refunded, samples.gmv)
        got = sorted((_rounded(row) for row in zip(*(c.tolist() for c in columns), strict=True)), key=str)
        assert got == expected, name


def _rounded(row: tuple) -> tuple:
    """Amounts are cents: sums in another order may differ in the last bits only."""
    return tuple(None if v is None or v != v else round(v, 6) for v in row)
