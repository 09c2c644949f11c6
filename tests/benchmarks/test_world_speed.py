"""Budgets of the synthetic world and of the whole double11 run."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from simulator.scenario.load import load_scenario
from simulator.worlds.generate import generate
from tests.commands import ROOT, sim

pytestmark = pytest.mark.benchmark


def test_world_generation(tmp_path: Path, benchmark: BenchmarkFixture) -> None:
    """300,000 clicks a second on one core, set-up and Parquet included."""
    loaded = load_scenario(ROOT / "scenarios" / "double11.toml", ["world.clicks_per_day=40_000"])
    scenario = loaded.scenario
    assert scenario.world is not None
    settings, windows = scenario.world, scenario.windows.windows()
    out = iter(tmp_path / str(n) for n in range(10))

    def make() -> int:
        return generate(settings, windows, scenario.windows.observation, 0, next(out)).clicks

    clicks = benchmark.pedantic(make, rounds=3)
    speed = clicks / benchmark.stats.stats.min
    print(f"\nworld: {speed:,.0f} clicks/s (budget 300,000)")
    assert speed > 300_000


def test_double11_from_nothing(tmp_path: Path) -> None:
    """Under two minutes on two cores: world, pre-training, eleven methods, report."""
    began = time.perf_counter()
    sim(
        "scenarios/double11.toml",
        "--out",
        tmp_path,
        "--set",
        f"output.cache={tmp_path / 'cache'}",
        "--progress",
        "none",
    )
    spent = time.perf_counter() - began
    print(f"\ndouble11 from nothing: {spent:.0f} s (budget 120)")
    assert spent < 120
