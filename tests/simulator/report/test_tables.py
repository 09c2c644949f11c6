"""Tables at several widths: whole names, no lines too long, plain text when piped."""

import io
import json
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("width", [60, 80])
def test_what_has_no_room_beside_the_others_stands_below(width):
    _, summary = make_run()

    def words(text):
        return {word for line in text.splitlines() for word in line.split()}

    wide, narrow = (rendered(summary, at) for at in (200, width))
    heads = ("PR-AUC", "RI-AUC", "steps", "accuracy")
    assert set(heads) <= words(wide) & words(narrow)
    for method, values in summary["methods"].items():
        for metric in ("prauc", "ri_auc"):
            if method != LONG and values.get("cvr", {}).get(metric) is not None:
                shown = f"{values['cvr'][metric]:.{4 if metric == 'prauc' else 1}f}"
                assert shown in words(narrow) & words(wide), (method, metric)
    assert "(times in UTC)" in " ".join(narrow.split())


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
