"""What is said of promotions that a run cannot show: outside the log, not judged, in the gap, overlapping."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from simulator.calendar import Promotion
from simulator.errors import ScenarioError
from simulator.scenario.model import Scenario
from simulator.scenario.timeline import Extent, Timeline, stream_gap, stream_start, timeline
from simulator.units import SECOND
from simulator.units import format_duration as _d


def promotion_warnings(scenario: Scenario, log: Extent | None) -> list[str]:
    """Return one sentence for each promotion that is not, or not wholly, part of the results, and why.

    Parameters
    ----------
    log : extent of the log with its local time; None where it is not known: then only what needs no log is said.
    """
    promotions = scenario.calendar(None if log is None else log.clock).promotions
    found = [*_skipped(scenario, log), *_overlaps(promotions, log)]
    if log is None:
        return [*_unplaced(scenario), *found]
    try:
        line = timeline(scenario, log)
    except ScenarioError:
        return found  # an error, not a warning
    told = (_said(scenario, promotion, log, line) for promotion in promotions)
    return [*(text for text in told if text), *found]


def _unplaced(scenario: Scenario) -> Iterator[str]:
    """Name the promotions that neither history nor stream ever meet, as far as can be told without the log."""
    length, start = scenario.stream.length, stream_start(scenario, 0)
    began = start - stream_gap(scenario) - scenario.stream.history
    for promotion in scenario.calendar().promotions:
        if promotion.end <= began or (length is not None and promotion.start >= start + length):
            yield (
                f"promotion {promotion.name!r} ({_d(promotion.start)} to {_d(promotion.end)}) is outside history and "
                "stream."
            )


def _said(  # noqa: PLR0911 - one a reason
    scenario: Scenario, promotion: Promotion, log: Extent, line: Timeline
) -> str:
    """Say why a promotion is not wholly learnt from or judged; an empty string where it is."""
    lifetime = scenario.windows.windows().lifetime
    name, start, end = (
        f"promotion {promotion.name!r} ({span(promotion, log)})",
        promotion.start,
        promotion.end,
    )
    last = log.observed_until - lifetime
    final = (
        f"labels are final {_d(lifetime)} after the click (windows.attribution + windows.refund) and the log ends at "
        f"{_at(log.observed_until, log)}, so only clicks up to {_at(last, log)} can be judged"
    )
    if start > log.observed_until or end <= log.start:
        return f"{name} is outside the log, which runs from {_at(log.start, log)} to {_at(log.observed_until, log)}."
    if start > last:
        return f"{name} comes too late, and none of its clicks can be judged: {final}."
    if start >= line.stream_end or end <= line.history_start:
        why = (
            f" {final[0].upper()}{final[1:]}."
            if start >= line.stream_end and scenario.stream.length is None
            else ""
        )
        return (
            f"{name} is outside history and stream, which run from {_at(line.history_start, log)} to "
            f"{_at(line.stream_end, log)}: it is neither learnt from nor judged.{why}"
        )
    if start >= line.history_end and end <= line.stream_start:
        return (
            f"{name} lies in the gap between history and stream ({_at(line.history_end, log)} to "
            f"{_at(line.stream_start, log)}): its clicks are neither learnt from nor judged."
        )
    judged = min(line.stream_end, last)
    if end > judged > start:
        why = final if last <= line.stream_end or scenario.stream.length is None else "the stream ends there"
        return f"{name}: only the first {_d(_whole(judged - start))} of it can be judged: {why}."
    if line.history_end <= start < line.stream_start:
        return (
            f"{name}: only the last {_d(_whole(end - line.stream_start))} of it can be judged: it begins in the gap "
            f"between history and stream, which starts at {_at(line.stream_start, log)}."
        )
    return ""


def _overlaps(promotions: tuple[Promotion, ...], log: Extent | None) -> Iterator[str]:
    """Name the promotions whose phases cut one another short."""
    for first, second in pairwise(promotions):
        if second.start < first.end:
            yield (
                f"promotions {first.name!r} ({span(first, log)}) and {second.name!r} ({span(second, log)}) overlap by "
                f"{_d(min(first.end, second.end) - second.start)}; an instant has one phase, so from the anticipation "
                f"of {second.name!r} on only that one counts."
            )


def _skipped(scenario: Scenario, log: Extent | None) -> Iterator[str]:
    """Name the local times that no clock showed."""
    clock = None if log is None else log.clock
    for promotion in scenario.promotion if clock is not None else ():
        for key in ("start", "end"):
            moment = getattr(promotion, key)
            if clock is not None and not isinstance(moment, int | None) and clock.skipped(moment):
                yield (
                    f"promotion {promotion.name!r}: {key} = {moment.isoformat()} was never shown by a clock in "
                    f"{clock.zone} (they were set forward over it); {clock.moment(clock.at(moment)).isoformat()} is taken."
                )


def span(promotion: Promotion, log: Extent | None) -> str:
    """Write when a promotion is: in days of the log, and by date where its origin is known."""
    if log is None or log.clock is None:
        return f"{_d(promotion.start)} to {_d(promotion.end)}"
    days = f"{log.said(promotion.start)} to {log.said(promotion.end)}"
    return f"{_date(promotion.start, log)} to {_date(promotion.end, log)}, {days}"


def _at(time: int, log: Extent) -> str:
    time = time // SECOND * SECOND
    return f"{log.said(time)} ({_date(time, log)})" if log.clock else log.said(time)


def _date(time: int, log: Extent) -> str:
    return "" if log.clock is None else f"{log.clock.moment(time):%Y-%m-%d %H:%M}"


def _whole(length: int) -> int:
    """Return a length in whole seconds, or as it is if it is shorter than one."""
    return length // SECOND * SECOND or length
