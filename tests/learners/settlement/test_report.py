"""The audit of beliefs as terminal and page show it: for each kind a table and a panel."""

from __future__ import annotations

import copy
import io
from dataclasses import asdict

import pytest

from learners.settlement.push import PushMeter
from simulator.calendar import PHASES
from simulator.report.figures import section_figure
from simulator.report.html import write_report
from simulator.report.tables import make_console, print_summary
from simulator.units import DAY
from tests.simulator.report.made import make_run

TITLES = ("Pays over those believed in", "Refunds over those believed in", "GMV believed: rises over falls")


def audited(*found):
    """Return the results of a run, and its summary with these audits of its first methods."""
    results, summary = make_run()
    summary = copy.deepcopy(summary)  # runs are shared
    methods = list(summary["costs"])[: len(found)]
    sections = PushMeter.sections(dict(zip(methods, found, strict=True)))
    return results, {**summary, "sections": [asdict(section) for section in sections]}, methods


def rendered(summary, width):
    stream = io.StringIO()
    print_summary(summary, make_console(stream, width))
    return stream.getvalue()


def told(z: float, paid: float, expected: float = 1.0) -> dict[str, float]:
    return {"z": z, "paid": paid, "expected": expected}


def test_beliefs_against_pays():
    cells = [{"start": 0, "end": 1, **told(-4.0, 30.0, 20.0)}, {"start": 1, "end": 2, **told(0.1, 1.0)}]
    push = {**told(-4.0, 30.0, 20.0), "phases": {"before": told(-4.0, 30.0, 20.0)}, "cells": cells}
    _, summary, _ = audited(push)
    assert "believed" not in rendered(make_run()[1], 120)
    text = rendered(summary, 120)
    assert TITLES[0] in text
    assert "1.50 -4.0" in text
    assert "1 of 2" in text


def test_each_kind_of_beliefs_has_its_table():
    phases = {phase: told(2.0 + k, 0.5 * k) for k, phase in enumerate(PHASES)}
    cells = [{"start": 0, "end": 1, **told(9.0, 1.0)}]
    part = {**told(-12.3, 1.07), "phases": phases, "cells": cells}
    gmv = {**told(-5.5, 3.0, 0.0), "phases": {"promotion": told(-5.5, 3.0, 0.0)}, "cells": cells}
    nothing = {**told(0.0, 0.0, 0.0), "phases": {}, "cells": []}
    _, summary, (first, second) = audited({**part, "refunds": part}, {**nothing, "gmv": gmv})
    for width in (80, 120):
        text = rendered(summary, width)
        assert max(len(line) for line in text.splitlines()) <= width
        places = [text.index(title) for title in TITLES]
        assert places == sorted(places)
        pays, refunds, amounts = text[places[0] : places[1]], text[places[1] : places[2]], text[places[2] :]
        assert first in pays
        assert second not in pays
        assert "1.07 -12.3" in refunds
        assert "promotion" in refunds
        assert second in amounts
        assert "-5.5" in amounts
    assert "before" in refunds


def test_each_kind_of_beliefs_is_a_panel_and_a_table(tmp_path):
    cells = [{"start": k * DAY, "end": (k + 1) * DAY, **told(-4.0, 3.0, 2.0)} for k in range(3)]
    part = {**told(-4.0, 3.0, 2.0), "phases": {"promotion": told(-4.0, 3.0, 2.0)}, "cells": cells}
    results, summary, (first, second) = audited({**part, "refunds": part}, {"cells": [], "gmv": part})
    (section,) = summary["sections"]
    figure = section_figure(summary, section).to_plotly_json()
    assert [(t["name"], t["yaxis"], t["showlegend"]) for t in figure["data"]] == [
        (first, "y", True), (first, "y2", False), (second, "y3", True),
    ]  # fmt: skip
    layout = figure["layout"]
    assert [layout[axis]["title"]["text"].split(":")[0] for axis in ("yaxis", "yaxis2", "yaxis3")] == [
        "pays", "refunds", "GMV",
    ]  # fmt: skip
    lines = {(shape.get("yref"), shape["y0"]) for shape in layout["shapes"] if shape["type"] == "line"}
    assert lines == {(axis, z) for axis in ("y", "y2", "y3") for z in (-3, 0, 3)}
    axes = {shape["xref"] for shape in layout["shapes"] if shape["type"] == "line"}
    assert axes == {f"{trace['xaxis']} domain" for trace in figure["data"]}, "the one that has a time"
    path = tmp_path / "report.html"
    write_report(path, summary=summary, metrics=results.metrics)
    text = path.read_text(encoding="utf-8")
    for title in TITLES:
        assert text.count(title) == 1
    assert text.count('<td class="high">-4.0</td>') == 6
    assert "3 of 3" in text
    assert text.count("beyond that z is coloured") == 1


@pytest.mark.parametrize(("z", "side"), [(3.0, ""), (3.1, "low"), (-3.0, ""), (-3.1, "high")])
def test_what_is_beyond_chance_is_coloured(z, side):
    part = {**told(z, 1.0), "phases": {}, "cells": [{"start": 0, "end": 1, **told(z, 1.0)}]}
    (section,) = PushMeter.sections({"m": part})
    (ratio, found), (alarms,) = section.tables[0].rows["m"]
    assert (ratio.side, found.side) == ("", side)
    assert alarms.text == f"{int(bool(side))} of 1"
