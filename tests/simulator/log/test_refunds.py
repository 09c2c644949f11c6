"""What of a refund counts: no more than what was paid and is not refunded yet."""

import pytest

from simulator.log import reasons
from simulator.log.reader import Log
from simulator.log.reasons import ROUNDING, Rules

from .ingesting import CLICKS, run
from .logs import gather


def test_a_refund_counts_up_to_what_is_left(tmp_path):
    events = [
        (1, 1, 11, "pay", 10.0),
        (2, 1, 12, "refund", 11.0),
        (3, 1, 13, "refund", 10.0),
        (4, 1, 14, "refund", 0.1),
    ]
    meta = run(tmp_path / "log", CLICKS, events)
    assert meta.reasons == {reasons.NOTHING_LEFT: 2}
    assert "1 refunds are of more than was left" in " ".join(meta.notes)
    found = gather(Log.open(tmp_path / "log").events(), "event_id", "amount")
    assert [column.tolist() for column in found] == [[1, 2], [10.0, 10.0]]


def test_refunds_that_add_up_to_the_price_are_good_in_spite_of_rounding(tmp_path):
    events = [
        (1, 1, 11, "pay", 0.3),
        (2, 1, 12, "refund", 0.1),
        (3, 1, 12, "refund", 0.1),
        (4, 1, 13, "refund", 0.1),
    ]
    events += [(5, 2, 21, "pay", 0.1), (6, 2, 21, "pay", 0.2), (7, 2, 21, "refund", 0.1 + 0.2)]
    assert run(tmp_path / "log", CLICKS, events).reasons == {}


def test_a_pay_in_quarantine_does_not_cover_a_refund(tmp_path):
    meta = run(tmp_path / "log", CLICKS, [(1, 1, 11, "pay", float("nan")), (2, 1, 12, "refund", 1.0)])
    assert meta.reasons == {reasons.BAD_AMOUNT: 1, reasons.UNPAID_REFUND: 1}


@pytest.mark.parametrize(
    ("amount", "counts", "cut"),
    [
        (10.0, 10.0, False),  # exactly what is left
        (10.0 + 2e-8, 10.0, True),
        (10.0 + 1e-9, 10.0, False),  # within rounding, on either side
        (10.0 - 1e-9, 10.0, False),
        (10.0 - 1e-6, 10.0 - 1e-6, False),
    ],
)
def test_a_refund_of_exactly_the_balance_is_whole(tmp_path, amount, counts, cut):
    """Of 12 paid, 2 were refunded before; after the refund of the rest nothing is left for another one."""
    events = [(1, 1, 11, "pay", 12.0), (2, 1, 12, "refund", 2.0), (3, 1, 13, "refund", amount)]
    meta = run(tmp_path / "log", CLICKS, [*events, (4, 1, 14, "refund", 1e-7)])
    found = gather(Log.open(tmp_path / "log").events(), "event_id", "amount")
    assert found[1].tolist()[:3] == [12.0, 2.0, counts]
    assert meta.reasons == ({} if counts < 10 else {reasons.NOTHING_LEFT: 1})
    assert ("of more than was left" in " ".join(meta.notes)) == cut


@pytest.mark.parametrize(
    ("paid", "refunds", "counted", "left"),
    [
        # A billionth of 1e9 is 1: as far as that, a difference is rounding, and 1 itself is.
        (1e9, [1e9 + 1], [1e9], True),
        (1e9, [1e9 + 2], [1e9], False),
        (1e9, [1e9 - 1, 0.5], [1e9], True),
        (0.0, [1.0], [], True),
    ],
)
def test_rounding_is_a_billionth_of_what_was_paid(tmp_path, paid, refunds, counted, left):
    events = [(1, 1, 11, "pay", paid)] + [(k, 1, 10 + k, "refund", r) for k, r in enumerate(refunds, 2)]
    meta = run(tmp_path / "log", CLICKS, events)
    amounts = gather(Log.open(tmp_path / "log").events(), "amount")[0].tolist()
    assert amounts == [paid, *counted]
    assert meta.reasons == ({reasons.NOTHING_LEFT: 1} if len(counted) < len(refunds) else {})
    assert ("of more than was left" in " ".join(meta.notes)) != left


def test_only_good_pays_inside_the_attribution_window_can_be_refunded(tmp_path):
    """Not what a cart is said to cost, not a pay before its click, not one that comes too late."""
    events = [(1, 1, 12, "cart", 7.0), (2, 1, 9, "pay", 5.0), (3, 1, 15, "pay", 10.0), (4, 1, 16, "pay", 3.0)]
    rules = Rules(duplicates="keep", attribution=5)
    meta = run(tmp_path / "log", CLICKS, [*events, (5, 1, 17, "refund", 25.0)], rules=rules)
    assert meta.reasons == {reasons.BEFORE_CLICK: 1}
    found = gather(Log.open(tmp_path / "log").events(), "event_id", "amount")
    assert [column.tolist() for column in found] == [[1, 3, 4, 5], [7.0, 10.0, 3.0, 10.0]]


def test_the_refund_that_reaches_the_share_carries_those_before_it(tmp_path):
    """And those after it are refunds of their own."""
    refunds = [(k, 1, 10 + k, "refund", amount) for k, amount in enumerate((2.0, 1.0, 2.0, 1.0, 3.0), 2)]
    rules = Rules(duplicates="keep", refunded_share=0.5)
    meta = run(tmp_path / "log", CLICKS, [(1, 1, 11, "pay", 10.0), *refunds], rules=rules)
    assert meta.reasons == {reasons.BELOW_SHARE: 2}
    found = gather(Log.open(tmp_path / "log").events(), "event_id", "amount")
    assert [column.tolist() for column in found] == [[1, 4, 5, 6], [10.0, 5.0, 1.0, 3.0]]


def test_what_was_refunded_too_much_takes_nothing_from_later_pays(tmp_path):
    events = [(1, 1, 11, "pay", 10.0), (2, 1, 12, "refund", 15.0), (3, 1, 13, "pay", 5.0)]
    meta = run(tmp_path / "log", CLICKS, [*events, (4, 1, 14, "refund", 4.0), (5, 1, 15, "refund", 4.0)])
    assert meta.reasons == {}
    found = gather(Log.open(tmp_path / "log").events(), "amount")
    assert found[0].tolist() == [10.0, 10.0, 5.0, 4.0, 1.0]


def test_rounding_is_of_all_that_was_paid(tmp_path):
    events = [(1, 1, 11, "pay", 1e9), (2, 1, 12, "pay", 1e9), (3, 1, 13, "refund", 2e9 + 1.5)]
    meta = run(tmp_path / "log", CLICKS, events)
    assert "of more than was left" not in " ".join(meta.notes)


def test_a_share_that_is_missed_by_rounding_is_reached(tmp_path):
    events = [(1, 1, 11, "pay", 8.0), (2, 1, 12, "refund", 8.0 * (0.5 - ROUNDING))]
    rules = Rules(duplicates="keep", refunded_share=0.5)
    assert run(tmp_path / "log", CLICKS, events, rules=rules).reasons == {}
