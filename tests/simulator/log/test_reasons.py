"""Every reason for which a row is put aside: one row that has it, with the column to blame, and good ones that stay."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulator.log import reasons
from simulator.log.ingest import ingest
from simulator.log.reader import Log
from simulator.log.reasons import Rules
from simulator.log.sql import workspace
from simulator.units import DAY

from . import test_ingest_impressions
from .logs import ORIGIN, gather

INT = pa.int64()
CLICK = pa.schema(dict.fromkeys(("click_id", "time", "user_id", "item_id", "a", "b"), INT))
EVENT = pa.schema(
    {
        "event_id": INT,
        "click_id": INT,
        "time": INT,
        "kind": pa.string(),
        "amount": pa.float64(),
        "arrival_time": INT,
    }
)
GOOD_CLICKS = [(1, 10, 3, 4, 0, 5), (2, 20, 3, 4, 1, 0), (3, 30, 0, 0, 4, 0)]
GOOD_EVENTS = [(1, 1, 11, "pay", 10.0, None), (2, 1, 12, "cart", None, 12), (3, 2, 20, "pay", 4.0, 25)]
NAN = float("nan")


@dataclass
class Case:
    """What is added to the good rows; ``bad`` rows have the reason, in a table and a column.

    ``column`` is "" where no column is to blame, ``kept`` are the amounts of further events that stay.
    """

    table: str
    column: str
    bad: list[dict[str, Any]]
    good: list[dict[str, Any]] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)
    rules: dict[str, Any] = field(default_factory=dict)
    kind: str = "bad"
    others: dict[str, int] = field(default_factory=dict)
    """Further rows that are put aside on the way, by reason."""


def row_of(schema, values):
    return dict(zip(schema.names, values, strict=True))


def click(**change):
    return row_of(CLICK, (9, 15, 1, 1, 1, 1)) | change


def event(**change):
    return row_of(EVENT, (9, 1, 15, "pay", 1.0, None)) | change


def refund(**change):
    return event(**({"kind": "refund"} | change))


WITHOUT_IDS = {"own_ids": False, "duplicates": "drop"}
CASES = {
    (reasons.NULL, "click id"): Case("clicks", "click_id", [click(click_id=None)]),
    (reasons.NULL, "click time"): Case("clicks", "time", [click(time=None)]),
    (reasons.NULL, "user"): Case("clicks", "user_id", [click(user_id=None)]),
    (reasons.NULL, "item"): Case("clicks", "item_id", [click(item_id=None)]),
    (reasons.NULL, "feature"): Case("clicks", "b", [click(b=None)]),
    (reasons.NULL, "event id"): Case("events", "event_id", [event(event_id=None)]),
    (reasons.NULL, "click of event"): Case("events", "click_id", [event(click_id=None)]),
    (reasons.NULL, "event time"): Case("events", "time", [event(time=None, arrival_time=20)]),
    (reasons.NULL, "kind"): Case("events", "kind", [event(kind=None)]),
    (reasons.NULL, "amount of a pay"): Case("events", "amount", [event(amount=None)]),
    (reasons.NULL, "amount of a refund"): Case("events", "amount", [refund(amount=None)]),
    (reasons.BEFORE_ORIGIN, ""): Case("clicks", "time", [click(time=-1)]),
    (reasons.STRAY, "click too early"): Case("clicks", "time", [click(time=9)], rules={"first": 10, "last": 30}),
    (reasons.STRAY, "click too late"): Case("clicks", "time", [click(time=31)], rules={"first": 10, "last": 30}),
    # One that lies more than two days after all others, and after its journey.
    (reasons.STRAY, "event"): Case(
        "events", "time", [event(time=30 + 2 * DAY)], [event(event_id=k) for k in range(20, 60)], [1.0] * 40,
        {"lifetime": DAY},
    ),
    (reasons.OUTSIDE, "too large"): Case("clicks", "a", [click(a=5)]),
    (reasons.OUTSIDE, "negative"): Case("clicks", "b", [click(b=-1)]),
    (reasons.DUPLICATE_CLICK, ""): Case("clicks", "click_id", [click(click_id=1, time=10, user_id=7)]),
    (reasons.REPEATED_CLICK, ""): Case("clicks", "click_id", [row_of(CLICK, GOOD_CLICKS[0])], kind="repeated"),
    (reasons.UNKNOWN_KIND, ""): Case("events", "kind", [event(kind="PAY")]),
    (reasons.BAD_AMOUNT, "negative"): Case("events", "amount", [event(amount=-0.01)]),
    (reasons.BAD_AMOUNT, "not a number"): Case("events", "amount", [event(amount=NAN)]),
    (reasons.BAD_AMOUNT, "infinite"): Case("events", "amount", [event(amount=np.inf)]),
    (reasons.BAD_AMOUNT, "of a cart"): Case("events", "amount", [event(amount=NAN, kind="cart")]),
    (reasons.BAD_AMOUNT, "of a refund"): Case("events", "amount", [refund(amount=-np.inf)]),
    (reasons.DUPLICATE_EVENT, ""): Case(
        "events", "event_id", [event(event_id=1, time=13, amount=10.0)], kind="repeated"
    ),
    (reasons.SHARED_ID, "other amount"): Case("events", "event_id", [event(event_id=1, time=13, amount=9.0)]),
    (reasons.SHARED_ID, "other click"): Case(
        "events", "event_id", [event(event_id=1, click_id=2, time=23, amount=10.0)]
    ),
    (reasons.REPEATED_EVENT, ""): Case(
        "events", "", [event(time=11, amount=10.0)], rules=WITHOUT_IDS, kind="repeated"
    ),
    (reasons.UNKNOWN_CLICK, ""): Case("events", "click_id", [event(click_id=7)]),
    (reasons.CLICK_QUARANTINED, ""): Case(
        "events", "", [event(click_id=6)], [click(click_id=6, a=99)], others={reasons.OUTSIDE: 1}
    ),
    (reasons.BEFORE_CLICK, ""): Case("events", "time", [event(time=9)]),
    (reasons.BEFORE_EVENT, ""): Case("events", "arrival_time", [event(arrival_time=14)]),
    (reasons.UNPAID_REFUND, "never paid"): Case("events", "", [refund(click_id=3, time=40)]),
    (reasons.UNPAID_REFUND, "paid later"): Case(
        "events", "", [refund(click_id=3, time=40)], [event(event_id=8, click_id=3, time=41)], [1.0]
    ),
    (reasons.NOTHING_LEFT, ""): Case(
        "events", "", [refund(time=16)], [refund(event_id=8, amount=-10.0)], [10.0], kind="repeated"
    ),
    (reasons.NO_REFUND, ""): Case("events", "", [refund(amount=0.0)], kind="by rule"),
    (reasons.BELOW_SHARE, ""): Case(
        "events", "", [refund(amount=4.9)], [refund(event_id=8, click_id=2, time=30, amount=2.0)], [2.0],
        {"refunded_share": 0.5}, kind="by rule",
    ),
}  # fmt: skip
NO_REASONS = {reasons.BAD, reasons.REPEATED, reasons.UNATTRIBUTED, reasons.BY_RULE}
REASONS = {
    value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)
} - NO_REASONS


def test_every_reason_is_tried():
    of_impressions = {reason for _, reason in test_ingest_impressions.BAD}
    assert {reason for reason, _ in CASES} | of_impressions == REASONS


@pytest.mark.parametrize("case", CASES, ids=lambda case: " - ".join(filter(None, case)))
def test_a_row_is_put_aside_for_its_reason(case, tmp_path):
    reason, _ = case
    wanted = CASES[case]
    clicks, events = [row_of(CLICK, row) for row in GOOD_CLICKS], [row_of(EVENT, row) for row in GOOD_EVENTS]
    for row in [*wanted.good, *wanted.bad]:
        (events if "kind" in row else clicks).append(row)
    out = tmp_path / "log"
    with workspace(out) as con:
        for name, schema, given in (("c", CLICK, clicks), ("e", EVENT, events)):
            con.register(name, pa.Table.from_pylist(given, schema))
        meta = ingest(
            con, clicks="c", events="e", out=out, name="t", origin=ORIGIN, features=["a", "b"], provenance={},
            cardinalities={"a": 5, "b": 6}, rules=Rules(**({"duplicates": "keep"} | wanted.rules)),
        )  # fmt: skip
    assert meta.reasons == {reason: len(wanted.bad), **wanted.others}
    aside = pq.read_table(out / "quarantine.parquet").to_pylist()
    found = [row for row in aside if row["reason"] == reason]
    assert [(row["source"], row["column"], row["class"]) for row in found] == [
        (wanted.table, wanted.column, wanted.kind)
    ]
    bad = wanted.bad[0]
    for name in ("click_id", "time"):
        assert found[0][name] == bad[name]
    log = Log.open(out)
    ids, time = gather(log.clicks(), "click_id", "time")
    assert list(zip(ids.tolist(), time.tolist(), strict=True)) == [row[:2] for row in GOOD_CLICKS]
    amounts = gather(log.events(), "amount")[0].tolist()
    assert sorted(amounts) == sorted([0.0, 4.0, 10.0, *wanted.kept])
    assert meta.read == len(clicks) + len(events) == meta.clicks + meta.events + len(aside)
