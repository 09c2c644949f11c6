"""A log without what was lost of it, against one row at a time."""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Columns
from simulator.log.without import NOTHING, Lost, Without
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows
from tests.simulator.shown import shown_log

WINDOWS = Windows(DAY, HOUR, click=30 * MINUTE)
LOG = shown_log(3, WINDOWS)


def lost() -> Lost:
    """Return what is lost if every third impression is."""
    shown = LOG.impression
    assert shown is not None
    places = shown.rows[(shown.rows % 3 == 0) & (shown.coin < 0)]
    rows = shown.click_row[places]
    return Lost(places, np.sort(rows[rows >= 0]))


def rows_of(batches) -> list[tuple]:
    """List rows: their place, and all columns of it."""
    found = []
    for clicks, *labels in batches:
        columns = (clicks.click_id, clicks.time, *clicks.features.T)
        columns += tuple(values for of in labels for values in of.arrays().values())
        found += [(clicks.row + k, *(values[k] for values in columns)) for k in range(len(clicks))]
    return found


def joined(parts: list[Columns]) -> list[tuple]:
    columns = type(parts[0]).concatenate(parts).arrays().values()
    return [tuple(np.atleast_1d(values[k]).tolist() for values in columns) for k in range(len(parts[0]))]


def test_all_that_is_left_is_there_in_its_place():
    gone = lost()
    left = Without(LOG, gone)
    assert 0 < len(gone.clicks) < len(LOG.click_time)
    for batch_rows in (7, 1000):
        every = rows_of(LOG.labelled(WINDOWS, DAY, 3 * DAY))
        wanted = [row for row in every if row[0] not in set(gone.clicks.tolist())]
        assert rows_of(left.labelled(WINDOWS, DAY, 3 * DAY, batch_rows=batch_rows)) == wanted
        clicks = rows_of([(batch,) for batch in left.clicks(DAY, 3 * DAY, batch_rows=batch_rows)])
        assert [row[0] for row in clicks] == [row[0] for row in wanted]


def test_neither_events_nor_impressions_of_what_was_lost():
    gone, shown = lost(), LOG.impression
    left = Without(LOG, gone)
    events = np.concatenate([events.row for events in left.events()])
    np.testing.assert_array_equal(events, LOG.event.row[~np.isin(LOG.event.row, gone.clicks)])
    assert shown is not None
    for which, mine in (("all", shown.coin < 0), ("slice", shown.coin >= 0)):
        places = np.concatenate([batch.rows for batch in left.impressions(which=which)])
        np.testing.assert_array_equal(places, shown.rows[mine & ~np.isin(shown.rows, gone.impressions)])
    every = {k: row for b, of in LOG.exposed(WINDOWS) for k, row in zip(b.rows, joined([of]), strict=True)}
    found = {k: row for b, of in left.exposed(WINDOWS) for k, row in zip(b.rows, joined([of]), strict=True)}
    assert found == {k: row for k, row in every.items() if k not in set(gone.impressions.tolist())}


def test_of_whom_nothing_was_lost_everything_is_left():
    assert rows_of(Without(LOG, NOTHING).labelled(WINDOWS)) == rows_of(LOG.labelled(WINDOWS))
