"""UCI Online Retail on hand-made invoices: journeys, repurchases, cancellations."""

from collections import Counter

import duckdb
import pytest

from simulator.errors import LogError
from simulator.log.importers import import_log
from simulator.units import DAY, HOUR, MINUTE

from .importing import RETAIL, clicks, events, imported, quarantined


def lines(*rows):
    """Lines of (invoice, stock code, quantity, "day hour:minute", price, customer)."""
    made = []
    for invoice, code, quantity, time, price, customer in rows:
        day, clock = time.split()
        what = f'{invoice},{code},"A ""CUP"", BLUE",{quantity}'
        made.append(f"{what},2011-01-{int(day):02d} {clock}:00,{price},{customer},France")
    return [RETAIL, *made]


def at(day, hour, minute=0):
    return (day - 3) * DAY + hour * HOUR + minute * MINUTE  # the first line is of January 3rd


def test_the_first_purchase_opens_and_pays(tmp_path):
    log = imported(
        tmp_path,
        "online-retail",
        lines(
            (1, "A", 2, "3 09:00", 1.5, 7),
            (1, "B", 1, "3 09:00", 4, 7),
            (2, "A", 3, "5 09:00", 1.5, 7),  # a repurchase, exactly at the end of the window
            (3, "A", 1, "5 09:01", 2, 7),  # after it: the next journey
            (4, "A", 1, "6 10:00", 2, 7),  # inside the window of that one
            (4, "A", 5, "3 09:00", 2, 8),
            (5, "A", 1, "8 09:01", 1, 7),  # counted from the opener, not from the last pay: a third journey
        ),
        attribution=2 * DAY,
    )
    assert [time for time, _ in clicks(log)] == [at(3, 9), at(3, 9), at(3, 9), at(5, 9, 1), at(8, 9, 1)]
    assert sorted(events(log)) == [
        (0, "pay", at(3, 9), 3.0),
        (0, "pay", at(5, 9), 4.5),
        (1, "pay", at(3, 9), 4.0),
        (2, "pay", at(3, 9), 10.0),
        (3, "pay", at(5, 9, 1), 2.0),
        (3, "pay", at(6, 10), 2.0),
        (4, "pay", at(8, 9, 1), 1.0),
    ]
    assert [(f["user_pays"], f["item_pays"]) for _, f in clicks(log)] == [
        (0, 0),
        (0, 0),
        (0, 0),
        (2, 2),
        (3, 3),
    ]
    assert log.meta.quarantined == 0


def test_a_cancellation_prefers_its_exact_quantity_then_the_latest(tmp_path):
    log = imported(
        tmp_path,
        "online-retail",
        lines(
            (1, "A", 6, "3 09:00", 1, 7),
            (2, "A", 4, "4 09:00", 1, 7),
            (3, "A", 9, "5 09:00", 1, 7),
            ("C4", "A", -4, "6 09:00", 1, 7),  # exactly the second
            ("C5", "A", -5, "6 09:00", 1, 7),  # the latest of at least five: the third
            ("C6", "A", -6, "4 10:00", 1, 7),  # exactly the first
            ("C7", "A", -1, "3 09:00", 1, 7),  # same minute as the first: an earlier or equal purchase
        ),
        attribution=1 * HOUR,  # each purchase its own journey
    )
    refunds = [(row, time, amount) for row, kind, time, amount in events(log) if kind == "refund"]
    # The two refunds of the first journey are 1 and 6 of 6 paid: the second of them counts up to what is left.
    assert refunds == [(0, at(3, 9), 1.0), (0, at(4, 10), 5.0), (1, at(6, 9), 4.0), (2, at(6, 9), 5.0)]
    assert log.meta.reasons == {}


def test_weeks_later_the_refund_is_still_of_its_journey(tmp_path):
    rows = lines((1, "A", 2, "3 09:00", 1, 7), ("C2", "A", -2, "30 09:00", 1, 7))
    log = imported(tmp_path, "online-retail", rows, attribution=DAY)
    assert events(log)[-1] == (0, "refund", at(30, 9), 2.0)


def test_what_is_refused_and_why(tmp_path):
    log = imported(
        tmp_path,
        "online-retail",
        [
            *lines(
                (1, "A", 2, "3 09:00", 1, 7),
                ("C2", "A", -3, "4 09:00", 1, 7),  # more than was bought
                ("C2", "A", -1, "3 08:00", 1, 7),  # before the purchase
                ("C2", "B", -1, "4 09:00", 1, 7),  # another item
                ("C2", "A", -1, "4 09:00", 1, 8),  # another customer
                (3, "A", 2, "3 09:00", 1, ""),
                (3, "A", -2, "3 09:00", 1, 7),
                (3, "A", 2, "3 09:00", 0, 7),
                ("C3", "A", 2, "3 09:00", 1, 7),
                (3, "A", "two", "3 09:00", 1, 7),
                (3, "A", 2, "3 09:00", "nan", 7),
            ),
            "3,A,CUP,2,soon,1,7,France",
            "3,A,CUP,2,2011-01-03 09:00:00,1,7",
            '3,A,"CUP,2,2011-01-03 09:00:00,1,7,France',
        ],
    )
    assert log.meta.reasons == {
        "cancellation without an earlier purchase of that many": 4,
        "no customer": 1,
        "quantity is not positive": 1,
        "price is not positive": 1,
        "cancellation whose quantity is not negative": 1,
        "a value is missing or cannot be read": 3,
        "line cannot be read: missing columns": 1,
        "line cannot be read: unquoted value": 1,
    }
    assert (log.meta.clicks, log.meta.events) == (1, 1)
    assert log.meta.provenance["source_rows"] == log.meta.events + log.meta.quarantined == 14
    assert "soon" in " ".join(quarantined(log)["a value is missing or cannot be read"])


def test_older_encodings_and_dates_are_read(tmp_path):
    rows = [RETAIL, "1,A,£5 MUG,2,1/3/2011 9:05,1.5,7.0,France"]
    log = imported(tmp_path, "online-retail", rows, encoding="latin-1")
    assert events(log) == [(0, "pay", 9 * HOUR + 5 * MINUTE, 3.0)]
    assert log.meta.quarantined == 0


def test_a_cart_cannot_open(tmp_path):
    with pytest.raises(LogError, match="has no carts"):
        import_log("online-retail", tmp_path / "x", tmp_path / "log", opens="cart")


def test_ids_of_clicks_do_not_hang_on_threads(tmp_path):
    """Lines of one customer, item and minute are counted in the order of the file, the first one opening."""
    codes = [f"{k % 997:03d}" for k in range(250_000)]
    rows = lines(*((k, code, 1, "3 09:00", 1, 7) for k, code in enumerate(codes)))
    log = imported(tmp_path, "online-retail", rows)
    assert log.meta.clicks == len(set(codes))
    ids = duckdb.sql(f"SELECT click_id FROM '{log.path}/clicks/*.parquet' ORDER BY click_id").fetchall()
    counts = [n for _, n in sorted(Counter(codes).items())]
    assert [i for (i,) in ids] == [sum(counts[:k]) for k in range(len(counts))]
