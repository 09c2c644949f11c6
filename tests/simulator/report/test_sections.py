"""Meters that a policy brings: fed, summed up, and shown by terminal and page, which know nothing of them."""

from __future__ import annotations

import copy
import io
import json
from dataclasses import asdict

import numpy as np

from simulator.calendar import Calendar
from simulator.evaluation.ledger import Ledger
from simulator.evaluation.meters import Cell, Column, Meter, Panel, Section, Table, sections_of
from simulator.pipeline.recorder import Recorder
from simulator.policies import Policy
from simulator.report.html import write_report
from simulator.report.progress import Progress
from simulator.report.tables import make_console, print_summary
from simulator.units import DAY, HOUR
from tests.learners.conftest import make_samples
from tests.simulator.report.made import make_run


class Hours(Meter):
    """Counts samples by the hour of their click."""

    name = "hours"

    def __init__(self):
        self.counts = np.zeros(24, int)

    def delivered(self, samples):
        self.counts += np.bincount(samples.click_time // HOUR % 24, minlength=24)

    def summary(self):
        return {"of": self.counts.tolist()} if self.counts.any() else None

    @classmethod
    def sections(cls, found):
        rows = {m: [[Cell(str(sum(s["of"])), "low")], [Cell("a"), Cell("b")]] for m, s in found.items()}
        table = Table(
            "Samples <by> hour", [Column("all", ("count",)), Column("two", ("x", "y"), 1)], rows, "hint"
        )
        series = {m: ([hour * HOUR for hour in range(24)], s["of"]) for m, s in found.items()}
        return [Section("When clicks come", "Told of it.", [Panel("samples", series, (0, 5))], [table])]


class Counting(Policy):
    def meters(self, grid):
        return [Hours()]


def recorder(policies, policy_of):
    ledger = Ledger(dict.fromkeys(policy_of, ("cvr",)), Calendar(), 0, HOUR)
    return Recorder(ledger, policies, policy_of, Progress("none", list(policy_of), 0, DAY, Calendar()))


def test_a_meter_hears_what_its_own_policy_delivers():
    policies = {"counting": Counting(), "plain": Policy()}
    heard = recorder(policies, {"a": "counting", "b": "counting", "c": "plain"})
    heard.delivered("counting", make_samples(3, event_time=2 * HOUR))
    heard.delivered("plain", make_samples(4, event_time=2 * HOUR))
    found = heard.measured("counting")["hours"]
    assert found["of"][2] == 3 == sum(found["of"])
    assert "hours" not in heard.measured("plain")
    (section,) = heard.sections()
    assert list(section.tables[0].rows) == ["a", "b"], "methods that share a policy share what it measured"
    assert sections_of({"a": [Hours()]}) == [], "where nothing was measured there is nothing to show"


def test_terminal_and_page_show_a_section_that_they_do_not_know(tmp_path):
    results, summary = make_run()
    summary = copy.deepcopy(summary)  # runs are shared
    method = next(iter(summary["costs"]))
    sections = Hours.sections({method: {"of": list(range(24))}})
    summary["sections"] = json.loads(json.dumps([asdict(section) for section in sections]))
    stream = io.StringIO()
    print_summary(summary, make_console(stream, 100))
    text = stream.getvalue()
    assert "Samples <by> hour (hint)" in text
    assert f"{method}" in text[text.index("hint") :]
    assert "276" in text
    assert "x y" in text
    path = tmp_path / "report.html"
    write_report(path, summary=summary, metrics=results.metrics)
    page = path.read_text(encoding="utf-8")
    for expected in (
        "<h3>When clicks come</h3>",
        "Told of it.",
        "Samples &lt;by&gt; hour",
        '<td class="edge low">276</td>',
    ):
        assert page.count(expected) == 1, expected
    assert 'id="figure-section-0"' in page
    without = {**summary, "sections": []}
    write_report(path, summary=without, metrics=results.metrics)
    assert "figure-section" not in path.read_text(encoding="utf-8")
