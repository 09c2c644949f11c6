"""Published facts: each one can be measured, and is judged by its own tolerance."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from simulator.calendar import Calendar, Promotion
from simulator.log.facts import FactSheet, fact_sheet
from simulator.log.reader import Log
from simulator.report.likeness import likeness_figures
from simulator.units import DAY, MINUTE
from simulator.windows import Windows
from simulator.worlds.generate import generate
from simulator.worlds.presets import PRESETS
from simulator.worlds.settings import WorldSettings
from simulator.worlds.targets import TARGETS
from simulator.worlds.targets.base import Target
from simulator.worlds.targets.compare import fit_summary, fit_table, verdict_line, verdicts

ROW = Target("CVR", "cvr", 0.1, 0.01, "", "somewhere", 3 * DAY)


def sheet(windows=None, intervals=None, **values):
    return FactSheet(windows or Windows(), 1, 1, 1, values, intervals=intervals)


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A world in which everything happens, under both pairs of windows."""
    settings = WorldSettings.model_validate(
        {"days": 20, "clicks_per_day": 4_000, "cvr": 0.3, "users": 300, "items": 200,
         "promotion": [{"name": "s", "start": "14d"}]}
    )  # fmt: skip
    calendar = Calendar.of([Promotion("s", 14 * DAY, 15 * DAY)])
    found = {}
    for days in (3, 7):
        windows = Windows(days * DAY, 3 * DAY)
        path = tmp_path_factory.mktemp("targets") / "log"
        generate(settings, windows, 15 * MINUTE, 3, path)
        found[days] = fact_sheet(Log.open(path), windows, calendar, intervals=True)
    return found


def test_every_preset_has_targets():
    assert set(TARGETS) == set(PRESETS)
    for name, targets in TARGETS.items():
        assert targets.preset == name
        facts = [row.fact for row in targets.rows]
        assert len(set(facts)) == len(facts)
        for row in targets.rows:
            assert row.tolerance > 0, row
            assert row.source, row


@pytest.mark.parametrize("name", list(TARGETS))
def test_every_fact_is_on_the_sheet(lived, name):
    days = 7 if name == "trace" else 3
    # Bins of users and items that convert almost always may be empty in a small world.
    missing = [
        r.fact for r in TARGETS[name].rows if r.fact not in lived[days].values and "_by_" not in r.fact
    ]
    assert missing == []
    assert all(
        r.verdict(lived[days])[1] in {"within", "outside", "known miss", "cannot tell", "unknown"}
        for r in TARGETS[name].rows
    )
    for curve in TARGETS[name].curves:
        assert len(curve.x) == len(curve.y) == len(curve.facts), curve.name


def test_the_verdict_is_by_the_tolerance():
    assert ROW.verdict(sheet(cvr=0.1099)) == (0.1099, "within", "")
    assert ROW.verdict(sheet(cvr=0.0899))[1] == "outside"
    assert ROW.verdict(sheet())[:2] == (None, "unknown")
    value, verdict, why = ROW.verdict(sheet(Windows(7 * DAY, 3 * DAY), cvr=0.1))
    assert (value, verdict) == (0.1, "not comparable")
    assert "7d" in why
    assert "3d" in why


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.091, 0.109), "within"),
        ((0.089, 0.109), "cannot tell"),
        ((0.091, 0.111), "cannot tell"),
        ((0.05, 0.2), "cannot tell"),
        ((0.111, 0.13), "outside"),
        ((0.05, 0.089), "outside"),
    ],
)
def test_the_verdict_counts_how_far_the_fact_is_known(interval, verdict):
    value = sum(interval) / 2
    found = sheet(intervals={"cvr": interval}, cvr=value)
    assert ROW.verdict(found) == (value, verdict, "")
    known = replace(ROW, known="cannot be").verdict(found)
    assert known[1] == ("known miss" if verdict == "outside" else verdict)


def test_what_has_no_interval_cannot_be_told():
    assert ROW.verdict(sheet(intervals={}, cvr=0.1))[1] == "cannot tell"
    assert ROW.verdict(sheet(intervals={}))[1] == "unknown"


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_table_and_the_sentence_say_it_all(lived, width):
    targets = TARGETS["cascade"]
    table, notes = fit_table(targets, lived[3])
    assert table.row_count == len(targets.rows)
    console = Console(width=width, file=io.StringIO())
    console.print(table)
    lines = console.file.getvalue().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("CVR "))
    value, (low, high) = lived[3].values["cvr"], lived[3].intervals["cvr"]
    assert lines[at].split() == [
        "CVR",
        "0.066..0.07",
        f"{value:.4g}",
        f"{low:.4g}..{high:.4g}",
        "outside",
        "1",
    ]
    assert lines[1].split() == ["fact", "allowed", "measured", "95", "%", "interval", "verdict", "notes"]
    assert "…" not in console.file.getvalue()
    assert notes[0] == f"1  {targets.rows[0].source}"
    last = str(list(table.columns[5].cells)[-1]).split(",")
    assert {notes[int(number) - 1].partition("  ")[2] for number in last} >= {targets.rows[-1].source}
    counts = verdicts(targets, lived[3])
    assert sum(counts.values()) == len(targets.rows)
    judged = sum(counts[name] for name in ("within", "outside", "known miss", "cannot tell"))
    line = verdict_line(targets, lived[3])
    assert line.startswith(f"{counts['within']} of {judged} published facts within tolerance, ")
    assert f", {counts['cannot tell']} that this log cannot tell" in line


def _known(preset):
    return {row.name for row in TARGETS[preset].rows if row.known}


def test_a_known_miss_is_a_miss_that_says_why():
    row = replace(ROW, known="cannot be")
    assert row.verdict(sheet(cvr=0.2)) == (0.2, "known miss", "cannot be")
    assert row.verdict(sheet(cvr=0.1)) == (0.1, "within", "")


def test_the_summary_is_plain_and_can_be_drawn(lived):
    found = json.loads(json.dumps(fit_summary(TARGETS["trace"], lived[7]), allow_nan=False))
    assert sum(found["verdicts"].values()) == len(TARGETS["trace"].rows)
    assert len(found["outside"]) == found["verdicts"]["outside"] + found["verdicts"]["known miss"]
    assert all(bool(fact["known"]) == (fact["name"] in _known("trace")) for fact in found["outside"])
    assert all(fact["interval"][0] <= fact["realised"] <= fact["interval"][1] for fact in found["outside"])
    figures = likeness_figures({"likeness": found})
    assert set(figures) == {f"likeness-{curve.name}" for curve in TARGETS["trace"].curves}
    gmv = next(c for c in TARGETS["trace"].curves if c.name == "gmv")
    published, own = figures["likeness-gmv"]["data"]
    assert list(published["y"]) == list(gmv.y)
    assert list(own["y"]) == [lived[7].values[fact] for fact in gmv.facts]
    assert likeness_figures({}) == {}


def test_the_targets_are_those_printed_in_the_sources():
    """A few numbers, typed again."""
    by_fact = {row.fact: row for targets in TARGETS.values() for row in targets.rows}
    assert by_fact["click_pay.within_3d.14.4m"].value == 0.277
    assert by_fact["pay_refund.within_3d.p50"].value == 0.140
    assert by_fact["gmv_within.24h"].value == 0.622
    assert by_fact["sale.pays_per_click.day0"].value == 2.365
    assert by_fact["sale.hour.pays.0"].value == pytest.approx(0.128, abs=1e-3)
    assert by_fact["ln_gmv.repeat.mean"].value == 5.415
    assert replace(ROW, value=0.2).verdict(sheet(cvr=0.1))[1] == "outside"
