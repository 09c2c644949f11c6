"""What is direct, delayed and carted, on clicks whose days and sales were worked out by hand."""

from datetime import UTC, datetime

import numpy as np
import pytest

from simulator.calendar import Calendar, Promotion
from simulator.clock import Clock
from simulator.evaluation.tasks import TASKS, judged_on_clicks, measure, outcome
from simulator.log.schema import Labels
from simulator.prepromotion import PrePromotion
from simulator.units import DAY, HOUR, MINUTE

SALE = Promotion("sale", 10 * DAY, 11 * DAY, 3 * DAY)
SOON = Promotion("soon", 12 * DAY, 12 * DAY + 6 * HOUR, 5 * DAY)
BOTH = Calendar.of([SOON, SALE])


def at(*days):
    return np.rint(np.array(days, float) * DAY).astype(np.int64)


def test_windows_are_half_open_and_belong_to_the_sale_that_starts_soonest():
    windows = PrePromotion(BOTH)
    time = at(6.99, 7, 9.99, 10, 11.99, 12, 12.5)
    np.testing.assert_array_equal(windows.promotion(time), [-1, 0, 0, 1, 1, -1, -1])
    np.testing.assert_array_equal(windows.opening(time) // DAY, [-1, 10, 10, 12, 12, -1, -1])
    alone = PrePromotion(Calendar.of([SALE]))
    np.testing.assert_array_equal(alone.inside(time), [False, True, True, False, False, False, False])


@pytest.mark.parametrize(
    ("click", "pay", "direct", "delayed"),
    [
        (8.5, -1, 0, 0),
        (8.5, 8.99, 1, 0),
        (8.5, 9.0, 0, 0),  # the next day, and no sale yet
        (8.5, 10.0, 0, 1),
        (8.5, 10.999, 0, 1),
        (8.5, 11.0, 0, 0),  # the sale is over
        (6.5, 10.5, 0, 0),  # before the window
        (10.5, 10.6, 0, 0),  # in the sale itself
    ],
)
def test_first_pays(click, pay, direct, delayed):
    windows = PrePromotion(Calendar.of([SALE]))
    time, paid = at(click), np.where(at(pay) < 0, -1, at(pay))
    assert windows.direct(time, paid).tolist() == [bool(direct)]
    assert windows.delayed(time, paid).tolist() == [bool(delayed)]


def test_days_are_local_and_what_is_decided_waits_for_them():
    clock = Clock(datetime(2026, 1, 1, 16, tzinfo=UTC), "Asia/Shanghai")  # a local midnight
    late = Calendar.of([Promotion("sale", 10 * DAY - 2 * HOUR, 10 * DAY - HOUR, 3 * DAY)], clock)
    time = at(9.5)
    windows = PrePromotion(late)
    assert windows.settled(time).tolist() == [10 * DAY]
    before = PrePromotion(Calendar.of([SALE], Clock(datetime(2026, 1, 1, 16, tzinfo=UTC))))
    shifted = before.calendar.clock
    assert shifted.plain
    assert before.settled(at(8.5, 3)).tolist() == [11 * DAY, -1]
    assert windows.carted(time, time + 12 * HOUR - MINUTE).tolist() == [True]
    assert windows.carted(time, time + 12 * HOUR).tolist() == [False]
    assert windows.carted(time, np.array([-1])).tolist() == [False]


def labels_of(time, pay, cart):
    n, pay = len(time), np.array(pay, np.int64)
    zero = np.zeros(n)
    return Labels(
        pay >= 0, np.zeros(n, bool), zero, zero, (pay >= 0).astype(np.int32), pay, np.full(n, -1), np.array(cart)
    )  # fmt: skip


def test_tasks_are_judged_on_clicks_before_the_sale_with_their_truth():
    calendar = Calendar.of([SALE])
    time = at(6, 7.5, 7.5, 8.5, 9.5, 10.5)
    labels = labels_of(time, [6 * DAY, *at(10.5, 7.6, -1, 10.2, 10.6)], [-1, *at(7.6, -1, -1, -1, -1)])
    labels.first_pay[labels.first_pay < 0] = -1
    truth = {
        "p_direct": np.arange(6) / 10,
        "p_delayed": np.full(6, 0.2),
        "participating": np.array([1, 1, 0, 1, 0, 1.0]),
    }

    def judged(task):
        return outcome(task, labels, truth, time, calendar=calendar)

    np.testing.assert_array_equal(judged("direct").label, [0, 1, 0, 0])
    np.testing.assert_array_equal(judged("delayed").label, [1, 0, 0, 1])
    np.testing.assert_array_equal(judged("all").label, [1, 1, 0, 1])
    np.testing.assert_allclose(judged("all").truth, [0.3, 0.4, 0.5, 0.6])
    rows = {name: judged(name).kept.nonzero()[0].tolist() for name in TASKS if name.startswith("delayed_")}
    assert rows == {
        "delayed_last_day": [4],
        "delayed_1_to_3_days": [1, 2, 3],
        "delayed_earlier": [],
        "delayed_carted": [1],
        "delayed_uncarted": [2, 3, 4],
        "delayed_participating": [1, 3],
        "delayed_others": [2, 4],
    }
    served = np.array([0.5, 0.9, 0.1, 0.2, 0.6, 0.5])
    values = measure("delayed", served, judged("delayed")).values
    assert values["brier"] == pytest.approx((0.01 + 0.01 + 0.04 + 0.16) / 4)
    assert values["auc"] == 1.0
    assert not outcome("delayed", labels, truth, time).kept.any(), "no promotions, nothing to judge"
    with pytest.raises(ValueError, match="depends on when clicks were made"):
        outcome("delayed", labels, truth)


def test_cuts_stand_beside_what_is_served():
    assert judged_on_clicks(("cvr",)) == ("cvr",)
    served = judged_on_clicks(("cvr", "delayed"))
    assert served[:2] == ("cvr", "delayed")
    assert "delayed_carted" in served
    assert "delayed_others" not in served
    assert "delayed_others" in judged_on_clicks(("delayed",), ("participating", "p_pay"))
