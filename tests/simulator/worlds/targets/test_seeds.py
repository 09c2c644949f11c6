"""Verdicts on a world do not turn round with its seed."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from simulator.calendar import Calendar, Promotion
from simulator.log.facts import FactSheet, fact_sheet
from simulator.log.reader import Log
from simulator.units import DAY
from simulator.windows import Windows
from simulator.worlds.generate import generate
from simulator.worlds.settings import WorldSettings
from simulator.worlds.targets import TARGETS

PRESET = "taobao-mobile"
WINDOWS = Windows(3 * DAY, 3 * DAY)
OFTEN, SELDOM = 0.2, 0.05
"""How often "outside" of one seed is "within" of another: by the value alone, and by its 95 % interval."""


def lived(tables: dict[str, Any], seeds: Iterable[int], path: Path) -> list[FactSheet]:
    settings = WorldSettings.model_validate(tables)
    calendar = Calendar.of([Promotion(b.name, b.start, b.end, b.anticipation) for b in settings.promotion])
    for seed in seeds:
        generate(settings, WINDOWS, 864_000_000, seed, path / str(seed))
    return [fact_sheet(Log.open(path / str(seed)), WINDOWS, calendar, intervals=True) for seed in seeds]


def turned(sheets: list[FactSheet]) -> tuple[float, Counter[str]]:
    """Return which share of the verdicts "outside" are "within" on another seed, and how many of each there are."""
    verdicts = [
        ["outside" if v == "known miss" else v for v in (row.verdict(sheet)[1] for sheet in sheets)]
        for row in TARGETS[PRESET].rows
    ]
    pairs = Counter(pair for row in verdicts for pair in permutations(row, 2))
    outside = sum(count for (one, _), count in pairs.items() if one == "outside")
    return pairs["outside", "within"] / max(outside, 1), Counter(v for row in verdicts for v in row)


def judge(sheets: list[FactSheet]) -> Counter[str]:
    by_value = [replace(sheet, intervals=None) for sheet in sheets]
    assert turned(by_value)[0] > OFTEN
    share, counts = turned(sheets)
    assert share <= SELDOM
    assert counts["outside"] >= 2 * len(sheets)  # some worlds miss some facts by more than chance
    return counts


def test_a_tiny_world_is_judged_alike_on_every_seed(tmp_path):
    """Three hundred pays in all: what its log cannot tell is said."""
    tables = {
        "preset": PRESET,
        "days": 26,
        "clicks_per_day": 1_200,
        "promotion": [{"name": "s", "start": "22d"}],
    }
    counts = judge(lived(tables, range(3), tmp_path))
    assert counts["cannot tell"] > counts["within"] + counts["outside"]


@pytest.mark.long
def test_double12_as_shipped_is_judged_alike_on_every_seed(tmp_path):
    tables = tomllib.loads(Path("scenarios/double12.toml").read_text(encoding="utf-8"))["world"]
    counts = judge(lived(tables, range(1, 7), tmp_path))
    assert counts["within"] > 6 * 50
