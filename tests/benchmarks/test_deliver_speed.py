"""Budgets of delivery: `pytest tests/benchmarks/test_deliver_speed.py -m benchmark -s`. Seconds are of the processor."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from simulator.calendar import Calendar
from simulator.deliver import deliver, ordered
from simulator.engine import Engine
from simulator.log.reader import Log
from simulator.policies import policy_from
from simulator.sweep.dispatch import Place
from simulator.units import DAY
from tests.benchmarks.test_engine_speed import CLICKS, DAYS, WINDOWS, log

__all__ = ["log"]
pytestmark = pytest.mark.benchmark


def processor() -> float:
    """Seconds of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def seconds(work: Callable[[], object], clock: Callable[[], float] = processor, repeat: int = 3) -> float:
    found = []
    for _ in range(repeat):
        began = clock()
        work()
        found.append(clock() - began)
    return min(found)


def test_samples_of_a_long_log(log: Log, tmp_path: Path) -> None:
    order = ordered(log, policy_from("elapsed-time"), WINDOWS, Calendar(), DAY)

    def replay() -> None:
        engine = Engine(log, WINDOWS, {"p": policy_from("elapsed-time")}, start=0)
        for edge in range(DAY // 2, order.until + DAY, DAY // 2):
            engine.advance(edge)

    def written(slices: int, workers: int = 1) -> Callable[[], object]:
        width = None if slices == 1 else -(-DAYS // slices) * DAY
        return lambda: deliver(order, tmp_path / "out", width=width, place=Place(workers), replace=True)

    unwritten = seconds(replay)
    one, two, four = (seconds(written(slices)) for slices in (1, 2, 4))
    print(f"\nreplay alone: {CLICKS / unwritten / 1e6:.2f} M clicks/s")
    print(f"written: {CLICKS / one / 1e6:.2f} M clicks/s (budget 3)")
    print(f"two slices / one: {two / one:.2f}, four / one: {four / one:.2f} (budget 1.15)")
    alone, both = (seconds(written(2, workers), time.perf_counter, 2) for workers in (1, 2))
    print(f"two workers are {alone / both:.2f} times one (budget 1.8 on an idle machine)")
    assert two / one < 1.15
    assert CLICKS / one > 3e6
