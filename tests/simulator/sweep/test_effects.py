"""What a swept key does: means over seeds, differences paired by seed, whatever else is swept."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from simulator.sweep.effects import effects
from simulator.sweep.page import effect_figure, paired_cells


def table(rows):
    made = [
        {"scenario": "one", "size": size, "window": window, "seed": seed, "method": method, "task": "cvr",
         "phase": phase, "metric": "nll", "value": value}
        for size, window, seed, method, phase, value in rows
    ]  # fmt: skip
    return pa.Table.from_pylist(made)


def test_differences_are_paired_by_seed_and_by_all_other_keys():
    noise = {0: 0.3, 1: 0.5, 2: 0.9}
    rows = [
        (size, window, seed, "a", "overall", noise[seed] + 0.01 * size + (0.1 if window == "1h" else 0.0))
        for size in (2.0, 1.0)
        for window in ("15m", "1h")
        for seed in noise
    ]
    rows.append((1.0, "15m", 0, "a", "before", 9.0))
    by_size, by_window = effects(table(rows), ["size", "window"])
    assert by_size.levels == (1.0, 2.0)
    assert by_window.levels == ("15m", "1h")
    paired = by_window.paired["a"][1]
    assert paired.mean == pytest.approx(0.1)
    assert paired.high - paired.low == pytest.approx(0.0, abs=1e-9)
    assert by_size.means["a"][0].mean == pytest.approx(sum(noise.values()) / 3 + 0.06)
    assert by_size.means["a"][0].high > 1.0, "seeds differ much"
    assert paired_cells(by_size, "a") == ["+0.0100 (+0.0100, +0.0100)*"]
    figure = effect_figure(by_size)
    assert list(figure.data[0].x) == [1.0, 2.0]


def test_a_run_that_is_missing_takes_no_part_in_differences():
    rows = [
        (1.0, "15m", 0, "a", "overall", 1.0),
        (2.0, "15m", 0, "a", "overall", 1.5),
        (2.0, "15m", 1, "a", "overall", 100.0),
        (3.0, "15m", 1, "a", "overall", 100.0),
    ]
    (one,) = effects(table(rows), ["size", "window"])
    assert one.paired["a"][1].mean == 0.5
    assert math.isnan(one.paired["a"][2].mean)
    assert one.means["a"][2].mean == 100.0


def test_no_finished_run_has_no_effects():
    assert list(effects(pa.table({}), ["size"])) == []
