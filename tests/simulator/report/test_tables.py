"""Tables at several widths: whole names, no lines too long, plain text when piped."""

import copy
import io
import json
from pathlib import Path

import pytest

from simulator.calendar import PHASES
from simulator.evaluation.compare import compare
from simulator.report.comparison import comparison_tables
from simulator.report.tables import make_console, print_summary
from tests.simulator.report.made import LONG, make_run


def rendered(summary, width):
    stream = io.StringIO()
    print_summary(summary, make_console(stream, width))
    return stream.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_every_name_is_whole_and_no_line_too_long(width, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    _, summary = make_run()
    text = rendered(summary, width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert text.isascii()
    assert "\x1b" not in text
    squeezed = "".join(line[:width].replace(" ", "") for line in text.splitlines())
    for name in summary["methods"]:
        assert name in text or name == LONG
    assert LONG in text or LONG[:10] in squeezed  # wrapped, but nothing of it lost
    assert text.count("…") == 0


def test_long_names_wrap_without_loss():
    _, summary = make_run()
    text = rendered(summary, 80)
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if LONG[:8] in line)
    column = lines[start].index(LONG[:8])
    pieces = ""
    for line in lines[start:]:
        word = line[column:].split(" ")[0]
        pieces += word
        if pieces == LONG:
            break
    assert pieces == LONG


def test_numbers_and_marks_are_those_of_the_summary():
    _, summary = make_run()
    text = rendered(summary, 120)
    row = next(line for line in text.splitlines() if line.strip().startswith("1  es-dfm"))
    values = summary["methods"]["es-dfm"]["cvr"]
    for metric, digits in (("regret_nll", 4), ("auc", 4), ("pcoc", 2), ("ri_auc", 1)):
        assert f"{values[metric]:.{digits}f}" in row
    assert row.rstrip().endswith("*")
    reference = next(line for line in text.splitlines() if line.startswith("ref  oracle"))
    assert f"{summary['methods']['oracle']['cvr']['auc']:.4f}" in reference
    assert "first segment after each switch" in text
    assert "2024-11-09 00:00" in text


def test_a_run_without_promotion_costs_or_intervals_still_prints():
    _, summary = make_run()
    bare = {
        **summary,
        "phases": {"before": summary["phases"]["before"]},
        "after_switch": [],
        "costs": {},
        "intervals": [],
    }
    text = rendered(bare, 80)
    assert "by phase" not in text
    assert "vs best" not in text
    assert "es-dfm" in text


def write_run(directory: Path, seed: int) -> Path:
    results, summary = make_run(seed)
    run = directory / "made" / f"0a1b2c-s{seed}"
    run.mkdir(parents=True)
    (run / "summary.json").write_text(json.dumps(summary))
    results.write_metrics(run / "metrics.parquet")
    return run


def test_comparison_tables(tmp_path):
    runs = [write_run(tmp_path, seed) for seed in (11, 12, 13)]
    comparison = compare(runs)
    stream = io.StringIO()
    console = make_console(stream, 160)
    for table in comparison_tables(comparison, 160):
        console.print(table)
    text = stream.getvalue()
    assert "made/0a1b2c" in text
    assert "(3 runs)" in text
    mean = sum(make_run(seed)[1]["methods"]["es-dfm"]["cvr"]["auc"] for seed in (11, 12, 13)) / 3
    assert f"{mean:.4f}" in text


def test_beliefs_against_pays():
    summary = copy.deepcopy(make_run()[1])  # runs are shared
    assert "believed" not in rendered(summary, 120)
    method = next(iter(summary["costs"]))
    told = {"z": -4.0, "paid": 30.0, "expected": 20.0}
    cells = [{"start": 0, "end": 1, **told}, {"start": 1, "end": 2, "z": 0.1, "paid": 1.0, "expected": 1.0}]
    summary["costs"][method]["push"] = {**told, "phases": {"before": told}, "cells": cells}
    text = rendered(summary, 120)
    assert "Pays over those believed in" in text
    assert "1.50  -4.0" in text
    assert "1 of 2" in text


def test_each_stage_of_beliefs_has_its_table():
    summary = copy.deepcopy(make_run()[1])
    first, second = list(summary["costs"])[:2]
    phases = {phase: told(2.0 + k, 0.5 * k) for k, phase in enumerate(PHASES)}
    cells = [{"start": 0, "end": 1, **told(9.0, 1.0)}]
    stage = {**told(-12.3, 1.07), "phases": phases, "cells": cells}
    summary["costs"][first]["push"] = {**stage, "refunds": stage}
    nothing = {**told(0.0, 0.0, 0.0), "phases": {}, "cells": []}
    gmv = {**told(-5.5, 3.0, 0.0), "phases": {"promotion": told(-5.5, 3.0, 0.0)}, "cells": cells}
    summary["costs"][second]["push"] = {**nothing, "gmv": gmv}
    for width in (80, 120):
        text = rendered(summary, width)
        assert max(len(line) for line in text.splitlines()) <= width
        titles = (
            "Pays over those believed in",
            "Refunds over those believed in",
            "GMV believed: rises over falls",
        )
        places = [text.index(title) for title in titles]
        assert places == sorted(places)
        pays, refunds, amounts = text[places[0] : places[1]], text[places[1] : places[2]], text[places[2] :]
        assert first in pays
        assert second not in pays
        assert "1.07 -12.3" in refunds
        assert "promotion" in refunds
        assert second in amounts
        assert "   - " in amounts
        assert "-5.5" in amounts
    assert "before" in refunds


def told(z: float, paid: float, expected: float = 1.0) -> dict[str, float]:
    return {"z": z, "paid": paid, "expected": expected}
