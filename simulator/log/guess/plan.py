"""Windows, stream, learner and methods that fit a log's span, delays and size."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.log.formats import format_table
from simulator.log.guess.draft import Draft
from simulator.log.guess.trial import Seen
from simulator.units import DAY, HOUR, MINUTE, format_duration, parse_duration

_WINDOWS = (
    15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 3 * DAY, 5 * DAY, 7 * DAY, 10 * DAY, 14 * DAY, 21 * DAY,
    30 * DAY, 45 * DAY, 60 * DAY, 90 * DAY,
)  # fmt: skip
_SEGMENTS = (
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
)
_OBSERVED = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY)
STREAM = 30
"""Segments that a stream should have, about."""
SMALL = 100_000

METHODS = {
    "pre-trained": "learns from the history alone: 0 of the scale",
    "waiting-window": "learns each click once, after windows.observation, with what is known then",
    "fnw": "learns every click at once as not paid, and the pay when it comes",
    "es-dfm": "waits windows.observation, and delivers late pays again",
    "oracle": "knows every label at once: 100 of the scale",
}
GMV_METHODS = {
    "pre-single": "learns from the history alone: 0 of the scale",
    "online-single": "learns what was spent so far, at every pay",
    "offline-single": "waits until the window closes, then learns what was spent in the end",
    "oracle-single": "knows at once what will be spent: 100 of the scale",
}
"""Where a purchase opens the journey everything converts: the question is how much is spent in the end."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``[windows]`` and ``[stream]``, in microseconds, with what they were chosen by."""

    attribution: int
    refund: int
    observation: int
    history: int
    gap: int
    segment: int
    learner: dict[str, object]
    methods: dict[str, str]
    notes: dict[str, str]


def plan_of(draft: Draft, seen: Seen | None, span: int) -> Plan:
    """Choose them; without a log that was seen, by the span of the times alone."""
    notes: dict[str, str] = {}
    span = seen.span if seen is not None else span
    most = max(span // 6, MINUTE)
    pay = None if seen is None else seen.pay
    if draft.shape == "purchases":
        attribution = _below(_WINDOWS, max(min(30 * DAY, span // 8), MINUTE))
        notes["attribution"] = (
            "purchases inside it are repurchases of the journey that the first one opens; choose it by the question"
        )
    elif pay is None:
        attribution = _below(_WINDOWS, min(most, 3 * DAY))
        notes["attribution"] = "no pay was seen to choose it by"
    else:
        attribution = min(_above(_WINDOWS, max(pay[2], MINUTE)), _below(_WINDOWS, most))
        notes["attribution"] = (
            f"half of the pays follow within {_short(pay[0])}, 95 % within {_short(pay[2])} of the click"
        )
    if (
        draft.format is not None
        and (said := format_table(draft.format)["data"].get("attribution")) is not None
    ):
        attribution = min(parse_duration(said), _below(_WINDOWS, most))
        notes["attribution"] = f"as the format says; {notes['attribution']}"
    back = None if seen is None else seen.refund
    refund = 0
    notes["refund"] = "the log has no refunds"
    if back is not None:
        refund = min(_above(_WINDOWS, max(back[2], MINUTE)), _below(_WINDOWS, most))
        notes["refund"] = f"95 % of the refunds follow within {_short(back[2])} of the pay"
    observation = _below(
        _OBSERVED, max(min(pay[0] if pay is not None else attribution // 20, attribution // 3), MINUTE)
    )
    if draft.shape == "purchases":
        observation = _below(_OBSERVED, max(attribution // 20, MINUTE))
    observation = min(observation, attribution)
    notes["observation"] = "the waiting window of methods that wait"
    lifetime = attribution + refund
    left = max(span - attribution - lifetime, 0)
    unit = DAY if left >= 6 * DAY else HOUR if left >= 6 * HOUR else MINUTE
    history = left * 2 // 5 // unit * unit
    stream = max(left - history - unit, 0)
    segment = _below(_SEGMENTS, max(stream // STREAM, MINUTE))
    notes["history"] = f"of {_short(span)} in all; the stream is what is left before labels cannot be final"
    notes["gap"] = "so that the labels of the history are final when the stream starts"
    notes["segment"] = f"about {max(stream // segment, 0)} segments"
    small = seen is None or seen.meta.clicks < SMALL
    learner: dict[str, object] = (
        {
            "embedding_dim": 8,
            "hidden": [64, 32],
            "batch_size": 128 if seen is None or seen.meta.clicks < 20_000 else 256,
        }
        if small
        else {}
    )
    return Plan(
        attribution, refund, observation, history, attribution, segment, learner,
        GMV_METHODS if draft.shape == "purchases" else METHODS, notes,
    )  # fmt: skip


def _below(steps: tuple[int, ...], most: int) -> int:
    return max((step for step in steps if step <= most), default=steps[0])


def _above(steps: tuple[int, ...], least: int) -> int:
    return min((step for step in steps if step >= least), default=steps[-1])


def _short(micros: int) -> str:
    """Write a length of time to two or three digits."""
    for unit in (DAY, HOUR, MINUTE, 1_000_000):
        if micros >= 2 * unit:
            step = unit // 10
            return format_duration(max(micros // step, 1) * step)
    return format_duration(max(micros, 0))
