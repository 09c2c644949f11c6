"""What is allowed but probably not meant: the warnings that ``sim.py validate`` prints."""

from __future__ import annotations

from pathlib import Path

from simulator.errors import ScenarioError
from simulator.scenario.model import Scenario
from simulator.scenario.promotions import promotion_warnings
from simulator.scenario.ticks import tick_of
from simulator.scenario.timeline import Extent, extent_of_world, lifetime_in_words, stream_gap, timeline
from simulator.units import format_duration as _d

FEW_SEGMENTS = 8
_OF_THE_STREAM = (
    "segment",
    "upload",
    "tick",
    "transport_delay",
    "capacity",
    "publish_every",
    "checkpoint_every",
)
MANY_TICKS = 50_000


def lint(scenario: Scenario, log: Extent | None = None) -> list[str]:
    """Return warnings, each one sentence that says what will happen and what to do.

    ``log`` is the extent of the log at rest, where it is known; a world's follows from the scenario.
    """
    log = extent_of_world(scenario) or log
    return [
        *_data(scenario),
        *_time_features(scenario),
        *(_offline(scenario) if scenario.offline else []),
        *_stream(scenario),
        *([] if log is None else _fit(scenario, log)),
        *promotion_warnings(scenario, log),
    ]


def _data(scenario: Scenario) -> list[str]:
    data = scenario.data
    if data is None:
        return []
    warnings = []
    places = {"path": (data.path,) if data.path else (), **data.sources}
    for key, place in ((key, place) for key, found in places.items() for place in found):
        if "://" in place or "*" in place or Path(place).exists():
            continue
        warnings.append(
            f'data.{key} = "{place}": nothing is there yet, so this scenario cannot run.{data.remedy}'
        )
    return warnings


def _time_features(scenario: Scenario) -> list[str]:
    if not scenario.time_features:
        return []
    key = "stream" if scenario.stream.time_features else "data"
    warning = (
        f"{key}.time_features = true: hour and weekday of the click tell a learner whether a row is fresh "
        "or delivered late, and policies that deliver again suffer (measured on a world: ES-DFM AUC "
        ".753 -> .663). Leave them off unless every method delivers each click once."
    )
    return [warning]


def _offline(scenario: Scenario) -> list[str]:
    """Say what plays no part where labels are final."""
    blocks = {"stream": scenario.stream, "engine": scenario.engine}
    blocks |= {f"method.{block.label}": block for block in scenario.method}
    written = [
        f"{name}.{key}"
        for name, block in blocks.items()
        for key in _OF_THE_STREAM
        if key in block.model_fields_set and getattr(block, key) is not None
    ]
    unread = f" Not read: {', '.join(written)}." if written else ""
    said = (
        'stream.protocol = "offline": labels are final, and all of the history is there at once, so that delay policies and '
        "corrections of delay play no part."
    )
    return [said + unread]


def _stream(scenario: Scenario) -> list[str]:
    stream, closing, gap = scenario.stream, scenario.windows.windows().closing, stream_gap(scenario)
    windows = "windows.attribution" + (" + windows.lateness" if scenario.windows.lateness else "")
    warnings = []
    if gap < closing and stream.history:
        warnings.append(
            f"stream.gap ({_d(gap)}) is shorter than {windows} ({_d(closing)}): labels of the "
            f"last {_d(closing - gap)} of the history are not known yet when the stream starts."
        )
    if stream.start is not None and stream.start < gap + stream.history:
        warnings.append(
            f"stream.start ({_d(stream.start)}) leaves a history of {_d(max(stream.start - gap, 0))} before "
            f"the gap, not the {_d(stream.history)} of stream.history."
        )
    if not stream.history and not scenario.offline:
        warnings.append(
            'stream.history = "0s": nothing is pre-trained; all methods start from random weights.'
        )
    if not scenario.offline and stream.length is not None and stream.segment > stream.length:
        warnings.append(
            f"stream.segment ({_d(stream.segment)}) is longer than stream.length ({_d(stream.length)}): no "
            "model is ever evaluated after it learned something."
        )
    return warnings


def _fit(scenario: Scenario, log: Extent) -> list[str]:
    """Compare the stream with the log it runs on."""
    try:
        line = timeline(scenario, log)
    except ScenarioError:
        return []  # an error, not a warning
    stream, left = scenario.stream, log.observed_until - line.stream_start
    final = left - scenario.windows.windows().lifetime
    if scenario.world is not None:
        left = final  # after its last click a world goes on until all windows are closed
    length = line.stream_end - line.stream_start if stream.length is None else stream.length
    warnings = []
    if length > left:
        warnings.append(
            f"stream.length ({_d(length)}) is longer than what is left of the log after the stream's start "
            f"({_d(left)})."
        )
    elif length > final and stream.length is not None:
        warnings.append(
            f"labels of the last {_d(length - final)} of the stream are not final when the log ends. Leave "
            f"{lifetime_in_words(scenario)} behind it: stream.length up to {_d(final)}."
        )
    if scenario.offline:
        return warnings
    segments = min(length, left) // stream.segment
    if segments < FEW_SEGMENTS and stream.segment <= length:
        warnings.append(
            f"the stream has {segments} whole segments of {_d(stream.segment)}: too few for confidence "
            f"intervals, whose blocks they are ({FEW_SEGMENTS} or more are better)."
        )
    tick = tick_of(scenario, log)
    if (ticks := min(length, left) // tick) > MANY_TICKS:
        warnings.append(
            f"engine.tick ({_d(tick)}) cuts the stream into {ticks:,} ticks: slow, and results do not "
            "depend on it."
        )
    delays = {
        block.label: block.transport_delay or scenario.engine.transport_delay
        for block in scenario.method
        if block.members is None
    }
    for name, delay in delays.items():
        if delay is not None and delay >= length:
            warnings.append(
                f"method {name!r}: transport_delay ({_d(delay)}) is as long as the stream ({_d(length)}) or longer: "
                "no label ever arrives, and nothing is learned."
            )
    return warnings
