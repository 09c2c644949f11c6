"""Where in a promotion an instant lies."""

from __future__ import annotations

import numpy as np

from simulator.calendar import PHASES, Calendar, Promotion
from simulator.units import DAY

TWO = Calendar.of([Promotion("second", 12 * DAY, 13 * DAY), Promotion("first", 5 * DAY, 7 * DAY)])


def test_a_switch_belongs_to_the_phase_that_begins_there():
    times, codes = TWO.switches()
    np.testing.assert_array_equal(TWO.phase(times), codes)
    np.testing.assert_array_equal(TWO.phase(times - 1), np.append(0, codes[:-1]))
    assert [PHASES[code] for code in codes] == ["anticipation", "promotion", "after"] * 2
    assert times.tolist() == [2 * DAY, 5 * DAY, 7 * DAY, 9 * DAY, 12 * DAY, 13 * DAY]
