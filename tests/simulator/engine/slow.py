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
NET, REFUND_END = -1, -2
"""As timers set at the first pay: when the windows of click and first pay have both closed, and when the latter has."""
NULL = None


@dataclass(frozen=True, order=True)
class Event:
    time: int
    kind: int
    id: int
    amount: float
    arrival: int


@dataclass
class Journey:
    """What is known of a click; everything is worked out anew from all events with each one that becomes known."""

    click_id: int
    click_time: int
    windows: Windows
    known: list[Event] = field(default_factory=list)
    pays: list[tuple[int, float]] = field(default_factory=list)
    refunds: list[tuple[int, float]] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    """When the pays became known, the first news first."""
    gmv: float = 0.0
    future: tuple[bool, bool, float] = (False, False, 0.0)
    future_refunds: float = 0.0

    def inside(self, event: Event) -> bool:
        """Whether it counts, given what is known."""
        windows = self.windows
        if event.kind != Kind.REFUND:
            return _within(event.time - self.click_time, windows.attribution, windows)
        if not self.pays or event.time < self.pays[0][0]:
            return False
        return _within(event.time - self.pays[0][0], windows.refund, windows)

    def learn(self, *events: Event) -> None:
        self.known += events
        pays = sorted(event for event in self.known if event.kind == Kind.PAY and self.inside(event))
        self.pays = [(event.time, event.amount) for event in pays]
        self.told = sorted(event.arrival for event in pays)
        refunds = sorted(event for event in self.known if event.kind == Kind.REFUND and self.inside(event))
        self.refunds = [(event.time, event.amount) for event in refunds]
        self.gmv = 0.0
        for _, amount in self.pays:
            self.gmv += amount


def _within(elapsed: int, window: int, windows: Windows) -> bool:
    return elapsed < window or (elapsed == window and windows.edges == "inclusive")


@dataclass
class Sample:
    visible: int
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
    log: MemoryLog,
    windows: Windows,
    rule: Rule,
    timers: tuple[int, ...],
    until: int,
    pay_timer: int | None = None,
) -> list[tuple[Any, ...]]:
    """Run all journeys and return samples as rows in total order, revisions numbered per click.

    ``timers`` are set at every click, ``pay_timer`` at the first news of a pay.
    """
    env = simpy.Environment()
    delivered: list[Sample] = []
    by_row: dict[int, list[Event]] = {}
    event = log.event
    for row, *values in zip(
        event.row, event.time, event.kind, event.event_id, event.amount, event.arrival, strict=True
    ):
        by_row.setdefault(int(row), []).append(Event(*(value.item() for value in values)))
    for row, (id_, time) in enumerate(zip(log.click_id, log.click_time, strict=True)):
        journey = Journey(int(id_), int(time), windows)
        env.process(_live(env, journey, by_row.get(row, []), rule, timers, pay_timer, delivered))
    if until > 0:
        env.run(until=until)
    delivered.sort(key=lambda s: (s.visible, s.time, s.rank, s.id))
    revisions: dict[int, int] = {}
    rows = []
    for s in delivered:
        revision = revisions.get(s.journey.click_id, 0)
        revisions[s.journey.click_id] = revision + 1
        rows.append(
            (s.journey.click_id, s.time, s.role, revision, s.converted, s.refunded, s.gmv, s.pay_count,
             s.previous_gmv, s.previous_time, s.time - s.journey.click_time, s.visible)
        )  # fmt: skip
    return rows


def _live(
    env: simpy.Environment,
    journey: Journey,
    events: list[Event],
    rule: Rule,
    timers: tuple[int, ...],
    pay_timer: int | None,
    delivered: list[Sample],
) -> Generator[Any, Any, None]:
    """Live through everything that becomes known of one click, in order."""
    clicked, windows = journey.click_time, journey.windows
    lifetime = windows.attribution + windows.refund + windows.lateness
    events = [event for event in events if event.arrival <= clicked + lifetime]
    _foresee(journey, events)
    news: dict[int, list[Event]] = {}
    for event in events:
        news.setdefault(event.arrival, []).append(event)
    others = [(clicked, int(Kind.CLICK), "click")]
    others += [(clicked + after, int(Kind.TIMER), "timer") for after in timers]
    others.append((clicked + windows.attribution + windows.lateness, CLOSE, "close"))
    pays = [event for event in events if event.kind == Kind.PAY and journey.inside(event)]
    if pay_timer is not None and pays:
        first = min(pays, key=lambda event: (event.arrival, event))
        over = max(first.arrival, first.time + windows.refund + windows.lateness)
        due = {NET: max(clicked + windows.attribution + windows.lateness, over), REFUND_END: over}.get(
            pay_timer, min(first.arrival + pay_timer, clicked + lifetime)
        )
        others.append((due, int(Kind.TIMER), "net_timer" if pay_timer == NET else "pay_timer"))
    waiting: list[Event] = []
    for instant in sorted({*news, *(time for time, _, _ in others)}):
        yield env.timeout(instant - env.now)
        items: list[tuple[int, int, int, str, Event | None]] = [
            (instant, kind, journey.click_id, name, None) for time, kind, name in others if time == instant
        ]
        items += [
            (event.time, event.kind, event.id, {1: "cart", 2: "pay", 3: "refund"}[event.kind], event)
            for event in news.get(instant, []) + waiting
        ]
        waiting = []
        for time, kind, id_, name, event in sorted(items, key=lambda item: item[:3]):
            before = (journey.gmv, journey.pays[-1][0] if journey.pays else None)
            if event is not None and not journey.inside(event):
                waiting += [event] if event.kind == Kind.REFUND else []
                continue
            if event is not None:
                journey.learn(event)
            for role, converted, refunded, gmv in rule(name, journey, instant, instant - clicked):
                delivered.append(
                    Sample(
                        instant,
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


def _foresee(journey: Journey, events: list[Event]) -> None:
    twin = Journey(journey.click_id, journey.click_time, journey.windows)
    twin.learn(*events)
    journey.future = (bool(twin.pays), bool(twin.refunds), twin.gmv)
    for _, amount in twin.refunds:
        journey.future_refunds += amount


def rules(window: int, windows: Windows) -> dict[str, tuple[Rule, tuple[int, ...], int | None]]:
    """The policies as rules for one item of one journey, with the timers that they set at the click and at the pay."""

    def first(j: Journey) -> bool:
        return len(j.pays) == 1

    def never(name: str, j: Journey, time: int, elapsed: int) -> Any:
        return []

    def settled_at_closing(name: str, j: Journey, time: int, elapsed: int) -> Any:
        """What posterior settlement does where no segment ends."""
        return [("first", float(bool(j.pays)), NULL, NULL)] if name == "close" else []

    def both_settled_at_closing(name: str, j: Journey, time: int, elapsed: int) -> Any:
        if name == "pay_timer":
            return [("refund_first", NULL, float(bool(j.refunds)), NULL)]
        return settled_at_closing(name, j, time, elapsed)

    def amounts_settled_at_closing(name: str, j: Journey, time: int, elapsed: int) -> Any:
        return [("first", 1.0, NULL, j.gmv)] if name == "close" and j.pays else []

    def oracle(name: str, j: Journey, time: int, elapsed: int) -> Any:
        converted, refunded, gmv = j.future
        if name == "click":
            refund, amount = (float(refunded), gmv) if converted else (NULL, NULL)
            return [("oracle", float(converted), refund, amount)]
        return []

    def oracle_first_pay(name: str, j: Journey, time: int, elapsed: int) -> Any:
        _, refunded, gmv = j.future
        return [("oracle", 1.0, float(refunded), gmv)] if name == "pay" and first(j) else []

    def waiting_window(refunds: bool) -> Rule:
        def rule(name: str, j: Journey, time: int, elapsed: int) -> Any:
            if name == "timer":
                return [("observed", float(bool(j.pays)), NULL, NULL)]
            if refunds and name == "pay" and first(j):
                return [("no_refund", NULL, 0.0, NULL)]
            return (
                [("refund", NULL, 1.0, NULL)] if refunds and name == "refund" and len(j.refunds) == 1 else []
            )

        return rule

    def complete(name: str, j: Journey, time: int, elapsed: int) -> Any:
        if name == "close":
            return [("final", float(bool(j.pays)), NULL, j.gmv if j.pays else NULL)]
        return [("final_refund", NULL, float(bool(j.refunds)), NULL)] if name == "pay_timer" else []

    def fake_negative(refunds: bool) -> Rule:
        def rule(name: str, j: Journey, time: int, elapsed: int) -> Any:
            if name == "click":
                return [("negative", 0.0, NULL, NULL)]
            if name == "pay" and first(j):
                return [("positive", 1.0, 0.0 if refunds else NULL, NULL)]
            return (
                [("refund", NULL, 1.0, NULL)] if refunds and name == "refund" and len(j.refunds) == 1 else []
            )

        return rule

    def elapsed_time(refunds: str, confirm: bool = False, copy: bool = False) -> Rule:
        kept = 0.0 if refunds == "replay" else NULL

        def rule(name: str, j: Journey, time: int, elapsed: int) -> Any:
            if name == "timer":
                return [("immediate_positive", 1.0, kept, NULL) if j.pays else ("negative", 0.0, NULL, NULL)]
            if name == "pay" and first(j) and elapsed > window:
                return [("delayed_positive", 1.0, kept, NULL)]
            if name == "pay" and first(j) and copy:
                return [("copy", 1.0, kept, NULL)]
            if name == "close" and confirm and not j.pays:
                return [("real_negative", 0.0, NULL, NULL)]
            delayed = refunds == "window" and j.pays and j.told[0] - j.click_time > window
            of = "_of_delayed" if delayed else ""
            if name == "pay_timer" and not j.refunds:
                return [("no_refund" + of, NULL, 0.0, NULL)]
            if name == "refund" and refunds != "none" and len(j.refunds) == 1:
                late = time - j.told[0] > window
                return [(("delayed_refund" if late else "refund") + of, NULL, 1.0, NULL)]
            return []

        return rule

    def multi_window(refunds: str) -> Rule:
        plain = elapsed_time(refunds)

        def rule(name: str, j: Journey, time: int, elapsed: int) -> Any:
            if name == "timer" and j.pays:
                delay = j.pays[0][0] - j.click_time
                late = "" if 2 * delay <= window else "_2" if 3 * delay <= 2 * window else "_3"
                return [("immediate_positive" + late, 1.0, 0.0 if refunds == "replay" else NULL, NULL)]
            return plain(name, j, time, elapsed)

        return rule

    def satellites(refunds: str) -> Rule:
        plain = elapsed_time(refunds)

        def rule(name: str, j: Journey, time: int, elapsed: int) -> Any:
            if name == "timer" and elapsed < window:
                return [("feature", float(bool(j.pays)), NULL, NULL)]
            own = plain(name, j, time, elapsed)
            if name == "click":
                return [*own, ("unbias_negative", 0.0, NULL, NULL)]
            return [*own, ("unbias_positive", 1.0, NULL, NULL)] if name == "pay" and first(j) else own

        return rule

    def in_window(name: str, j: Journey, time: int, elapsed: int) -> Any:
        if name == "timer" and not j.pays:
            return [("negative", 0.0, NULL, NULL)]
        if name == "pay_timer" and j.told[0] - j.click_time <= window:
            return [("observed", 1.0, float(bool(j.refunds)), NULL)]
        return []

    def partial_gmv(name: str, j: Journey, time: int, elapsed: int) -> Any:
        if name == "pay":
            return [("partial", 1.0, NULL, j.gmv)]
        return [("final", 1.0, NULL, j.gmv)] if name == "close" and j.pays else []

    def partial(*, told: bool = True, final: bool = True) -> Rule:
        def rule(name: str, j: Journey, time: int, elapsed: int) -> Any:
            kept = name == "pay" if told else final and name == "close"
            return partial_gmv(name, j, time, elapsed) if kept else []

        return rule

    def net(*, told: bool) -> Rule:
        def rule(name: str, j: Journey, time: int, elapsed: int) -> Any:
            left = 0.0
            for _, amount in j.refunds:
                left += amount
            left = max(j.gmv - left, 0.0)
            if name in ("pay", "refund") and told:
                return [("partial" if name == "pay" else "refund", 1.0, NULL, left)]
            return [("final", 1.0, NULL, left)] if name == "net_timer" else []

        return rule

    def windowed_gmv(*, corrections: bool = True, every: bool = False) -> Rule:
        def rule(name: str, j: Journey, time: int, elapsed: int) -> Any:
            if name == "timer" and (j.pays or every):
                return [("observed", float(bool(j.pays)), NULL, j.gmv if j.pays else NULL)]
            ended = j.click_time + window
            if name != "close" or not corrections or not j.pays or j.told[-1] <= ended:
                return []
            taken = [("retraction", 0.0, NULL, NULL)] if every and j.told[0] > ended else []
            return [*taken, ("final", 1.0, NULL, j.gmv)]

        return rule

    def oracle_net(name: str, j: Journey, time: int, elapsed: int) -> Any:
        _, refunded, gmv = j.future
        stays = max(gmv - j.future_refunds, 0.0)
        return [("oracle", 1.0, float(refunded), stays)] if name == "pay" and first(j) else []

    verdict = min(window, windows.refund)
    return {
        "never": (never, (), None),
        "posterior-settlement": (settled_at_closing, (), None),
        "cascade-settlement": (both_settled_at_closing, (), REFUND_END),
        "gmv-settlement": (amounts_settled_at_closing, (), None),
        "oracle": (oracle, (), None),
        "oracle/first-pay": (oracle_first_pay, (), None),
        "waiting-window": (waiting_window(refunds=False), (window,), None),
        "waiting-window/refunds": (waiting_window(refunds=True), (window,), None),
        "complete": (complete, (), None),
        "complete/refunds": (complete, (), REFUND_END),
        "fake-negative": (fake_negative(refunds=False), (), None),
        "fake-negative/refunds": (fake_negative(refunds=True), (), None),
        "elapsed-time": (elapsed_time("none"), (window,), None),
        "elapsed-time/replay": (elapsed_time("replay"), (window,), None),
        "elapsed-time/window": (elapsed_time("window"), (window,), verdict),
        "real-negative/replay": (elapsed_time("replay", confirm=True), (window,), None),
        "duplicate/replay": (elapsed_time("replay", confirm=True, copy=True), (window,), None),
        "multi-window": (multi_window("none"), (window,), None),
        "multi-window/replay": (multi_window("replay"), (window,), None),
        "satellites": (satellites("none"), (window // 2, window), None),
        "satellites/replay": (satellites("replay"), (window // 2, window), None),
        "in-window": (in_window, (window,), verdict),
        "partial-gmv": (partial_gmv, (), None),
        "partial-gmv/partial": (partial(), (), None),
        "partial-gmv/final": (partial(told=False), (), None),
        "partial-gmv/net": (net(told=True), (), NET),
        "partial-gmv/net-final": (net(told=False), (), NET),
        "oracle/net": (oracle_net, (), None),
        "windowed-gmv": (windowed_gmv(), (window,), None),
        "windowed-gmv/once": (windowed_gmv(corrections=False), (window,), None),
        "windowed-gmv/every": (windowed_gmv(every=True), (window,), None),
    }
