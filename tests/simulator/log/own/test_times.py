"""Times of any type and unit, clocks that are wrong, hours that come twice."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from simulator.errors import UsageError
from simulator.units import DAY, HOUR, MINUTE, SECOND

from .shops import START, aside, clicks_of, events_of, one, shop, text, two


def moments(times, zone=UTC):
    return [datetime.fromtimestamp(int(t) / 1e6, zone) for t in np.asarray(times) // 1000 * 1000]


FORMS = {
    "s": lambda t: t // SECOND,
    "ms": lambda t: t // 1000,
    "us": lambda t: t,
    "ns": lambda t: t * 1000,
    "float s": lambda t: t / 1e6,
    "float ms": lambda t: t / 1e3,
    "uint64 ms": lambda t: (t // 1000).astype("u8"),
    "text s": lambda t: np.array([str(x // SECOND) for x in t], object),
    "text float": lambda t: np.array([f"{x / 1e6:.3f}" for x in t], object),
    "iso": lambda t: np.array([m.replace(tzinfo=None).isoformat(" ") for m in moments(t)], object),
    "iso T Z": lambda t: np.array([m.replace(tzinfo=None).isoformat() + "Z" for m in moments(t)], object),
    "iso UTC": lambda t: np.array([m.strftime("%Y-%m-%d %H:%M:%S UTC") for m in moments(t)], object),
    "offset": lambda t: np.array([m.isoformat() for m in moments(t, timezone(timedelta(hours=8)))], object),
    "timestamp s": lambda t: pa.array(t // SECOND).cast(pa.timestamp("s")),
    "timestamp ms": lambda t: pa.array(t // 1000).cast(pa.timestamp("ms")),
    "timestamp us": lambda t: pa.array(t).cast(pa.timestamp("us")),
    "timestamp ns": lambda t: pa.array(t * 1000).cast(pa.timestamp("ns")),
    "timestamp tz": lambda t: pa.array(t).cast(pa.timestamp("us", "Asia/Shanghai")),
    "date": lambda t: pa.array(t // DAY, pa.int32()).cast(pa.date32()),
    "date text": lambda t: np.array([m.strftime("%Y-%m-%d") for m in moments(t)], object),
}
STEP = {"date": DAY, "date text": DAY, "us": 1, "ns": 1, "timestamp us": 1, "timestamp ns": 1, "timestamp tz": 1, "ms": 1000,
        "uint64 ms": 1000, "timestamp ms": 1000, "iso": 1000, "iso T Z": 1000, "offset": 1000}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_times_of_any_form(tmp_path, form):
    clicks, events = shop(600)
    step = STEP.get(form, SECOND)
    if not form.startswith("float") and form != "text float":
        clicks["time"], events["time"] = clicks["time"] // step * step, events["time"] // step * step
    else:
        clicks["time"], events["time"] = clicks["time"] // SECOND * SECOND, events["time"] // SECOND * SECOND
    meta = two(
        tmp_path,
        clicks | {"time": FORMS[form](clicks["time"])},
        events | {"time": FORMS[form](events["time"])},
    )
    assert meta.quarantined == 0
    assert meta.origin == datetime(2025, 11, 4, tzinfo=UTC)
    assert [row[0] for row in clicks_of(tmp_path, "time")] == (np.sort(clicks["time"]) - START).tolist()
    assert [row[0] for row in events_of(tmp_path, "time")] == (np.sort(events["time"]) - START).tolist()


@pytest.mark.parametrize(
    ("clicks_in", "events_in"), [("s", "iso"), ("timestamp us", "ms"), ("date", "date text"), ("ns", "s")]
)
def test_clicks_and_events_may_differ(tmp_path, clicks_in, events_in):
    clicks, events = shop(600)
    step = DAY if clicks_in == "date" else SECOND
    clicks["time"], events["time"] = clicks["time"] // step * step, events["time"] // step * step
    told = (
        clicks | {"time": FORMS[clicks_in](clicks["time"])},
        events | {"time": FORMS[events_in](events["time"])},
    )
    assert two(tmp_path, *told).quarantined == 0
    assert [row[0] for row in events_of(tmp_path, "time")] == (np.sort(events["time"]) - START).tolist()


@pytest.mark.parametrize(
    ("form", "unit", "message"),
    [
        ("ms", "s", "in the year 57,.*Is time_unit 'ms'"),
        ("us", "s", "Is time_unit 'us'"),
        ("s", "us", "the log lasts .* in 1970.*Is time_unit 's'"),
        ("s", "ms", "1970.*Is time_unit 's'"),
        ("ns", "us", "Is time_unit 'ns'"),
        ("iso", "s", "needs a number; leave it out"),
        ("timestamp us", "ms", "needs a number; leave it out"),
        ("s", "timestamp", "needs a timestamp or date"),
    ],
)
def test_a_wrong_unit_is_doubted(tmp_path, form, unit, message):
    clicks, events = shop(300)
    told = clicks | {"time": FORMS[form](clicks["time"])}, events | {"time": FORMS[form](events["time"])}
    with pytest.raises(UsageError, match=message):
        two(tmp_path, *told, {"time_unit": unit})


def test_small_numbers_have_no_unit_until_it_is_said(tmp_path):
    clicks, events = shop(300)
    own = [(t["time"] - START) // SECOND for t in (clicks, events)]
    told = clicks | {"time": own[0]}, events | {"time": own[1]}
    with pytest.raises(UsageError, match="whose unit cannot be told; write time_unit"):
        two(tmp_path, *told)
    meta = two(tmp_path, *told, {"time_unit": "s", "time_from": "2025-11-04"})
    assert (meta.origin, meta.quarantined) == (datetime(2025, 11, 4, tzinfo=UTC), 0)


def test_float32_seconds_are_doubted(tmp_path):
    clicks, events = shop(300)
    told = [t | {"time": (t["time"] / 1e6).astype("f4")} for t in (clicks, events)]
    meta = two(tmp_path, *told, {"time_unit": "s"}, most_bad=1)
    assert any(
        "holds FLOAT there, which steps by 2m8s" in note or "steps by 128" in note for note in meta.notes
    ), meta.notes


@pytest.mark.parametrize("stray", [0, START - 3000 * DAY, START + 9000 * DAY, -DAY, 253_402_300_799 * SECOND])
@pytest.mark.parametrize("where", ["click", "event"])
def test_one_wrong_clock_moves_nothing(tmp_path, stray, where):
    clicks, events = shop(1000)
    right = two(tmp_path, clicks, events)
    if where == "click":
        clicks = {name: np.r_[values, values[:1]] for name, values in clicks.items()}
        clicks["click_id"][-1], clicks["time"][-1] = 10**6, stray
    else:
        events = {name: np.r_[values, values[:1]] for name, values in events.items()}
        events["time"][-1] = stray
    meta = two(tmp_path, clicks, events)
    assert (meta.clicks, meta.events, meta.quarantined) == (1000, right.events, 1)
    assert (meta.origin, meta.start, meta.observed_until) == (right.origin, right.start, right.observed_until)
    [part] = meta.aside
    assert part.column == "time"


def test_texts_that_are_no_times(tmp_path):
    clicks, events = shop(300)
    words = clicks | {"time": np.full(300, "yesterday", object)}
    with pytest.raises(UsageError, match="'yesterday' there, which is no time"):
        two(tmp_path, words, events)
    told = FORMS["iso"](clicks["time"] // 1000 * 1000)
    told[::50] = "n/a"
    meta = two(tmp_path, clicks | {"time": told}, events, most_bad=1)
    assert aside(meta)["null or unreadable value in a required column"] == 6


def test_mixed_offsets_and_forms_in_one_column(tmp_path):
    clicks, events = shop(400)
    seconds = clicks["time"] // SECOND * SECOND
    some = [FORMS[form](seconds) for form in ("iso", "iso T Z", "iso UTC", "offset")]
    told = np.array([some[k % 4][k] for k in range(400)], object)
    two(tmp_path, clicks | {"time": told}, events, most_bad=1)
    assert [row[0] for row in clicks_of(tmp_path, "time")] == (np.sort(seconds) - START).tolist()


def test_local_times_are_of_their_zone(tmp_path):
    clicks, events = shop(600)
    zone = ZoneInfo("Asia/Shanghai")
    local = [
        np.array(
            [m.astimezone(zone).replace(tzinfo=None).isoformat() for m in moments(t["time"] // 1000 * 1000)],
            object,
        )
        for t in (clicks, events)
    ]
    told = clicks | {"time": local[0]}, events | {"time": local[1]}
    meta = two(tmp_path, *told, time_zone="Asia/Shanghai")
    assert meta.quarantined == 0
    assert meta.origin == datetime(2025, 11, 3, 16, tzinfo=UTC)  # its midnight
    assert [r[0] for r in clicks_of(tmp_path, "time")] == (
        np.sort(clicks["time"] // 1000 * 1000) - START + 8 * HOUR
    ).tolist()


def test_the_hour_that_comes_twice(tmp_path):
    start = int(datetime(2025, 10, 24, tzinfo=UTC).timestamp()) * SECOND
    times = start + np.arange(0, 4 * DAY, 7 * MINUTE)
    zone = ZoneInfo("Europe/Berlin")
    local = [m.astimezone(zone).replace(tzinfo=None).isoformat() for m in moments(times)]
    n = len(times)
    table = {"time": local, "user_id": np.arange(n), "item_id": np.zeros(n, int), "kind": ["view"] * n}
    meta = one(tmp_path, "touches", table, time_zone="Europe/Berlin", most_bad=1)
    first = clicks_of(tmp_path, "time")
    assert np.diff([row[0] for row in first]).tolist() == [7 * MINUTE] * (n - 1)
    assert any("repeated hour of 2025-10-26 (Europe/Berlin)" in note for note in meta.notes)


@pytest.mark.parametrize("shape", ["touches", "rows", "rows_with_times"])
def test_pays_of_the_hour_that_comes_twice_are_of_their_click(tmp_path, shape):
    """A view in the first pass, its pay 20 minutes later in the second, and so on: no delay is an hour off."""
    start = int(datetime(2025, 10, 25, 20, tzinfo=UTC).timestamp()) * SECOND
    times = start + np.arange(0, 12 * HOUR, 7 * MINUTE)
    n, zone = len(times), ZoneInfo("Europe/Berlin")

    def local(micros):
        return [m.astimezone(zone).replace(tzinfo=None).isoformat() for m in moments(micros)]

    if shape == "touches":
        both = np.concatenate([times, times + 20 * MINUTE])
        order = np.argsort(both, kind="stable")
        kind = np.array(["view"] * n + ["pay"] * n)[order].tolist()
        who = np.concatenate([np.arange(n)] * 2)[order]
        table = {"time": local(both[order]), "user_id": who, "item_id": 0 * who, "kind": kind}
        meta = one(tmp_path, "touches", table, time_zone="Europe/Berlin")
    else:
        table = {"time": local(times), "user_id": np.arange(n), "item_id": np.zeros(n, int)}
        if shape == "rows":
            columns = {"pay_delay": "wait", "delay_unit": "m"}
            table["wait"] = np.full(n, 20)
        else:
            columns = {"pay_time": "paid"}
            table["paid"] = local(times + 20 * MINUTE)
        meta = one(tmp_path, "rows", table, columns, time_zone="Europe/Berlin")
    assert (meta.clicks, meta.events) == (n, n)
    assert np.diff([row[0] for row in clicks_of(tmp_path, "time")]).tolist() == [7 * MINUTE] * (n - 1)
    delays = duckdb.sql(
        f"SELECT e.time - c.time FROM '{tmp_path}/log/events/*.parquet' e JOIN '{tmp_path}/log/clicks/*.parquet' c "
        "USING (click_id)"
    ).fetchall()
    assert {delay for (delay,) in delays} == {20 * MINUTE}


def test_wide_rows_say_never_in_many_ways(tmp_path):
    n = 300
    rng = np.random.default_rng(1)
    time = np.sort(rng.integers(0, 10 * DAY, n)) // SECOND + START // SECOND
    paid = rng.random(n) < 0.3
    pays = time + 60
    base = {"time": time, "user_id": np.arange(n) % 9, "item_id": np.arange(n) % 4}
    marks = {
        "-1": np.where(paid, pays, -1),
        "0": np.where(paid, pays, 0),
        "null": pa.array([int(p) if y else None for p, y in zip(pays, paid, strict=True)]),
        "nan": np.where(paid, pays, np.nan),
        "-1.0": np.where(paid, pays, -1.0),
        "empty": np.array([str(p) if y else "" for p, y in zip(pays, paid, strict=True)], object),
        "word": np.array([str(p) if y else "never" for p, y in zip(pays, paid, strict=True)], object),
        "stamps": pa.array([int(p) if y else None for p, y in zip(pays, paid, strict=True)]).cast(
            pa.timestamp("s")
        ),
        "lists": pa.array([[int(p), int(p) + 5] if y else [] for p, y in zip(pays, paid, strict=True)]),
        "null lists": pa.array(
            [[int(p)] if y else None for p, y in zip(pays, paid, strict=True)], pa.list_(pa.int64())
        ),
    }
    for what, column in marks.items():
        columns = {"pay_time": "paid", "never": [-1, 0, "", "never"]}
        table = base | {"paid": column}
        if what == "stamps":
            table["time"] = pa.array(time).cast(pa.timestamp("s"))
        meta = one(tmp_path, "rows", table, columns)
        per = 2 if what == "lists" else 1
        assert (what, meta.clicks, meta.events, meta.quarantined) == (what, n, per * int(paid.sum()), 0)
    delays = np.where(paid, 60, -1)
    meta = one(tmp_path, "rows", base | {"wait": delays}, {"pay_delay": "wait"})
    assert (meta.events, meta.quarantined) == (int(paid.sum()), 0)


def test_epochs_and_dates_in_csv(tmp_path):
    rows = "\n".join(f"{1_762_300_000 + 60 * k},{k % 4},1,{'view' if k % 2 else 'pay'}" for k in range(100))
    meta = text(tmp_path, f"time,user_id,item_id,kind\n{rows}\n".encode(), most_bad=1)
    assert meta.read == 100


@pytest.mark.parametrize("zone", ["UTC", "Europe/London"])
def test_times_beyond_any_calendar_are_a_sentence(tmp_path, zone):
    table = {"time": [10**18, 2 * 10**18], "user_id": [1, 2], "item_id": [1, 2], "kind": ["view"] * 2}
    with pytest.raises(UsageError, match="time_unit"):
        one(tmp_path, "touches", table, {"time_unit": "us"}, time_zone=zone)
    times = ["2024-10-01 12:00:00", "200000-01-01 00:00:00", "2024-10-27 01:30:00"]
    table = {"time": times, "user_id": [1, 2, 3], "item_id": [0] * 3, "kind": ["view"] * 3}
    with pytest.raises(UsageError, match=r"from the year 2024 to 199,999; look at time_unit"):
        one(tmp_path, "touches", table, time_zone=zone)
