"""Where history, gap and stream lie on a log, in microseconds from its origin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.clock import UTC_CLOCK, Clock
from simulator.errors import ScenarioError
from simulator.scenario.model import Scenario
from simulator.units import DAY, SECOND, format_duration, format_instant

if TYPE_CHECKING:
    from simulator.log.meta import Meta

MOST_SEGMENTS = 100_000
"""Every segment is a step of the protocol: a model published, a row of metrics."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Where a log starts and ends: first click and last observed instant, microseconds from its origin."""

    start: int
    observed_until: int
    clicks: int | None = field(default=None, compare=False)
    """How many clicks it holds, where that is known."""
    clock: Clock | None = field(default=None, compare=False)
    """Local time of the log, where it is known."""
    test_start: int | None = field(default=None, compare=False)
    """Where the test file begins in a log that was made of one for training and one for testing."""

    @classmethod
    def of(cls, meta: Meta) -> Extent:
        """Return the extent of a log at rest."""
        test = meta.provenance.get("test_start")
        test_start = test if isinstance(test, int) else None
        return cls(meta.start, meta.observed_until, meta.clicks, meta.clock, test_start)

    def said(self, time: int) -> str:
        """Write an instant as the day of the log and the time of that day, local where that is known."""
        return format_instant(time) if self.clock is None else self.clock.said(time)

    def midnight(self, time: int) -> int:
        """Return the (local) midnight before an instant."""
        clock = self.clock or UTC_CLOCK
        return clock.instant(clock.one(time) // DAY * DAY)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Half-open spans of time: clicks of the history are pre-trained on, those of the stream are served."""

    history_start: int
    history_end: int
    stream_start: int
    stream_end: int
    segment: int


def lifetime_in_words(scenario: Scenario) -> str:
    """Say which windows make the lifetime of a journey."""
    late = " + windows.lateness" if scenario.windows.lateness else ""
    return f"windows.attribution + windows.refund{late}"


def extent_of_world(scenario: Scenario) -> Extent | None:
    """Return the extent that the log of a scenario's world will have; None where it has no world."""
    if scenario.world is None:
        return None
    world = scenario.world
    lifetime = scenario.windows.windows().lifetime
    return Extent(0, world.days * DAY + lifetime, world.days * world.clicks_per_day)


def stream_gap(scenario: Scenario) -> int:
    """Return the time between history and stream: by default the labels of the history become final in it."""
    gap = scenario.stream.gap
    return scenario.windows.windows().closing if gap is None else gap


def stream_start(scenario: Scenario, midnight: int) -> int:
    """Return when the stream starts on a log whose first click is on the day that begins at ``midnight``."""
    stream = scenario.stream
    return midnight + stream.history + stream_gap(scenario) if stream.start is None else stream.start


def timeline(scenario: Scenario, log: Extent) -> Timeline:
    """Lay a scenario's ``[stream]`` on a log.

    Raises
    ------
    ScenarioError : the stream would start after the log ends, no segment of it could ever be judged, or there are too
        many.
    """
    stream, lifetime = scenario.stream, scenario.windows.windows().lifetime
    gap, observed_until = stream_gap(scenario), log.observed_until
    first = log.midnight(log.start)
    start, history = stream_start(scenario, first), stream.history
    if scenario.offline and stream.start is None and log.test_start is not None:
        # As the files are split: all of the one is trained on, the other is judged.
        start, gap, history = log.test_start, 0, log.test_start - first
    if start >= observed_until:
        raise ScenarioError(
            f"stream.start: the stream would start at {log.said(start)}, but the log ends at "
            f"{log.said(observed_until // SECOND * SECOND)}; allowed: a shorter history or gap, or an earlier start"
        )
    segment = stream.segment
    if scenario.offline:
        end = observed_until - lifetime + 1  # whatever is final
        if stream.length is not None:
            end = min(start + stream.length, end)
        segment = stream.offline.cell or max(end - start, 1)
    elif stream.length is None:
        end = start + (observed_until - lifetime - start) // stream.segment * stream.segment
    else:
        end = min(start + stream.length, observed_until)
    if end <= start or start + lifetime > observed_until:
        raise ScenarioError(
            f"stream: no label would be final before the log ends: the stream starts at {log.said(start)}, the log "
            f"ends at {log.said(observed_until // SECOND * SECOND)}, and labels take {format_duration(lifetime)} "
            f"({lifetime_in_words(scenario)}); allowed: a shorter history, gap or window"
        )
    if (end - start) / segment > MOST_SEGMENTS:
        key = "stream.offline.cell" if scenario.offline else "stream.segment"
        raise ScenarioError(
            f"{key} = {format_duration(segment)}: the stream of {format_duration(end - start)} would "
            f"have {(end - start) // segment:,} segments; allowed: at most {MOST_SEGMENTS:,}"
        )
    known = max(first, start - gap - history), max(first, start - gap)
    if scenario.offline and known[0] == known[1]:
        raise ScenarioError(
            f'stream.history = "{format_duration(stream.history)}": protocol = "offline" trains on the history, and there is '
            f"none {format_duration(gap)} (stream.gap) before the stream's start at {log.said(start)}; allowed: a longer "
            "history, a shorter gap, or a later start"
        )
    return Timeline(*known, start, end, segment)
