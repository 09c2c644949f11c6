"""Helpers of the engine's tests: replay a log with given ticks and show samples as comparable rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from simulator.engine import Engine
from simulator.log.memory import MemoryLog
from simulator.log.schema import ROW_GROUP, EventBatch, Kind
from simulator.policies import POLICIES, Policy, policy_from
from simulator.samples import Samples
from simulator.windows import Windows


def built_in(window: int) -> dict[str, Policy]:
    """Every built-in policy, and again with the parameters that change what it delivers."""
    windows = {"window": f"{window}us", "refund_window": f"{window}us"}
    specs: dict[str, dict[str, Any]] = {kind: {"kind": kind} for kind in POLICIES}
    specs["oracle/first-pay"] = {"kind": "oracle", "at": "first-pay"}
    specs |= {
        f"{kind}/refunds": {"kind": kind, "refunds": True}
        for kind in ("complete", "fake-negative", "waiting-window")
    }
    specs |= {f"elapsed-time/{how}": {"kind": "elapsed-time", "refunds": how} for how in ("replay", "window")}
    replaying = ("real-negative", "duplicate", "multi-window", "satellites")
    specs |= {f"{kind}/replay": {"kind": kind, "refunds": "replay"} for kind in replaying}
    specs["oracle/net"] = {"kind": "oracle", "at": "first-pay", "net": True}
    specs["partial-gmv/partial"] = {"kind": "partial-gmv", "final": False}
    specs["partial-gmv/final"] = {"kind": "partial-gmv", "partial": False}
    specs["partial-gmv/net"] = {"kind": "partial-gmv", "net": True}
    specs["partial-gmv/net-final"] = {"kind": "partial-gmv", "partial": False, "net": True}
    specs["windowed-gmv/once"] = {"kind": "windowed-gmv", "corrections": False}
    specs["windowed-gmv/every"] = {"kind": "windowed-gmv", "every": True}
    specs["by-phase/phases"] = {
        "kind": "by-phase", "before": "fake-negative", "anticipation": "trajectory",
        "promotion": {"kind": "elapsed-time", "refunds": "replay"}, "after": "complete",
    }  # fmt: skip
    return {name: policy_from(spec, windows) for name, spec in specs.items()}


def log_of(clicks: Sequence[int], events: Sequence[tuple[int, int, Kind, float]]) -> MemoryLog:
    """Return the log of clicks at these times with events (row of the click, time, kind, amount), ids in their order."""
    row, time, kind, amount = zip(*events, strict=True) if events else ((), (), (), ())
    event = EventBatch(
        np.array(row, np.int64),
        np.arange(len(events)),
        np.array(time, np.int64),
        np.array(kind, np.uint8),
        np.array(amount, np.float64),
    )
    return MemoryLog(np.arange(len(clicks)) + 1, np.array(clicks, np.int64), event.in_order())


def replay(
    log: MemoryLog,
    windows: Windows,
    policies: Mapping[str, Policy],
    until: int,
    tick: int | Sequence[int],
    *,
    batch_rows: int = ROW_GROUP,
    start: int = 0,
    **settings: Any,
) -> dict[str, Samples]:
    engine = Engine(log, windows, policies, start=start, batch_rows=batch_rows, **settings)
    parts: dict[str, list[Samples]] = {key: [] for key in policies}
    edges = range(start + tick, until + tick, tick) if isinstance(tick, int) else tick
    for edge in edges:
        for key, samples in engine.advance(min(edge, until)).samples.items():
            parts[key].append(samples)
    return {key: Samples.concatenate(p) for key, p in parts.items()}


def assert_same(a: Samples, b: Samples, name: str = "") -> None:
    """Every column is the same, bit for bit, roles by their names."""
    assert len(a) == len(b)
    for column, same in a.compared(b):
        assert same.all(), f"{name}.{column}"


def rows(samples: Samples) -> list[tuple[Any, ...]]:
    def null(values: np.ndarray) -> list[float | None]:
        return [None if np.isnan(v) else float(v) for v in values]

    return list(
        zip(
            samples.click_id.tolist(),
            samples.event_time.tolist(),
            samples.role_names.tolist(),
            samples.revision.tolist(),
            null(samples.converted),
            null(samples.refunded),
            null(samples.gmv),
            samples.pay_count.tolist(),
            samples.previous_gmv.tolist(),
            [None if t < 0 else t for t in samples.previous_time.tolist()],
            samples.elapsed.tolist(),
            samples.visible_time.tolist(),
            strict=True,
        )
    )
