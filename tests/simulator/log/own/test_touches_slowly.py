"""Whole logs of touches and purchases beside an obvious slow reading of the same rows."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.units import DAY, HOUR

from .shops import START, clicks_of, events_of, one

NOTHING = {"kind": "view", "hour": 0, "user": 9, "item": 9}
touches = st.lists(
    st.fixed_dictionaries({
        "kind": st.sampled_from(["view", "view", "cart", "pay", "refund", "favourite"]),
        "hour": st.integers(0, 120),
        "user": st.integers(0, 2),
        "item": st.integers(0, 1),
    }),
    max_size=30,
)  # fmt: skip


def table_of(rows):
    """The rows as columns; no two pays of one instant and amount, so that none repeats another."""
    return {
        "time": [START // 10**6 + 3600 * r["hour"] for r in rows],
        "user_id": [r["user"] for r in rows],
        "item_id": [r["item"] for r in rows],
        "kind": [r["kind"] for r in rows],
        "amount": [float(k + 1) for k in range(len(rows))],
    }


@given(touches, st.sampled_from(["view", "cart"]), st.sampled_from([("user_id", "item_id"), ("user_id",)]))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_last_touch(tmp_path, rows, opens, by):
    rows = [*rows, NOTHING | {"kind": opens}]
    meta = one(tmp_path, "touches", table_of(rows), opens=opens, attribute_by=list(by), most_bad=1)
    same = [tuple(r[name.removesuffix("_id")] for name in by) for r in rows]
    followers = {"view": ("cart", "pay"), "cart": ("pay",)}[opens]
    found = []
    for k, row in enumerate(rows):
        if row["kind"] not in followers:
            continue
        before = [
            (o["hour"], n)
            for n, o in enumerate(rows)
            if o["kind"] == opens and same[n] == same[k] and o["hour"] <= row["hour"]
        ]
        if before and (row["hour"] - max(before)[0]) * HOUR <= 2 * DAY:
            found.append(
                (
                    row["hour"] * HOUR,
                    row["kind"],
                    0.0 if row["kind"] == "cart" else k + 1.0,
                    max(before)[0] * HOUR,
                )
            )
    clicks = _clicks(tmp_path)
    told = [
        (time, kind, amount, clicks[row])
        for row, kind, time, amount in events_of(tmp_path)
        if kind != "refund"
    ]
    assert sorted(told) == sorted(found)
    assert meta.clicks == sum(r["kind"] == opens for r in rows)
    assert meta.read + sum(meta.ignored.values()) == len(rows)


def _clicks(folder):
    return [row[0] for row in clicks_of(folder, "time")]


@given(touches)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_first_purchases_open_journeys(tmp_path, rows):
    rows = [
        *(r | {"kind": "refund" if r["kind"] == "refund" else "pay"} for r in rows),
        NOTHING | {"kind": "pay"},
    ]
    meta = one(tmp_path, "purchases", table_of(rows), most_bad=1)
    opened = []
    for user, item in sorted({(r["user"], r["item"]) for r in rows}):
        closes = -1
        for hour in sorted(
            r["hour"] for r in rows if (r["user"], r["item"], r["kind"]) == (user, item, "pay")
        ):
            if hour * HOUR > closes:
                opened.append(hour * HOUR)
                closes = hour * HOUR + 2 * DAY
    assert _clicks(tmp_path) == sorted(opened)
    told = sorted(amount for _, kind, _, amount in events_of(tmp_path) if kind == "pay")
    assert told == [k + 1.0 for k, r in enumerate(rows) if r["kind"] == "pay"]
    aside = sum(part.rows for part in meta.aside)
    assert meta.events + aside + sum(meta.ignored.values()) == len(rows)
