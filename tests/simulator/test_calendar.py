"""Where in a promotion an instant lies."""

from __future__ import annotations

import numpy as np

from simulator.calendar import PHASES, Calendar, Promotion
from simulator.units import DAY

TWO = Calendar.of([Promotion("second", 12 * DAY, 13 * DAY), Promotion("first", 5 * DAY, 7 * DAY)])


def test_before_in_and_after():
    days = np.array([0, 4.999, 5, 6.999, 7, 10.999, 11, 11.999, 12, 12.5, 13, 16.9, 17.1])
    np.testing.assert_array_equal(
        TWO.around((days * DAY).astype(np.int64)), [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2, 0]
    )


def test_a_promotion_that_follows_soon_is_no_aftermath():
    near = Calendar.of([Promotion("a", DAY, 2 * DAY), Promotion("b", 3 * DAY, 4 * DAY)])
    days = np.array([1.5, 2.5, 3.5, 4.5])
    np.testing.assert_array_equal(near.around((days * DAY).astype(np.int64)), [1, 2, 1, 2])


def test_without_promotions_nothing_is_near_one():
    assert not Calendar().around(np.arange(5) * DAY).any()


def test_a_switch_belongs_to_the_phase_that_begins_there():
    times, codes = TWO.switches()
    np.testing.assert_array_equal(TWO.phase(times), codes)
    np.testing.assert_array_equal(TWO.phase(times - 1), np.append(0, codes[:-1]))
    assert [PHASES[code] for code in codes] == ["anticipation", "promotion", "after"] * 2
    assert times.tolist() == [2 * DAY, 5 * DAY, 7 * DAY, 9 * DAY, 12 * DAY, 13 * DAY]
