"""Kinds in any spelling, amounts, currencies and refunds."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.errors import UsageError
from simulator.units import DAY, HOUR

from .shops import START, aside, counts, events_of, shop, text, two


def expected(events):
    return dict(zip(*np.unique(events["kind"].astype(str), return_counts=True), strict=True))


@pytest.mark.parametrize(
    "spell",
    [str.upper, str.capitalize, lambda k: f" {k} ", lambda k: f"{k.title()}  "],
    ids=["upper", "capital", "spaces", "title"],
)
def test_kinds_in_any_spelling(tmp_path, spell):
    clicks, events = shop()
    told = events | {"kind": np.array([spell(k) for k in events["kind"]], object)}
    meta = two(tmp_path, clicks, told)
    assert meta.quarantined == 0
    assert counts(tmp_path) == expected(events)


@pytest.mark.parametrize(
    ("make", "kinds"),
    [
        (lambda k: 1 + (k == "refund"), {"1": "pay", "2": "refund"}),
        (lambda k: 1.0 + (k == "refund"), {"1": "pay", "2": "refund"}),
        (lambda k: k == "pay", {"true": "pay", "false": "refund"}),
        (lambda k: Decimal(3 if k == "pay" else 4), {"3": "pay", "4": "refund"}),
        (lambda k: f"{k}ment", {"PAYMENT": "pay", "Refundment": "refund"}),
    ],
    ids=["integers", "floats", "bools", "decimals", "text"],
)
def test_kinds_of_any_type(tmp_path, make, kinds):
    clicks, events = shop()
    meta = two(
        tmp_path, clicks, events | {"kind": pa.array([make(k) for k in events["kind"]])}, {"kinds": kinds}
    )
    assert meta.quarantined == 0
    assert counts(tmp_path) == expected(events)


def test_kinds_to_ignore_are_counted_apart(tmp_path):
    clicks, events = shop()
    kinds = events["kind"].copy()
    kinds[:50] = "Impression"
    meta = two(
        tmp_path,
        clicks,
        events | {"kind": kinds},
        {"kinds": {"pay": "pay", "impression": "ignore", "refund": "refund"}},
        most_bad=1,
    )
    assert sum(meta.ignored.values()) == 50
    assert meta.read + 50 == 2000 + len(kinds)


def test_kinds_that_are_not_mapped_are_listed(tmp_path):
    clicks, events = shop()
    kinds = events["kind"].copy()
    kinds[:60], kinds[60:90] = "bought", "Sold"
    with pytest.raises(UsageError, match=r"values met: 'bought' \(60\), 'Sold' \(30\)"):
        two(tmp_path, clicks, events | {"kind": kinds})


def test_all_of_a_kind_gone_is_refused_however_few(tmp_path):
    clicks, events = shop()
    back = events["kind"] == "refund"
    keep = ~back | (np.cumsum(back) <= 3)
    few = {name: values[keep] for name, values in events.items()}
    few["amount"] = np.where(few["kind"] == "refund", np.nan, few["amount"])
    with pytest.raises(UsageError, match="all 3 events of kind 'refund' would be put aside"):
        two(tmp_path, clicks, few)


@pytest.mark.parametrize("column", ["absent", "none"])
def test_without_amounts_every_pay_is_one(tmp_path, column):
    clicks, events = shop()
    if column == "absent":
        del events["amount"]
    meta = two(tmp_path, clicks, events, {"amount": "none"} if column == "none" else {})
    assert meta.quarantined == 0
    assert {row[0] for row in events_of(tmp_path, "amount")} == {1.0}
    assert any("no amounts: every pay counts 1" in note for note in meta.notes)


@pytest.mark.parametrize(
    "form",
    [
        lambda a: pa.array([Decimal(f"{x:.2f}") for x in a], pa.decimal128(12, 2)),
        lambda a: np.asarray(a, np.float32),
        lambda a: np.array([f" {x:.2f}" for x in a], object),
    ],
    ids=["decimals", "float32", "text"],
)
def test_amounts_of_any_type_are_what_was_written(tmp_path, form):
    clicks, events = shop()
    meta = two(tmp_path, clicks, events | {"amount": form(events["amount"])})
    assert meta.quarantined == 0
    assert sorted(row[0] for row in events_of(tmp_path, "amount")) == sorted(events["amount"].tolist())


def test_amounts_that_are_words_are_refused(tmp_path):
    clicks, events = shop()
    told = np.array([f"{x:.2f} EUR" for x in events["amount"]], object)
    with pytest.raises(UsageError, match="EUR' there; allowed: numbers"):
        two(tmp_path, clicks, events | {"amount": told})


def test_currencies(tmp_path):
    clicks, events = shop()
    money = np.array(["EUR" if k % 3 else "usd" for k in events["click_id"]], object)
    told = events | {"money": money}
    columns = {"currency": "money"}
    with pytest.raises(UsageError, match=r"several currencies: EUR \(\d+\), USD \(\d+\)"):
        two(tmp_path, clicks, told, columns)
    with pytest.raises(UsageError, match=r"'USD', which \[data.currencies\] does not have"):
        two(tmp_path, clicks, told, columns, currencies={"EUR": 1.0})
    assert two(tmp_path, clicks, told, columns, currencies={"eur": 1.0, "USD": 0.5}).quarantined == 0
    worth = events["amount"] * np.where(money == "EUR", 1, 0.5)
    assert sum(row[0] for row in events_of(tmp_path, "amount")) == pytest.approx(worth.sum())
    alone = told | {"money": np.full(len(money), "EUR", object)}
    assert two(tmp_path, clicks, alone, columns).quarantined == 0


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("kind", ["f8", "f4"])
def test_the_sign_of_a_refund_means_nothing(tmp_path, sign, kind):
    clicks, events = shop()
    signed = np.where(events["kind"] == "refund", sign * events["amount"], events["amount"])
    meta = two(tmp_path, clicks, events | {"amount": signed.astype(kind)})
    assert meta.quarantined == 0
    assert counts(tmp_path) == expected(events)


def journeys(rows):
    """Clicks 0, 1, ... of one instant each, and (click, hours after, kind, amount)."""
    n = max(row[0] for row in rows) + 1
    clicks = {
        "click_id": np.arange(n),
        "time": START + np.arange(n),
        "user_id": np.arange(n),
        "item_id": np.zeros(n, int),
    }
    clicks["cat"] = np.zeros(n, int)
    events = {
        "click_id": np.array([row[0] for row in rows]),
        "time": np.array([START + row[0] + int(row[1] * HOUR) for row in rows]),
        "kind": np.array([row[2] for row in rows], object),
        "amount": np.array([row[3] for row in rows], float),
    }
    return clicks, events


def test_restated_and_empty_refunds(tmp_path):
    rows = [(0, 1, "pay", 50), (0, 2, "refund", 15), (0, 3, "refund", 50), (1, 1, "pay", 100), (1, 2, "refund", 0),
            (2, 1, "pay", 100), (2, 2, "refund", 1), (3, 1, "pay", 10), (3, 2, "refund", 10), (3, 3, "refund", 10)]  # fmt: skip
    meta = two(tmp_path, *journeys(rows), most_bad=1)
    assert [(r, k, a) for r, k, _, a in events_of(tmp_path) if k == "refund"] == [
        (0, "refund", 15.0), (2, "refund", 1.0), (3, "refund", 10.0), (0, "refund", 35.0)
    ]  # fmt: skip
    assert aside(meta) == {"refund of 0": 1, "refund of what was refunded before": 1}
    meta = two(tmp_path, *journeys(rows), most_bad=1, refunded_share=0.5)
    assert sorted((r, a) for r, k, _, a in events_of(tmp_path) if k == "refund") == [(0, 50.0), (3, 10.0)]


def test_cents_of_float32_add_up(tmp_path):
    rng = np.random.default_rng(3)
    rows = []
    for click in range(1000):
        cents = int(rng.integers(200, 10_000_000))
        first = int(rng.integers(1, cents))
        rows += [
            (click, 1, "pay", cents / 100),
            (click, 2, "refund", first / 100),
            (click, 3, "refund", (cents - first) / 100),
        ]
    clicks, events = journeys(rows)
    meta = two(tmp_path, clicks, events | {"amount": events["amount"].astype("f4")})
    assert (meta.events, meta.quarantined) == (3000, 0)
    left = {}
    for row, kind, _, amount in events_of(tmp_path):
        left[row] = left.get(row, 0) + (amount if kind == "pay" else -amount)
    assert max(map(abs, left.values())) < 0.02


actions = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 80),
        st.sampled_from(["pay", "pay", "refund", "cart"]),
        st.integers(-40, 400),
    ),
    min_size=1,
    max_size=25,
    unique_by=lambda row: row[:3],
)


@given(actions, st.sampled_from([0.0, 0.5, 1.0]))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_counts_of_refunds_is_what_a_walk_counts(tmp_path, rows, share):
    rows = [(c, h, k, abs(a) / 4 if k == "pay" else a / 4) for c, h, k, a in rows]
    meta = two(tmp_path, *journeys([*rows, (4, 0, "cart", 0)]), most_bad=1, refunded_share=share)
    slow = []
    for click in range(4):
        paid, left, held, taken, seen = 0.0, 0.0, 0.0, False, False
        order = sorted(
            (r for r in rows if r[0] == click), key=lambda r: (r[1], ["cart", "pay", "refund"].index(r[2]))
        )
        for _, hour, kind, amount in order:
            if kind == "cart":
                slow.append((click, kind, 0.0))
            elif kind == "pay":
                seen = True
                if hour * HOUR <= 2 * DAY:
                    paid, left = paid + amount, left + amount
                slow.append((click, kind, amount))
            elif seen and amount and left > 0:
                part = min(abs(amount), left)
                left, held = left - part, held + part
                if share == 0 or held >= share * paid - 1e-9:
                    slow.append((click, kind, part if taken or not share else held))
                    taken = True
    found = [(row, kind, amount) for row, kind, _, amount in events_of(tmp_path) if row < 4]
    assert sorted(found) == sorted(slow)
    assert meta.read == 5 + len(rows) + 1


def test_text_files_of_wide_kinds(tmp_path):
    raw = "time,user_id,item_id,kind\n" + "".join(
        f"{1_762_300_000 + k * 60},{k % 5},{k % 3},{['VIEW', 'view ', 'Purchase', '', 'wish'][k % 5]}\n"
        for k in range(400)
    )
    kinds = {"view": "view", "purchase": "pay", "wish": "ignore"}
    meta = text(tmp_path, raw.encode(), {"kinds": kinds}, most_bad=1)
    assert meta.clicks == 160
    assert meta.read + sum(meta.ignored.values()) == 400
    assert (
        aside(meta).get("unknown kind", 0)
        + aside(meta).get("null or unreadable value in a required column", 0)
        == 80
    )
