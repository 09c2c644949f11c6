"""What is allowed but probably not meant: the warnings that ``sim.py validate`` prints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simulator.scenario.model import Scenario
from simulator.units import DAY
from simulator.units import format_duration as _d

FEW_SEGMENTS = 8


@dataclass(frozen=True, slots=True)
class Span:
    """Where a log starts and ends: first click and last observed instant, microseconds from its origin."""

    start: int
    observed_until: int


def span_of_world(scenario: Scenario) -> Span | None:
    """Return the span that the log of a scenario's world will have; ``None`` where it has no world."""
    if scenario.world is None:
        return None
    return Span(0, scenario.world.days * DAY + scenario.windows.windows().lifetime)


def lint(scenario: Scenario, span: Span | None = None) -> list[str]:
    """Return warnings, each one sentence that says what will happen and what to do.

    ``span`` is that of the log at rest, where it is known; a world's follows from the scenario.
    """
    span = span_of_world(scenario) or span
    return [
        *_data(scenario),
        *_stream(scenario),
        *([] if span is None else _fit(scenario, span)),
        *_scale(scenario),
        *_promotions(scenario),
    ]


def _data(scenario: Scenario) -> list[str]:
    data = scenario.data
    if data is None:
        return []
    warnings = []
    for key in ("path", "clicks", "events"):
        place = getattr(data, key)
        if place is None or "://" in place or "*" in place or Path(place).exists():
            continue
        how = f" Make it with:\n    {data.missing}" if data.missing else ""
        warnings.append(f'data.{key} = "{place}": nothing is there yet, so this scenario cannot run.{how}')
    if data.time_features:
        warnings.append(
            "data.time_features = true: hour and weekday of the click tell a learner whether a row is fresh "
            "or delivered late, and policies that deliver again suffer (measured on a world: ES-DFM AUC "
            ".753 -> .663). Leave them off unless every method delivers each click once."
        )
    return warnings


def _gap(scenario: Scenario) -> int:
    gap = scenario.stream.gap
    return scenario.windows.attribution if gap is None else gap


def _start(scenario: Scenario, log_start: int = 0) -> int:
    stream = scenario.stream
    first = log_start // DAY * DAY
    return first + stream.history + _gap(scenario) if stream.start is None else stream.start


def _stream(scenario: Scenario) -> list[str]:
    stream, attribution, gap = scenario.stream, scenario.windows.attribution, _gap(scenario)
    warnings = []
    if gap < attribution and stream.history:
        warnings.append(
            f"stream.gap ({_d(gap)}) is shorter than windows.attribution ({_d(attribution)}): labels of the "
            f"last {_d(attribution - gap)} of the history are not known yet when the stream starts."
        )
    if stream.start is not None and stream.start < gap + stream.history:
        warnings.append(
            f"stream.start ({_d(stream.start)}) leaves a history of {_d(max(stream.start - gap, 0))} before "
            f"the gap, not the {_d(stream.history)} of stream.history."
        )
    if not stream.history:
        warnings.append(
            'stream.history = "0s": nothing is pre-trained; all methods start from random weights.'
        )
    if stream.length is not None and stream.segment > stream.length:
        warnings.append(
            f"stream.segment ({_d(stream.segment)}) is longer than stream.length ({_d(stream.length)}): no "
            "model is ever evaluated after it learned something."
        )
    return warnings


def _fit(scenario: Scenario, span: Span) -> list[str]:
    """Compare the stream with the log it runs on."""
    stream, start = scenario.stream, _start(scenario, span.start)
    left = span.observed_until - start
    final = left - scenario.windows.windows().lifetime
    if left <= 0 or final <= 0:
        return []  # an error, not a warning: `timeline` raises it
    if scenario.world is not None:
        left = final = scenario.world.days * DAY - start  # the world goes on until all windows are closed
    length = final // stream.segment * stream.segment if stream.length is None else stream.length
    warnings = []
    if length > left:
        warnings.append(
            f"stream.length ({_d(length)}) is longer than what is left of the log after the stream's start "
            f"({_d(left)})."
        )
    elif length > final:
        warnings.append(
            f"labels of the last {_d(length - final)} of the stream are not final when the log ends. Leave "
            f"windows.attribution + windows.refund behind it: stream.length up to {_d(final)}."
        )
    segments = min(length, left) // stream.segment
    if segments < FEW_SEGMENTS and stream.segment <= length:
        warnings.append(
            f"the stream has {segments} whole segments of {_d(stream.segment)}: too few for confidence "
            f"intervals, whose blocks they are ({FEW_SEGMENTS} or more are better)."
        )
    return warnings


def _scale(scenario: Scenario) -> list[str]:
    """The relative improvement needs both ends of its scale among the methods."""
    names = {block.method for block in scenario.method}
    gmv = {name for name in names if name.endswith("-single")}
    warnings = []
    for task, ends, family in (
        ("cvr", ("pre-trained", "oracle"), names - gmv),
        ("gmv", ("pre-single", "oracle-single"), gmv),
    ):
        absent = [name for name in ends if name not in names]
        if absent and family - set(ends):
            warnings.append(
                f"there is no method {' and no '.join(absent)}: the relative improvement (RI) for {task} "
                f"will be missing, since {ends[0]} is its 0 and {ends[1]} its 100."
            )
    return warnings


def _promotions(scenario: Scenario) -> list[str]:
    """Name the promotions that the stream never meets."""
    length = scenario.stream.length
    start = _start(scenario)
    return [
        f"promotion {promotion.name!r} ({_d(promotion.start)} to {_d(promotion.end)}) is outside the stream."
        for promotion in scenario.calendar().promotions
        if promotion.end <= start or (length is not None and promotion.start >= start + length)
    ]
