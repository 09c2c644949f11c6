from __future__ import annotations

import numpy as np
import pytest
from rich.console import Console

from simulator.calendar import PHASES, Calendar, Promotion
from simulator.log.facts import day_facts, facts_table, phase_facts
from simulator.log.reader import Log
from simulator.units import DAY, HOUR, SECOND
from simulator.windows import Windows
from simulator.worlds.generate import generate
from simulator.worlds.settings import WorldSettings

WINDOWS = Windows(2 * DAY, DAY)
CALENDAR = Calendar.of([Promotion("sale", 5 * DAY, 6 * DAY, 2 * DAY)])
OBSERVATION = 864 * SECOND


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    settings = WorldSettings.model_validate(
        {"days": 7, "clicks_per_day": 4_000, "cvr": 0.2, "promotion": [{"name": "sale", "start": "5d"}]}
    )
    path = tmp_path_factory.mktemp("facts") / "log"
    generate(settings, WINDOWS, OBSERVATION, 3, path)
    return Log.open(path)


def whole(log):
    """Everything at once: time of the clicks, their labels, time and kind of the events, p_pay."""
    parts = list(log.labelled(WINDOWS, features=False))
    time = np.concatenate([clicks.time for clicks, _ in parts])
    labels = {
        name: np.concatenate([getattr(label, name) for _, label in parts])
        for name in ("converted", "refunded", "gmv", "first_pay")
    }
    events = list(log.events())
    p = np.concatenate([columns["p_pay"] for _, columns in log.truth()])
    return time, labels, np.concatenate([e.time for e in events]), np.concatenate([e.kind for e in events]), p


def test_phase_facts_are_those_of_the_whole_log_in_memory(log):
    time, labels, when, kind, p = whole(log)
    facts = phase_facts(log, WINDOWS, CALENDAR, observation=OBSERVATION)
    assert [f.phase for f in facts] == list(PHASES)
    lengths = [3 * DAY - time[0], 2 * DAY, DAY, time[-1] - 6 * DAY]
    for code, (row, length) in enumerate(zip(facts, lengths, strict=True)):
        mine = CALENDAR.phase(time) == code
        paid = mine & labels["converted"]
        delay = (labels["first_pay"] - time)[paid] / HOUR
        n = mine.sum()
        assert row.clicks == n
        assert row.clicks_per_day == pytest.approx(n * DAY / length)
        assert row.cvr == pytest.approx(paid.sum() / n)
        assert row.rfr == pytest.approx(labels["refunded"][paid].mean())
        assert row.gmv_per_click == pytest.approx(labels["gmv"][mine].mean())
        assert row.gmv_per_paying_click == pytest.approx(labels["gmv"][paid].mean())
        assert row.p_pay == pytest.approx(p[mine].mean())
        assert row.observed_share == pytest.approx((delay * HOUR <= OBSERVATION).mean())
        quantiles = np.quantile(delay, [0.1, 0.5, 0.9], method="inverted_cdf")
        assert [row.delay_p10, row.delay_p50, row.delay_p90] == pytest.approx(quantiles, rel=0.011)
        in_phase = CALENDAR.phase(when) == code
        assert row.carts_per_click == pytest.approx((in_phase & (kind == 1)).sum() / n)
        assert row.pays_per_click == pytest.approx((in_phase & (kind == 2)).sum() / n)


def test_day_facts_add_up_to_the_log(log):
    facts = day_facts(log, WINDOWS, CALENDAR)
    assert [f.phase for f in facts][:4] == [f"day {d} (before)" for d in range(3)] + ["day 3 (anticipation)"]
    assert sum(f.clicks for f in facts) == log.meta.clicks
    assert facts[0].observed_share is None
    time, labels, *_ = whole(log)
    assert facts[5].cvr == pytest.approx(labels["converted"][time // DAY == 5].mean())


def test_labels_that_are_not_final_do_not_count(log):
    """With windows longer than what was observed, the last clicks are left out, not counted as negative."""
    late = Windows(5 * DAY, 4 * DAY)
    last = day_facts(log, late, CALENDAR)[-1]
    until = log.meta.observed_until
    assert until == list(log.labelled(late, features=False))[-1][0].time[-1] + WINDOWS.lifetime
    assert last.cvr is None
    assert last.delay_p50 is None
    first = day_facts(log, late, CALENDAR)[0]
    assert first.cvr is not None


def test_the_table_shows_what_is_known(log):
    console = Console(width=220, record=True, file=None, quiet=True)
    table = facts_table(phase_facts(log, WINDOWS, CALENDAR), "what happened")
    headings = [str(column.header) for column in table.columns]
    assert headings[:2] == ["phase", "clicks"]
    assert "true CVR" in headings
    assert "observed" not in headings
    assert table.row_count == 4
    console.print(table)
