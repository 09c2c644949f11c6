"""RetailRocket and Taobao on hand-made files: last touch, ties, windows, counters."""

from datetime import UTC, datetime

import pytest

from simulator.units import DAY, HOUR, SECOND

from .importing import RETAILROCKET, clicks, events, imported, quarantined

NOON = 1_430_654_400_000  # 2015-05-03 12:00 UTC, in milliseconds
NOON_IN = 12 * HOUR


def rocket(*rows):
    """Lines of (seconds after noon, visitor, event, item)."""
    return [RETAILROCKET] + [
        f"{NOON + int(s * 1000)},{v},{e},{i},{7 if e == 'transaction' else ''}" for s, v, e, i in rows
    ]


@pytest.mark.parametrize("packed", [False, True])
def test_an_event_belongs_to_the_latest_view_of_its_user_and_item(tmp_path, packed):
    log = imported(
        tmp_path,
        "retailrocket",
        rocket(
            (0, 1, "view", 10),
            (60, 1, "view", 10),
            (60, 1, "addtocart", 10),  # same instant as the second view: belongs to it
            (70, 1, "view", 11),
            (80, 1, "transaction", 10),
            (90, 1, "transaction", 10),  # a repurchase
            (50, 2, "transaction", 10),  # another user, who never looked
            (10, 1, "addtocart", 11),  # before its view
        ),
        packed=packed,
    )
    at = [NOON_IN + s * SECOND for s in (0, 60, 70, 80, 90)]
    assert log.meta.origin == datetime(2015, 5, 3, tzinfo=UTC)
    assert [time for time, _ in clicks(log)] == at[:3]
    assert events(log) == [(1, "cart", at[1], 0.0), (1, "pay", at[3], 1.0), (1, "pay", at[4], 1.0)]
    assert log.meta.reasons == {
        "pay: no view of the item by this user at or before it": 1,
        "cart: no view of the item by this user at or before it": 1,
    }
    assert log.meta.read == log.meta.provenance["source_rows"] == 8
    assert log.meta.observed_until == at[4]


def test_the_attribution_window_is_inclusive(tmp_path):
    rows = rocket((0, 1, "view", 10), (100, 1, "transaction", 10), (100.001, 1, "transaction", 10))
    log = imported(tmp_path, "retailrocket", rows, attribution=100 * SECOND)
    assert [event[2] for event in events(log)] == [NOON_IN + 100 * SECOND]
    [(reason, [row])] = quarantined(log).items()
    assert reason == "pay: its latest view is more than 100s before it"
    assert f"'time': {NOON * 1000 + 100 * SECOND + 1000}" in row  # from 1970, as in the file


def test_counters_know_what_was_strictly_before(tmp_path):
    rows = [(0, 1, "view", 10), (1, 2, "view", 10), (1, 1, "view", 10), (1, 1, "transaction", 10)]
    rows += [(2, 1, "view", 11), (2, 3, "view", 10), (3, 3, "addtocart", 10), (4, 3, "view", 11)]
    log = imported(tmp_path, "retailrocket", rocket(*rows))
    names = ("user_views", "user_carts", "user_pays", "item_views", "item_pays")
    assert [tuple(f[name] for name in names) for _, f in clicks(log)] == [
        (0, 0, 0, 0, 0),  # 0 s: user 1
        (1, 0, 0, 1, 0),  # 1 s: user 1; its own pay at the same second is not known
        (0, 0, 0, 1, 0),  # 1 s: user 2; user 1's view at the same second is not either
        (2, 0, 1, 0, 0),  # 2 s: user 1 looks at item 11
        (0, 0, 0, 2, 1),  # 2 s: user 3 looks at item 10, seen three times: bucket 2-3
        (1, 1, 0, 1, 0),  # 4 s: user 3 looks at item 11
    ]
    assert {(f["user"], f["item"]) for _, f in clicks(log)} == {(0, 0), (1, 0), (2, 0), (0, 1), (2, 1)}
    sizes = {feature.name: feature.cardinality for feature in log.features}
    assert (sizes["user"], sizes["item"]) == (3, 2)


def test_a_cart_may_open_the_journey_instead(tmp_path):
    rows = [(0, 1, "view", 10), (1, 1, "addtocart", 10), (2, 1, "view", 10), (3, 1, "transaction", 10)]
    rows += [(4, 2, "view", 10), (5, 2, "transaction", 10)]
    log = imported(tmp_path, "retailrocket", rocket(*rows), opens="cart")
    assert [time for time, _ in clicks(log)] == [NOON_IN + SECOND]
    assert events(log) == [(0, "pay", NOON_IN + 3 * SECOND, 1.0)]
    assert log.meta.reasons == {"pay: no cart of the item by this user at or before it": 1}
    assert log.meta.ignored == {"view": 3}
    assert log.meta.read + 3 == log.meta.provenance["source_rows"] == 6
    assert not any("view" in feature.name for feature in log.features)


def test_lines_that_cannot_be_read_are_kept_with_a_reason(tmp_path):
    lines = rocket((0, 1, "view", 10))
    bad = [
        f"{NOON},1,view",
        f"{NOON},1,view,10,,9",
        f"{NOON},1,look,10,",
        "soon,1,view,10,",
        ",1,view,10,",
    ]
    log = imported(tmp_path, "retailrocket", [*lines, *bad, f'{NOON},"1,view,10,'], most_bad=1)
    found = quarantined(log)
    assert {reason: len(rows) for reason, rows in found.items()} == {
        "line cannot be read: missing columns": 1,
        "line cannot be read: too many columns": 1,
        "line cannot be read: unquoted value": 1,
        "unknown kind": 1,
        "null or unreadable value in a required column": 2,
    }
    assert found["line cannot be read: too many columns"] == [bad[1]]
    assert log.meta.read == 7


TAOBAO = 1_511_539_200  # 2017-11-25 00:00 in China


def test_taobao_days_are_local_and_strays_are_refused(tmp_path):
    rows = [
        (1, 100, 5, "pv", TAOBAO + 1),
        (1, 100, 5, "fav", TAOBAO + 2),
        (1, 100, 5, "cart", TAOBAO + 3),
        (1, 100, 5, "buy", TAOBAO + 86_400),
        (2, 101, 6, "pv", TAOBAO + 9 * 86_400 - 1),
        (2, 101, 6, "pv", TAOBAO + 9 * 86_400),
        (2, 101, 6, "pv", TAOBAO - 1),
        (2, 101, 6, "pv", 0),
    ]
    log = imported(tmp_path, "taobao", [",".join(map(str, row)) for row in rows])
    assert log.meta.origin == datetime(2017, 11, 24, 16, tzinfo=UTC)
    assert [(time, f["category"]) for time, f in clicks(log)] == [(SECOND, 0), (9 * DAY - SECOND, 1)]
    assert events(log) == [(0, "cart", 3 * SECOND, 0.0), (0, "pay", DAY, 1.0)]
    assert log.meta.reasons == {"time outside the span of [data] between": 3}
    assert log.meta.ignored == {"favourite": 1}
    assert log.meta.read + 1 == 8
