"""Nothing is lost: read = clicks + events + quarantined, each bad row has its reason, good ones stay."""

from collections import Counter

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.errors import LogError
from simulator.log import reasons
from simulator.log.ingest import ingest
from simulator.log.reader import Log
from simulator.log.sql import workspace

from .ingesting import CLICK, CLICKS, EVENT, run
from .logs import ORIGIN, gather


def clean_log(rng, clicks):
    """Clicks with times and ids that tie and are in no order, and events that any log may hold."""
    ids = rng.permutation(clicks * 3)[:clicks] * 7
    time = rng.integers(10, 40, clicks) * 1000
    rows = [
        (int(i), int(t), int(u), int(v), int(a), int(b))
        for i, t, u, v, a, b in zip(ids, time, *rng.integers(0, 5, (4, clicks)), strict=True)
    ]
    events, number = [], 0
    for click, clicked, *_ in rows:
        paid = [
            (int(d), float(a)) for d, a in zip(rng.integers(0, 9, 3), rng.integers(1, 50, 3), strict=True)
        ]
        for delay, amount in paid[: rng.integers(0, 4)]:
            events.append((number, click, clicked + delay * 1000, "pay", amount))
            number += 1
            if rng.random() < 0.4:  # all of it, at once or later
                events.append(
                    (number, click, clicked + (delay + int(rng.integers(0, 2))) * 1000, "refund", amount)
                )
                number += 1
        if rng.random() < 0.3:
            events.append((number, click, clicked, "cart", None if rng.random() < 0.5 else 0.0))
            number += 1
    return rows, events


class Corrupter:
    """Adds rows that must be refused, without touching a good one; remembers the reason of each."""

    def __init__(self, rng, clicks, events):
        self.rng, self.clicks, self.events = rng, list(clicks), list(events)
        self.good_clicks, self.good_events = list(clicks), list(events)
        self.expected = Counter()
        self.next = 10**6

    def fresh(self):
        self.next += 1
        return self.next

    def click(self, reason, **change):
        row = dict(zip(CLICK.names, (self.fresh(), 5, 1, 1, 1, 1), strict=True)) | change
        self.clicks.append(tuple(row.values()))
        self.expected[reason] += 1
        return row["click_id"]

    def event(self, reason, **change):
        row = dict(zip(EVENT.names, (self.fresh(), self.some()[0], 10**6, "pay", 1.0), strict=True)) | change
        self.events.append(tuple(row.values()))
        self.expected[reason] += 1

    def some(self):
        return self.good_clicks[self.rng.integers(len(self.good_clicks))]

    def apply(self, fault):
        click = self.some()
        if fault == reasons.NULL:
            self.click(fault, **{str(self.rng.choice(CLICK.names)): None})
            self.event(fault, **{str(self.rng.choice(EVENT.names)): None})
        elif fault == reasons.BEFORE_ORIGIN:
            self.click(fault, time=-1)
        elif fault == reasons.OUTSIDE:
            self.click(fault, **{str(self.rng.choice(["a", "b"])): int(self.rng.choice([-1, 6, 2**40]))})
        elif fault == reasons.DUPLICATE_CLICK:
            self.click(fault, **dict(zip(CLICK.names, click, strict=True)) | {"user_id": self.fresh()})
        elif fault == reasons.REPEATED_CLICK:
            self.click(fault, **dict(zip(CLICK.names, click, strict=True)))
        elif fault == reasons.UNKNOWN_KIND:
            self.event(fault, kind=str(self.rng.choice(["view", "PAY", ""])))
        elif fault == reasons.BAD_AMOUNT:
            self.event(fault, amount=float(self.rng.choice([np.nan, np.inf, -np.inf, -0.01])), kind="pay")
            self.event(fault, amount=float("nan"), kind="cart")
        elif fault == reasons.DUPLICATE_EVENT and self.good_events:
            event = self.good_events[self.rng.integers(len(self.good_events))]
            same = dict(zip(EVENT.names, event, strict=True))
            self.event(fault, **same | {"time": event[2] + 1})
        elif fault == reasons.SHARED_ID and self.good_events:
            event = self.good_events[self.rng.integers(len(self.good_events))]
            same = dict(zip(EVENT.names, event, strict=True))
            self.event(fault, **same | {"time": event[2] + 1, "amount": 777.0})
        elif fault == reasons.UNKNOWN_CLICK:
            self.event(fault, click_id=-self.fresh())
        elif fault == reasons.CLICK_QUARANTINED:
            self.event(fault, click_id=self.click(reasons.OUTSIDE, a=99))
        elif fault == reasons.BEFORE_CLICK:
            self.event(fault, click_id=click[0], time=click[1] - 1)
        elif fault == reasons.UNPAID_REFUND:
            unpaid = [
                c for c in self.good_clicks if all(e[1] != c[0] or e[3] != "pay" for e in self.good_events)
            ]
            for c in unpaid[:1]:
                self.event(fault, click_id=c[0], kind="refund")
        elif fault == reasons.NO_REFUND:
            for c in [e[1] for e in self.good_events if e[3] == "pay"][:1]:
                self.event(fault, click_id=c, kind="refund", amount=0.0)
        elif fault == reasons.NOTHING_LEFT:
            for c in [e[1] for e in self.good_events if e[3] == "pay"][:1]:
                if not self.expected[("emptied", c)]:
                    paid = sum(e[4] for e in self.good_events if e[1] == c and e[3] == "pay")
                    back = sum(e[4] for e in self.good_events if e[1] == c and e[3] == "refund")
                    self.expected[("emptied", c)] = 1
                    if paid > back:
                        rest = (self.fresh(), c, 10**6, "refund", -(paid - back))  # the sign means nothing
                        self.events.append(rest)
                        self.good_events.append((*rest[:4], paid - back))
                self.event(fault, click_id=c, kind="refund", amount=0.01)


FAULTS = [
    value
    for name, value in vars(reasons).items()
    if name.isupper() and isinstance(value, str) and " " in value
]
FAULTS = [fault for fault in FAULTS if not fault.startswith("CASE")]


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    clicks=st.integers(1, 40),
    faults=st.lists(st.sampled_from(FAULTS), max_size=25),
)
def test_read_is_replayed_plus_quarantined(tmp_path_factory, seed, clicks, faults):
    rng = np.random.default_rng(seed)
    corrupt = Corrupter(rng, *clean_log(rng, clicks))
    for fault in faults:
        corrupt.apply(fault)
    corrupt.expected = Counter({key: n for key, n in corrupt.expected.items() if isinstance(key, str)})
    rng.shuffle(corrupt.clicks)
    rng.shuffle(corrupt.events)
    out = tmp_path_factory.mktemp("i") / "log"
    extra = [("line 7", "line cannot be read")] if seed % 2 else []
    meta = run(out, corrupt.clicks, corrupt.events, extra=extra)
    if extra:
        corrupt.expected["line cannot be read"] = 1
    assert meta.reasons == dict(corrupt.expected)
    assert meta.read == len(corrupt.clicks) + len(corrupt.events) + len(extra)
    assert meta.clicks == len(corrupt.good_clicks)
    assert meta.events == len(corrupt.good_events)
    assert_replays(Log.open(out), corrupt.good_clicks, corrupt.good_events)
    quarantined = pq.read_table(out / "quarantine.parquet")
    assert Counter(quarantined["reason"].to_pylist()) == corrupt.expected


def assert_replays(log, clicks, events):
    """The log holds exactly these rows, in the total order, and events point at the rows of their clicks."""
    expected = sorted(clicks, key=lambda c: (c[1], c[0]))
    ids, time, features = gather(log.clicks(), "click_id", "time", "features")
    assert [(c[0], c[1], c[4], c[5]) for c in expected] == [
        (i, t, *f) for i, t, f in zip(ids.tolist(), time.tolist(), features.tolist(), strict=True)
    ]
    rank = {"cart": 1, "pay": 2, "refund": 3}
    ordered = sorted(events, key=lambda e: (e[2], rank[e[3]], e[0]))
    position = {click[0]: row for row, click in enumerate(expected)}
    names = ("row", "event_id", "time", "kind", "amount")
    found = list(zip(*(c.tolist() for c in gather(log.events(), *names)), strict=True)) if events else []
    assert found == [(position[e[1]], e[0], e[2], rank[e[3]], e[4] or 0.0) for e in ordered]


def test_of_rows_with_one_id_the_earliest_good_one_stays(tmp_path):
    clicks = [(1, 20, 1, 0, 0, 0), (1, 20, 0, 0, 1, 0), (1, 10, 0, 0, 99, 0)]
    meta = run(tmp_path / "log", clicks, [(1, 1, 25, "pay", 1.0)])
    assert meta.reasons == {reasons.DUPLICATE_CLICK: 1, reasons.OUTSIDE: 1}
    assert gather(Log.open(tmp_path / "log").clicks(), "time")[0].tolist() == [20]


def test_of_events_with_one_id_the_earliest_stays(tmp_path):
    """Whatever the order of the rows; at one instant that of the smaller click id, then of the smaller amount."""
    events = [
        (1, 1, 14, "pay", 1.0), (1, 1, 12, "pay", 1.0), (1, 1, 13, "pay", 1.0),
        (2, 2, 30, "pay", 2.0), (2, 1, 30, "pay", 9.0),
        (3, 1, 40, "pay", 5.0), (3, 1, 40, "pay", 4.0), (3, 1, 40, "pay", 4.0),
        (1, 1, 50, "cart", 0.0),
    ]  # fmt: skip
    expected = [(1, 0, 12, 1.0), (2, 0, 30, 9.0), (3, 0, 40, 4.0), (1, 0, 50, 0.0)]
    for k, order in enumerate((events, events[::-1])):
        out = tmp_path / str(k)
        meta = run(out, CLICKS, order)
        found = gather(Log.open(out).events(), "event_id", "row", "time", "amount")
        assert list(zip(*(column.tolist() for column in found), strict=True)) == expected
        assert meta.reasons == {reasons.DUPLICATE_EVENT: 3, reasons.SHARED_ID: 2}


def test_of_clicks_with_one_id_and_instant_the_first_by_its_values_stays(tmp_path):
    clicks = [(1, 10, 5, 0, 1, 0), (1, 10, 4, 0, 2, 0), (1, 10, 4, 0, 2, 0), (2, 20, 0, 0, 0, 0)]
    for k, order in enumerate((clicks, clicks[::-1])):
        meta = run(tmp_path / str(k), order, [])
        ids, features = gather(Log.open(tmp_path / str(k)).clicks(), "click_id", "features")
        assert (ids.tolist(), features.tolist()) == ([1, 2], [[2, 0], [0, 0]])
        assert meta.reasons == {reasons.DUPLICATE_CLICK: 1, reasons.REPEATED_CLICK: 1}


def test_events_go_to_the_latest_click_with_their_id(tmp_path):
    clicks = [(1, 30, 0, 0, 0, 0), (2, 15, 0, 0, 1, 0), (1, 10, 0, 0, 2, 0)]
    events = [(k, 1, time, "pay", 1.0) for k, time in enumerate((5, 10, 29, 30, 99))] + [
        (9, 2, 40, "pay", 1.0)
    ]
    meta = run(tmp_path / "log", clicks, events)
    assert meta.reasons == {reasons.BEFORE_CLICK: 1}
    assert "1 click ids are used again later" in " ".join(meta.notes)
    found = gather(Log.open(tmp_path / "log").events(), "event_id", "row")
    assert dict(zip(*(column.tolist() for column in found), strict=True)) == {1: 0, 2: 0, 3: 2, 4: 2, 9: 1}


def test_on_bad_row_fail_says_what_and_leaves_nothing(tmp_path):
    events = [(1, 9, 11, "pay", 1.0), (2, 9, 11, "pay", 1.0), (3, 1, 5, "pay", 1.0)]
    with pytest.raises(LogError) as caught:
        run(tmp_path / "log", CLICKS, events, on_bad_row="fail")
    text = str(caught.value)
    assert "3 bad rows" in text
    assert "unknown click_id (click_id): 2, such as events {'event_id': 1, 'click_id': 9," in text
    assert "event before its click (time): 1, such as" in text
    assert list(tmp_path.iterdir()) == []
    assert run(tmp_path / "log", CLICKS, [], on_bad_row="fail").quarantined == 0


def test_cardinalities_default_to_the_largest_id(tmp_path):
    meta = run(tmp_path / "log", [(1, 1, 0, 0, 3, 7), (2, 2, 0, 0, 0, -1)], [], cardinalities=None)
    assert [feature.cardinality for feature in meta.features] == [4, 8]
    assert meta.reasons == {reasons.OUTSIDE: 1}


def test_observed_until_is_the_last_thing_seen_unless_given(tmp_path):
    events = [(1, 1, 500, "pay", 1.0), (2, 9, 900, "pay", 1.0)]
    assert run(tmp_path / "a", CLICKS, events).observed_until == 500
    assert run(tmp_path / "b", CLICKS, []).observed_until == 20
    assert run(tmp_path / "c", CLICKS, events, observed_until=1000).observed_until == 1000


def test_a_log_without_good_clicks_is_an_error(tmp_path):
    with pytest.raises(LogError, match="no click is left"):
        run(tmp_path / "log", [(1, -1, 0, 0, 0, 0)], [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("names", [["a", "A"], ["a", "Time"]])
def test_feature_names_must_not_meet(tmp_path, names):
    with pytest.raises(LogError, match="a feature cannot be named"):
        run(tmp_path / "log", CLICKS, [], features=names)


def test_columns_that_are_not_there_are_one_message(tmp_path):
    with pytest.raises(LogError, match="cannot be read") as caught:
        run(tmp_path / "log", CLICKS, [], features=["c"])
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_text_that_is_no_number_is_kept_as_it_was(tmp_path):
    with workspace(tmp_path / "log") as con:
        con.execute(
            "CREATE TABLE c AS SELECT * FROM (VALUES ('1', '5', '0', '0'), ('2x', '6', '0', '0')) "
            "t(click_id, time, user_id, item_id)"
        )
        con.execute(
            "CREATE TABLE e AS SELECT 1 AS event_id, 1 AS click_id, 7 AS time, 'pay' AS kind, '1.5' AS amount"
        )
        ingest(
            con,
            clicks="c",
            events="e",
            out=tmp_path / "log",
            name="t",
            origin=ORIGIN,
            features=[],
            provenance={},
        )
    [row] = duckdb.sql(f"SELECT source, reason, row FROM '{tmp_path}/log/quarantine.parquet'").fetchall()
    assert row[:2] == ("clicks", reasons.NULL)
    assert "2x" in row[2]
