"""How long a sweep will take, before it begins."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

PER_RUN, PER_CLICK, PER_SAMPLE = 3.0, 15e-6, 60e-6
"""Seconds of one core, roughly: of any run, of each click of a world, of each click and method."""


def seconds_of(clicks: int, methods: int) -> float:
    """Return what a run takes by its size: right to a factor of three or so, which tells minutes from days."""
    return PER_RUN + clicks * (PER_CLICK + methods * PER_SAMPLE)


def measured(run: Path) -> float | None:
    """Return what a finished run took; None where it does not say."""
    try:
        seconds = json.loads((run / "summary.json").read_text(encoding="utf-8"))["seconds"]
        return float(sum(seconds.values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def expected(todo: Iterable[tuple[int, int]], done: Iterable[tuple[int, int, Path]], workers: int) -> float:
    """Return the seconds that runs of so many clicks and methods take, corrected by those that are finished."""
    ratio, known = 0.0, 0.0
    for clicks, methods, run in done:
        if (took := measured(run)) is not None:
            ratio, known = ratio + took, known + seconds_of(clicks, methods)
    whole = sum(seconds_of(clicks, methods) for clicks, methods in todo)
    return whole * (ratio / known if known else 1.0) / max(workers, 1)
