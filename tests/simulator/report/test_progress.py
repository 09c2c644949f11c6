"""Progress: plain lines in exponential steps, live only on a terminal, silence on request."""

import io

import pytest
from rich.console import Console

from simulator.errors import ScenarioError
from simulator.report.progress import Progress
from simulator.units import DAY, HOUR
from tests.simulator.evaluation.stream import CALENDAR
from tests.simulator.report.made import make_run


class Terminal(io.StringIO):
    def isatty(self):
        return True


def replay(progress, cells=()):
    with progress:
        progress.enter("replay")
        for hour in range(1, 241):
            progress.advance(hour * HOUR, 100)
            if hour == 120:
                progress.cell(cells)


def test_plain_lines_double_their_distance(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = io.StringIO()
    replay(Progress("auto", ["es-dfm"], 0, 10 * DAY, CALENDAR, stream=stream), make_run()[0].cells)
    text = stream.getvalue()
    lines = [line for line in text.splitlines() if "%" in line]
    assert [int(line.split("%")[0]) for line in lines] == [2, 4, 8, 16, 32, 64, 100]
    assert [line.split()[4] for line in lines] == ["before"] * 3 + [
        "before",
        "anticipation",
        "after",
        "after",
    ]
    assert "events/s" in lines[-1]
    assert text.count("es-dfm: cvr NLL") == 2
    assert text.count("\n    judged cvr, netcvr, rfr, gmv: day 7 16:00 to day 7 20:00, after\n") == 2
    assert "\x1b" not in text


def test_none_is_silent():
    stream = Terminal()
    replay(Progress("none", [], 0, 10 * DAY, CALENDAR, stream=stream))
    assert stream.getvalue() == ""


def test_live_on_a_terminal_shows_every_method():
    stream = Terminal()
    results, _ = make_run()
    progress = Progress(
        "auto",
        list(results.methods),
        0,
        10 * DAY,
        CALENDAR,
        origin="2024-11-06T00:00:00+00:00",
        stream=stream,
    )
    replay(progress, results.cells)
    assert progress.mode == "live"
    assert "\x1b" in stream.getvalue()
    console = Console(file=io.StringIO(), width=200)
    console.print(progress.view())
    text = console.file.getvalue()
    for name in results.methods:
        assert name[:28] in text
    assert "2024-11-16 00:00 after" in text
    assert "2024-11-13 16:00 to 2024-11-13 20:00, after (times in UTC)" in text
    assert Progress("plain", [], 0, 1, CALENDAR, stream=stream).mode == "plain"


def test_an_empty_span_and_no_calls_are_fine():
    with Progress("plain", [], 5, 5, CALENDAR, stream=io.StringIO()) as progress:
        progress.advance(5, 0)
        progress.advance(9, 0)


def test_unknown_mode():
    with pytest.raises(ScenarioError, match="Did you mean 'plain'"):
        Progress("plan", [], 0, 1, CALENDAR)
