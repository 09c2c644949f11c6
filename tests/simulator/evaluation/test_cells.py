"""Where the cells of the evaluation are cut: at the ends of segments, and at the very instants of phase switches."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.calendar import Calendar, Promotion
from simulator.evaluation.cells import Cell, Grid
from simulator.units import DAY, HOUR

# The sale begins with a segment, and ends in the middle of one.
CALENDAR = Calendar.of([Promotion("sale", 5 * DAY, 6 * DAY + 2 * HOUR, DAY)])
GRID = Grid(2 * DAY, 4 * HOUR, CALENDAR)


@pytest.mark.parametrize("switch", [4 * DAY, 5 * DAY, 6 * DAY + 2 * HOUR])
def test_a_click_at_a_switch_is_the_first_of_its_phase(switch):
    before, at, after = (
        GRID.cell(int(segment), int(switched))
        for segment, switched in zip(*GRID.locate(np.array([switch - 1, switch, switch + 1])), strict=True)
    )
    assert at == after != before
    assert (at.start, before.end) == (switch, switch)
    assert (at.after_switch, before.after_switch) == (True, False)
    assert [before.phase, at.phase] == {
        4 * DAY: ["before", "anticipation"],
        5 * DAY: ["anticipation", "promotion"],
        6 * DAY + 2 * HOUR: ["promotion", "after"],
    }[switch]


def test_cells_tile_the_stream():
    time = np.arange(2 * DAY, 8 * DAY, HOUR)
    cells = list(dict.fromkeys(zip(*(place.tolist() for place in GRID.locate(time)), strict=True)))
    found = [GRID.cell(*place) for place in cells]
    assert [cell.start for cell in found[1:]] == [cell.end for cell in found[:-1]]
    assert found[0] == Cell(0, 2 * DAY, 2 * DAY + 4 * HOUR, "before", after_switch=False)
    assert (found[0].rows, found[0].mature_at) == (0, -1), "nothing is known of it yet"
    assert [cell.start for cell in found if cell.after_switch] == GRID.switches()[0].tolist()
    for cell in found:
        np.testing.assert_array_equal(
            CALENDAR.phase(np.array([cell.start, cell.end - 1])), CALENDAR.phase(np.array([cell.start] * 2))
        )
