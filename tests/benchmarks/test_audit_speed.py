"""What an audit costs beside the replay alone, on a log with few clicks: `pytest tests/benchmarks -m benchmark -s`."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from learners.catalog import resolve_all
from learners.session.auditing import audit_scenario
from learners.session.plan import Plan, plan_run
from simulator.audit import AnyModel
from simulator.engine import Engine
from simulator.log.schema import Feature, Kind
from simulator.log.writer import LogWriter
from simulator.randomness import generator
from simulator.scenario.load import load_scenario
from simulator.units import DAY, HOUR

CLICKS, DAYS = 7360, 90
pytestmark = pytest.mark.benchmark
TEXT = """
[data]
path = "{path}"
[windows]
attribution = "3d"
observation = "1h"
[stream]
history = "20d"
segment = "1d"
[[promotion]]
name = "sale"
start = 2025-02-20
[[method]]
method = "oracle"
[[method]]
method = "fnw"
[[method]]
method = "es-dfm"
[[method]]
method = "waiting-window"
[[method]]
method = "posterior-settlement"
"""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighty clicks a day, a tenth of which pay."""
    folder = tmp_path_factory.mktemp("sparse")
    rng = generator(0, "sparse")
    clicked = np.sort(rng.integers(0, DAYS * DAY, CLICKS))
    row = np.sort(rng.choice(CLICKS, CLICKS // 10, replace=False))
    when = clicked[row] + rng.exponential(DAY / 2, len(row)).astype(np.int64)
    order = np.argsort(when, kind="stable")
    with LogWriter(
        folder / "log", name="sparse", origin=datetime(2025, 1, 1, tzinfo=UTC), features=[Feature("f", 9)]
    ) as writer:
        ids = np.arange(CLICKS, dtype=np.int64) % 500
        writer.clicks(
            time=clicked, user_id=ids, item_id=ids % 50, features=(ids % 9).astype(np.int32)[:, None]
        )
        kind = np.full(len(row), Kind.PAY, np.uint8)
        writer.events(row=row[order], time=when[order], kind=kind, amount=np.ones(len(row)))
        writer.close(DAYS * DAY + 8 * DAY)
    path = folder / "sparse.toml"
    path.write_text(TEXT.format(path=folder / "log"))
    return path


def cpu(work: Callable[[], object], repeat: int = 3) -> float:
    """Processor seconds, best of a few."""
    best = float("inf")
    for _ in range(repeat):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def replay(plan: Plan, tick: int) -> None:
    """The policies of a scenario over its stream, without learners."""
    engine = Engine(
        plan.log,
        plan.windows,
        plan.policies,
        start=plan.replay_start,
        calendar=plan.calendar,
        features=True,
        advisors={key: AnyModel() for key in plan.policies},
    )
    start, segment = plan.replay_start, plan.timeline.segment
    while engine.now < plan.timeline.stream_end:
        edge = engine.now + min(tick, segment - (engine.now - start) % segment)
        engine.advance(edge, segment_end=(edge - start) % segment == 0)


def test_an_audit_costs_no_more_than_ten_replays(scenario: Path) -> None:
    loaded = load_scenario(scenario)
    plan = plan_run(loaded.scenario, resolve_all(loaded.scenario), scenario.parent / "log")
    alone = cpu(lambda: replay(plan, plan.tick))
    hourly = cpu(lambda: replay(plan, HOUR))
    audited = cpu(lambda: audit_scenario(loaded, lambda _: scenario.parent / "log"))
    print(f"\naudit {audited:.2f} s, replay {alone:.2f} s: {audited / alone:.1f} times")
    print(f"replay with tick 1h {hourly:.2f} s: {hourly / alone:.1f} times the one with the log's tick (1d)")
    assert plan.tick == DAY
    assert audited <= 10 * alone
    assert hourly >= 1.5 * alone
