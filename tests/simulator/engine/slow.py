"""The slow, obviously right simulation: one SimPy process per journey, one event at a time, plain Python values.

Every policy's rule is written here a second time, from its description, for a single journey.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from simulator.log.memory import MemoryLog
from simulator.log.schema import Kind
from simulator.windows import Windows

CLOSE = 5
NULL = None


@dataclass
class Journey:
    click_id: int
    click_time: int
    carts: list[int] = field(default_factory=list)
    pays: list[tuple[int, float]] = field(default_factory=list)
    refunds: list[tuple[int, float]] = field(default_factory=list)
    future: tuple[bool, bool, float] = (False, False, 0.0)

    @property
    def gmv(self) -> float:
        total = 0.0
        for _, amount in self.pays:
            total += amount
        return total


@dataclass
class Sample:
    time: int
    rank: int
    id: int
    role: str
    converted: float | None
    refunded: float | None
    gmv: float | None
    journey: Journey
    pay_count: int
    previous_gmv: float
    previous_time: int | None


Rule = Callable[[str, Journey, int, int], Any]


def simulate(
    log: MemoryLog, windows: Windows, rule: Rule, timers: tuple[int, ...], until: int
) -> list[tuple[Any, ...]]:
    """Run all journeys and return samples as rows in total order, revisions numbered per click."""
    env = simpy.Environment()
    delivered: list[Sample] = []
    by_row: dict[int, list[tuple[int, int, int, float]]] = {}
    event = log.event
    for row, id_, time, kind, amount in zip(
        event.row, event.event_id, event.time, event.kind, event.amount, strict=True
    ):
        by_row.setdefault(int(row), []).append((int(time), int(kind), int(id_), float(amount)))
    for row, (id_, time) in enumerate(zip(log.click_id, log.click_time, strict=True)):
        env.process(
            _live(env, Journey(int(id_), int(time)), by_row.get(row, []), windows, rule, timers, delivered)
        )
    if until > 0:
        env.run(until=until)
    delivered.sort(key=lambda s: (s.time, s.rank, s.id))
    revisions: dict[int, int] = {}
    rows = []
    for s in delivered:
        revision = revisions.get(s.journey.click_id, 0)
        revisions[s.journey.click_id] = revision + 1
        rows.append(
            (s.journey.click_id, s.time, s.role, revision, s.converted, s.refunded, s.gmv, s.pay_count,
             s.previous_gmv, s.previous_time, s.time - s.journey.click_time)
        )  # fmt: skip
    return rows


def _live(
    env: simpy.Environment,
    journey: Journey,
    events: list[tuple[int, int, int, float]],
    windows: Windows,
    rule: Rule,
    timers: tuple[int, ...],
    delivered: list[Sample],
) -> Generator[Any, Any, None]:
    """Live through everything that happens to one click, in order."""
    items = [(journey.click_time, int(Kind.CLICK), journey.click_id, 0.0), *events]
    items += [(journey.click_time + after, int(Kind.TIMER), journey.click_id, 0.0) for after in timers]
    items.append((journey.click_time + windows.attribution, CLOSE, journey.click_id, 0.0))
    items.sort()
    _foresee(journey, items, windows)
    for time, kind, id_, amount in items:
        yield env.timeout(time - env.now)
        before = (journey.gmv, journey.pays[-1][0] if journey.pays else None)
        if not _happen(journey, time, kind, amount, windows):
            continue
        name = {0: "click", 1: "cart", 2: "pay", 3: "refund", 4: "timer", 5: "close"}[kind]
        for role, converted, refunded, gmv in rule(name, journey, time, time - journey.click_time):
            delivered.append(
                Sample(
                    time,
                    kind,
                    id_,
                    role,
                    converted,
                    refunded,
                    gmv,
                    journey,
                    len(journey.pays),
                    before[0],
                    before[1],
                )
            )


def _happen(journey: Journey, time: int, kind: int, amount: float, windows: Windows) -> bool:
    """Let one event happen; tell whether it counts."""
    inside = time - journey.click_time <= windows.attribution
    if kind == Kind.CART:
        if inside:
            journey.carts.append(time)
        return inside
    if kind == Kind.PAY:
        if inside:
            journey.pays.append((time, amount))
        return inside
    if kind == Kind.REFUND:
        counts = bool(journey.pays) and time - journey.pays[0][0] <= windows.refund
        if counts:
            journey.refunds.append((time, amount))
        return counts
    return True


def _foresee(journey: Journey, items: list[tuple[int, int, int, float]], windows: Windows) -> None:
    twin = Journey(journey.click_id, journey.click_time)
    for time, kind, _, amount in items:
        _happen(twin, time, kind, amount, windows)
    journey.future = (bool(twin.pays), bool(twin.refunds), twin.gmv)


def rules(window: int) -> dict[str, tuple[Rule, tuple[int, ...]]]:
    """The built-in policies, each as a rule for one item of one journey, with the timers it needs."""

    def never(name: str, j: Journey, time: int, elapsed: int) -> Any:
        return []

    def oracle(name: str, j: Journey, time: int, elapsed: int) -> Any:
        converted, refunded, gmv = j.future
        if name == "click":
            return [
                (
                    "oracle",
                    float(converted),
                    float(refunded) if converted else NULL,
                    gmv if converted else NULL,
                )
            ]
        return []

    def oracle_first_pay(name: str, j: Journey, time: int, elapsed: int) -> Any:
        _, refunded, gmv = j.future
        return [("oracle", 1.0, float(refunded), gmv)] if name == "pay" and len(j.pays) == 1 else []

    def waiting_window(name: str, j: Journey, time: int, elapsed: int) -> Any:
        return [("observed", float(bool(j.pays)), NULL, NULL)] if name == "timer" else []

    def complete(name: str, j: Journey, time: int, elapsed: int) -> Any:
        return [("final", float(bool(j.pays)), NULL, j.gmv if j.pays else NULL)] if name == "close" else []

    def fake_negative(name: str, j: Journey, time: int, elapsed: int) -> Any:
        if name == "click":
            return [("negative", 0.0, NULL, NULL)]
        return [("positive", 1.0, NULL, NULL)] if name == "pay" and len(j.pays) == 1 else []

    def elapsed_time(name: str, j: Journey, time: int, elapsed: int) -> Any:
        if name == "timer":
            return [("immediate_positive", 1.0, NULL, NULL) if j.pays else ("negative", 0.0, NULL, NULL)]
        if name == "pay" and len(j.pays) == 1 and elapsed > window:
            return [("delayed_positive", 1.0, NULL, NULL)]
        return []

    def partial_gmv(name: str, j: Journey, time: int, elapsed: int) -> Any:
        if name == "pay":
            return [("partial", 1.0, NULL, j.gmv)]
        return [("final", 1.0, NULL, j.gmv)] if name == "close" and j.pays else []

    return {
        "never": (never, ()),
        "oracle": (oracle, ()),
        "oracle/first-pay": (oracle_first_pay, ()),
        "waiting-window": (waiting_window, (window,)),
        "complete": (complete, ()),
        "fake-negative": (fake_negative, ()),
        "elapsed-time": (elapsed_time, (window,)),
        "partial-gmv": (partial_gmv, ()),
    }
