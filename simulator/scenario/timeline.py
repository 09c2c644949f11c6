"""Where history, gap and stream lie on a log, in microseconds from its origin."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.errors import ScenarioError
from simulator.scenario.model import Scenario
from simulator.units import DAY, format_duration


@dataclass(frozen=True, slots=True)
class Timeline:
    """Half-open spans of time: clicks of the history are pre-trained on, those of the stream are served."""

    history_start: int
    history_end: int
    stream_start: int
    stream_end: int
    segment: int

    @property
    def segments(self) -> int:
        """Number of segments, a last short one included."""
        return -(-(self.stream_end - self.stream_start) // self.segment)


def timeline(scenario: Scenario, log_start: int, observed_until: int) -> Timeline:
    """Lay a scenario's ``[stream]`` on a log that starts at ``log_start`` and was observed until ``observed_until``.

    Raises
    ------
    ScenarioError : the stream would start after the log ends, or no segment of it could ever be judged.
    """
    stream, lifetime = scenario.stream, scenario.windows.windows().lifetime
    gap = scenario.windows.attribution if stream.gap is None else stream.gap
    first = log_start // DAY * DAY
    start = first + stream.history + gap if stream.start is None else stream.start
    if start >= observed_until:
        raise ScenarioError(
            f"stream.start: the stream would start at {format_duration(start)}, but the log ends at "
            f"{format_duration(observed_until)} after its origin; allowed: a shorter history or gap, or an earlier start"
        )
    if stream.length is None:
        end = start + (observed_until - lifetime - start) // stream.segment * stream.segment
    else:
        end = min(start + stream.length, observed_until)
    if end <= start or start + lifetime > observed_until:
        raise ScenarioError(
            f"stream: no label would be final before the log ends: the stream starts at {format_duration(start)}, the log "
            f"ends at {format_duration(observed_until)}, and labels take {format_duration(lifetime)} "
            "(windows.attribution + windows.refund); allowed: a shorter history, gap or window"
        )
    return Timeline(
        max(first, start - gap - stream.history), max(first, start - gap), start, end, stream.segment
    )
