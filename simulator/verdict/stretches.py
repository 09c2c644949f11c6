"""The stretches of a stream that a policy is chosen for: before a sale, its anticipation, its opening, the sale, after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.calendar import PHASES
from simulator.log.schema import Bool
from simulator.units import DAY
from simulator.verdict.measured import Measured

TITLES = {
    "before": "before",
    "anticipation": "anticipation",
    "opening": "opening",
    "day": "sale",
    "after": "after",
    "all": "all of it",
}
"""Names of the stretches in tables, in order of time."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some cells of a run: ``inside`` of shape (cells,), how long they last, and of how many sales they are a part."""

    name: str
    inside: Bool
    days: float
    sales: int


def stretches(
    measured: Measured, promotions: Sequence[Mapping[str, Any]], opening: int
) -> dict[str, Stretch]:
    """Return the stretches that the cells hold, and ``all`` of them last; of one only there is nothing to tell apart.

    The opening are the cells that lie in the first ``opening`` microseconds of a sale by their middle, and the first cell in
    any case; where that is the whole sale, it is left out.
    """
    phase = np.array([PHASES.index(name) for name in measured.phase], np.int64)
    sale = phase == PHASES.index("promotion")
    began = np.array(sorted(p["start"] for p in promotions), np.int64)
    number = np.searchsorted(began, measured.start, side="right")
    middle = (measured.start + measured.end) // 2
    since = middle - np.append(0, began)[number]
    first = np.append(True, number[1:] != number[:-1]) if len(number) else sale
    found = {name: phase == code for code, name in enumerate(PHASES)}
    parts = {
        "before": found["before"],
        "anticipation": found["anticipation"],
        "opening": sale & ((since < opening) | first),
        "day": sale,
        "after": found["after"],
    }
    if (parts["opening"] == sale).all():
        del parts["opening"]
    held = {name: inside for name, inside in parts.items() if inside.any()}
    if len(held) == 1:
        held = {}
    held["all"] = np.ones(len(phase), np.bool_)
    length = (measured.end - measured.start) / DAY
    return {
        name: Stretch(name, inside, float(length[inside].sum()), len(np.unique(number[inside & sale])))
        for name, inside in held.items()
    }
