"""Ids of any type, unknown ones, and ids that come again."""

import uuid
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from simulator.errors import UsageError

from .shops import aside, clicks_of, counts, events_of, shop, two


def hashed(ids):
    """The same 64 bits of every id, as ad logs have them: half are above 2^63."""
    mixed = np.asarray(ids, np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(12345)
    return mixed ^ (mixed >> np.uint64(31))


FORMS = {
    "int32": lambda ids: np.asarray(ids, np.int32),
    "uint64": hashed,
    "text": lambda ids: np.array([f"c-{k}" for k in ids], object),
    "zeros": lambda ids: np.array([f"{k:012d}" for k in ids], object),
    "mixed text": lambda ids: np.array([str(k) if k % 2 else f"x{k}" for k in ids], object),
    "uuid text": lambda ids: np.array([str(uuid.UUID(int=int(k) + 2**100)) for k in ids], object),
    "binary": lambda ids: pa.array([uuid.UUID(int=int(k)).bytes for k in ids], pa.binary(16)),
    "decimal": lambda ids: pa.array([Decimal(int(k)) for k in ids], pa.decimal128(20, 0)),
    "hugeint": lambda ids: pa.array([Decimal(int(k) + 10**25) for k in ids], pa.decimal128(38, 0)),
    "float64": lambda ids: np.asarray(ids, np.float64),
    "float32": lambda ids: np.asarray(ids, np.float32),
    "negative": lambda ids: np.asarray(ids, np.int64) - 10**15,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("column", ["click_id", "user_id", "item_id", "cat"])
def test_ids_of_any_type(tmp_path, form, column):
    clicks, events = shop()
    expected = dict(zip(*np.unique(events["kind"].astype(str), return_counts=True), strict=True))
    distinct = len(np.unique(clicks[column]))
    order = clicks["click_id"].copy()
    paid = events["click_id"].copy()
    if column == "click_id":
        events["click_id"] = FORMS[form](events["click_id"])
    clicks[column] = FORMS[form](clicks[column])
    meta = two(tmp_path, clicks, events)
    assert (meta.clicks, meta.events, meta.quarantined) == (2000, len(order[paid]), 0)
    assert counts(tmp_path) == expected
    assert len({row[0] for row in clicks_of(tmp_path, column)}) == distinct
    # every event is with its click, whatever the ids have become
    times = [row[0] for row in clicks_of(tmp_path, "time")]
    found = sorted((times[row], kind) for row, kind, _, _ in events_of(tmp_path))
    start = clicks["time"][0] - times[0]
    assert found == sorted((clicks["time"][p] - start, k) for p, k in zip(paid, events["kind"], strict=True))


def test_ids_of_two_types_are_the_same_ids(tmp_path):
    clicks, events = shop()
    for make in ("int32", "decimal", "float64"):
        meta = two(tmp_path, clicks, events | {"click_id": FORMS[make](events["click_id"])})
        assert meta.quarantined == 0
    big = hashed(clicks["click_id"])
    told = np.array([str(k) for k in big[events["click_id"]]], object)
    assert two(tmp_path, clicks | {"click_id": big}, events | {"click_id": told}).quarantined == 0


def test_leading_zeros_against_numbers_are_refused(tmp_path):
    clicks, events = shop()
    with pytest.raises(UsageError, match="leading zeros") as caught:
        two(tmp_path, clicks, events | {"click_id": FORMS["zeros"](events["click_id"])})
    assert "click_id" in str(caught.value)


@pytest.mark.parametrize(("kind", "limit"), [("f8", "9,007,199,254,740,992"), ("f4", "16,777,216")])
@pytest.mark.parametrize("column", ["click_id", "user_id"])
def test_rounded_ids_are_refused(tmp_path, kind, limit, column):
    clicks, events = shop()
    clicks[column] = (clicks[column] + int(limit.replace(",", ""))).astype(kind)
    with pytest.raises(UsageError, match=rf"{column}.*{limit} .* have been rounded"):
        two(tmp_path, clicks, events)


@pytest.mark.parametrize("column", ["user_id", "item_id", "cat"])
@pytest.mark.parametrize("kind", ["null", "nan", "null text", "empty text"])
def test_unknown_ones_are_an_id_of_their_own(tmp_path, column, kind):
    clicks, events = shop()
    known = [None if k % 3 == 0 else int(v) for k, v in enumerate(clicks[column])]
    clicks[column] = {
        "null": lambda: pa.array(known, pa.int64()),
        "nan": lambda: np.array([np.nan if v is None else v for v in known]),
        "null text": lambda: pa.array([None if v is None else f"u{v}" for v in known]),
        "empty text": lambda: pa.array(["" if v is None else f"u{v}" for v in known]),
    }[kind]()
    meta = two(tmp_path, clicks, events)
    assert (meta.clicks, meta.quarantined) == (2000, 0)
    found = [row[0] for row in clicks_of(tmp_path, column)]
    assert len({found[k] for k in range(0, 2000, 3)}) == 1
    assert len(set(found)) == len({v for v in known if v is not None}) + 1
    if column == "cat":
        assert meta.provenance["nulls"]["cat"] == pytest.approx(667 / 2000, abs=1e-6)


def test_a_click_id_used_again(tmp_path):
    clicks, events = shop()
    half = 1000
    reused = clicks | {"click_id": clicks["click_id"] % half}
    meta = two(tmp_path, reused, events | {"click_id": events["click_id"] % half})
    assert meta.clicks == 2000
    assert any("1,000 click ids are used again" in note for note in meta.notes)
    latest = {}
    slow = []
    for time, _, key, row in sorted(
        [
            (int(t), 0, int(k), n)
            for n, (t, k) in enumerate(zip(clicks["time"], reused["click_id"], strict=True))
        ]
        + [
            (int(t), 1, int(k) % half, n)
            for n, (t, k) in enumerate(zip(events["time"], events["click_id"], strict=True))
        ]
    ):
        if _ == 0:
            latest[key] = row
        else:
            slow.append((latest[key], events["kind"][row], time))
    start = int(clicks["time"][0]) - clicks_of(tmp_path, "time")[0][0]
    found = {(row, kind, time + start) for row, kind, time, _ in events_of(tmp_path)}
    assert found <= set(slow)
    assert len(found) + sum(p.rows for p in meta.aside) == len(slow)


def test_equal_clicks_are_one(tmp_path):
    clicks, events = shop(500)
    twice = {name: np.r_[values, values[:40]] for name, values in clicks.items()}
    meta = two(tmp_path, twice, events)
    assert (meta.clicks, aside(meta)) == (500, {"repeated click": 40})
    other = twice | {"cat": np.r_[clicks["cat"], clicks["cat"][:40] + 1]}
    meta = two(tmp_path, other, events, most_bad=1)
    assert (meta.clicks, aside(meta)) == (500, {"duplicate click_id": 40})


@pytest.mark.parametrize("form", ["int32", "text", "uuid text", "uint64"])
def test_order_ids_are_unique_per_kind(tmp_path, form):
    clicks, events = shop()
    events["order"] = FORMS[form](events["click_id"] + 10_000)
    meta = two(tmp_path, clicks, events, {"event_id": "order"})
    assert meta.quarantined == 0
    assert counts(tmp_path)["refund"] > 80


def test_equal_event_ids_are_one_event(tmp_path):
    clicks, events = shop()
    events["order"] = np.arange(len(events["time"]))
    n = len(events["order"])
    again = {name: np.r_[values, values[:10]] for name, values in events.items()}
    meta = two(tmp_path, clicks, again, {"event_id": "order"})
    assert (meta.events, aside(meta)) == (n, {"duplicate event_id": 10})
    again["amount"] = np.r_[events["amount"], events["amount"][:10] + 1]
    meta = two(tmp_path, clicks, again, {"event_id": "order"})
    assert (meta.events, aside(meta)) == (n, {"event_id of another event": 10})


@pytest.mark.parametrize("duplicates", ["drop", "keep"])
def test_exact_repeats_without_ids(tmp_path, duplicates):
    clicks, events = shop()
    n = len(events["time"])
    pays = events["kind"] == "pay"
    again = {name: np.r_[values, values[pays][:10]] for name, values in events.items()}
    meta = two(tmp_path, clicks, again, duplicates=duplicates)
    if duplicates == "keep":
        assert (meta.events, meta.quarantined) == (n + 10, 0)
    else:
        assert (meta.events, aside(meta)) == (n, {"repeated event": 10})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda ids: [i.upper() for i in ids], "upper and lower case"),
        (lambda ids: [f" {i} " for i in ids], "spaces around"),
        (lambda ids: [i.replace("-", "") for i in ids], "braces or hyphens"),
    ],
    ids=["case", "spaces", "hyphens"],
)
def test_ids_spelt_in_two_ways_are_refused(tmp_path, change, reason):
    clicks, events = shop()
    clicks["click_id"] = np.array(
        [str(uuid.uuid5(uuid.NAMESPACE_DNS, str(k))) for k in clicks["click_id"]], object
    )
    told = np.array(change(clicks["click_id"][events["click_id"]].tolist()), object)
    with pytest.raises(UsageError, match=reason):
        two(tmp_path, clicks, events | {"click_id": told})


def test_floats_written_as_text_are_integers(tmp_path):
    clicks, events = shop()
    told = np.array([f"{k}.0" for k in events["click_id"]], object)
    assert two(tmp_path, clicks, events | {"click_id": told}).quarantined == 0
    rounded = np.array([f"{2**53 + 2 * k}.0" for k in clicks["click_id"]], object)
    with pytest.raises(UsageError, match="have been rounded"):
        two(tmp_path, clicks | {"click_id": rounded}, events)
    powers = np.array([f"{1e18 + 1e6 * k:.9e}" for k in clicks["user_id"]], object)
    with pytest.raises(UsageError, match="have been rounded"):
        two(tmp_path, clicks | {"user_id": powers}, events)
