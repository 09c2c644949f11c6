"""The audit of what becomes known of impressions."""

from __future__ import annotations

import numpy as np
import pytest

from simulator import exposures
from simulator.audit import audit, impressions_in_memory
from simulator.audit.shown import _futures, hear_again
from simulator.policies import policy_from
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows
from tests.simulator.shown import known, shown_log

WINDOWS = Windows(DAY, DAY, click=30 * MINUTE)
CUTS = [DAY + 123, 2 * DAY, 2 * DAY + 7 * HOUR + 5, 3 * DAY]


def _audit(seed, **settings):
    log = shown_log(seed, WINDOWS)
    plain = {"start": 0, "until": 6 * DAY, "cuts": CUTS, "tick": 3 * HOUR, "segment": 12 * HOUR}
    shown = impressions_in_memory(log, 0, 6 * DAY)
    return audit(log, WINDOWS, {"w": policy_from("waiting-window")}, impressions=shown, **plain | settings)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_heard_of_impressions_does_not_depend_on_the_future(seed):
    report = _audit(seed)
    assert not report.leaks
    log = shown_log(seed, WINDOWS)
    assert report.compared["impressions"] == sum(len(known(log, WINDOWS, 0, cut + 1)) for cut in CUTS)


def test_each_other_future_holds_other_clicks_coins_and_pays():
    """The comparison would be empty if the futures were alike."""
    log = shown_log(3, WINDOWS)
    shown = impressions_in_memory(log, 0, 6 * DAY)
    alike = hear_again(shown, WINDOWS, 0, 6 * DAY, [2 * DAY], 3 * HOUR, 0)
    assert [heard.how for heard in alike] == ["cut", "scrambled"]
    futures = _futures(shown, WINDOWS, 2 * DAY, 6 * DAY, 0)
    for other in futures.values():
        row = np.searchsorted(shown.rows, other.rows)
        assert (shown.click_row[row] != other.click_row).any()
        assert (shown.paid[row] != other.paid).any()
    assert (futures["scrambled"].coin != shown.coin).any()
    assert len(futures["cut"]) < len(shown) == len(futures["scrambled"])


def _at_once(reader, batch):
    """Clicks are said when their impression is shown."""
    made = _TRUE(reader, batch)
    made.visible_time = np.where(made.clicked == 1, batch.time, made.visible_time)
    return made


_TRUE = exposures.ExposureReader._at_click


@pytest.mark.parametrize("how", ["cut", "scrambled"])
def test_a_click_that_is_said_before_it_happens_is_a_leak(monkeypatch, how):
    monkeypatch.setattr(exposures.ExposureReader, "_at_click", _at_once)
    leaks = [leak for leak in _audit(1).leaks if leak.how == how]
    assert leaks
    assert {leak.policy for leak in leaks} == {"impressions"}
    assert "clicked 1" in leaks[0].before


def test_what_a_coins_click_comes_to_is_a_leak_before_its_windows_have_closed(monkeypatch):
    def hasty(self, source, windows, *rest, **further):
        _SLICE(self, source, windows, *rest, **further)
        self._wait = windows.click

    monkeypatch.setattr(exposures.SliceReader, "__init__", hasty)
    assert any("slice" in leak.before for leak in _audit(2).leaks)


_SLICE = exposures.SliceReader.__init__
