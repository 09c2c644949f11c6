"""What a closed loop costs beside the open replay of the same methods: `pytest tests/benchmarks -m benchmark -s`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.measures import called
from tests.commands import ROOT

pytestmark = pytest.mark.benchmark
MOST = 2.5
SMALLER = ("world.clicks_per_day=500", "learner.batch_size=32", "engine.workers=1")
EVERYTHING = ("auction.rivals.count=0", "auction.reserve=1e-9", "auction.worth=1e9")


def test_a_closed_loop_costs_little_more_than_an_open_replay(tmp_path: Path):
    """Who wins everything learns as much as without auctions: no loop costs more."""
    text = (ROOT / "scenarios/closed_loop.toml").read_text(encoding="utf-8")
    head, _, tail = text.partition("[auction]")
    (tmp_path / "open.toml").write_text(head + tail[tail.index("[[method]]") :], encoding="utf-8")
    (tmp_path / "closed.toml").write_text(text, encoding="utf-8")
    seconds: dict[str, list[float]] = {}
    for turn in range(2):
        for name, scenario, more in (
            ("open", "open", ()),
            ("wins everything", "closed", EVERYTHING),
            ("wins some", "closed", ()),
        ):
            sets = [
                w for text in (*SMALLER, *more, f"output.cache={tmp_path / 'cache'}") for w in ("--set", text)
            ]
            words = (
                tmp_path / f"{scenario}.toml",
                "--out",
                tmp_path / "runs",
                "--progress",
                "none",
                "--replace",
            )
            cpu, _, _ = called(ROOT, *words, *sets)
            if turn:  # the first round makes the world, and pre-trains
                seconds.setdefault(name, []).append(cpu)
    best = {name: min(found) for name, found in seconds.items()}
    for name, found in best.items():
        print(f"{name}: {found:.1f} s of processor time, {found / best['open']:.2f} of the open replay")
    assert max(best.values()) < MOST * best["open"]
