"""The cells of the evaluation: each a segment of the stream, cut where the phase of the promotion changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from simulator.calendar import PHASES, Calendar
from simulator.evaluation.tasks import Statistics
from simulator.log.schema import Bool, Int64, UInt8


@dataclass(frozen=True, slots=True)
class Cell:
    """One segment, or the part of it that lies in one phase. Times are microseconds from the log's origin.

    ``after_switch`` marks the cell that begins with a phase switch: its clicks were predicted by a model that
    had seen nothing of the new phase. ``mature_at`` is when the labels of all its clicks were final (-1: not
    known).
    """

    segment: int
    start: int
    end: int
    phase: str
    after_switch: bool
    rows: int = 0
    mature_at: int = -1
    statistics: Mapping[tuple[str, str], Statistics] = field(default_factory=dict)
    """By (method, task)."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The plan of the cells: where segments begin and where phases switch."""

    stream_start: int
    segment: int
    calendar: Calendar

    def switches(self) -> tuple[Int64, UInt8]:
        """Return the instants at which the phase really changes, and the phase codes that begin there."""
        times, codes = self.calendar.switches()
        before = np.concatenate([np.zeros(1, np.uint8), codes[:-1]]) if len(codes) else codes
        changed: Bool = codes != before
        return times[changed], codes[changed]

    def locate(self, time: Int64) -> tuple[Int64, Int64]:
        """Return each instant's segment and how many switches came before it: together they name the cell."""
        return (time - self.stream_start) // self.segment, np.searchsorted(
            self.switches()[0], time, side="right"
        )

    def cell(self, segment: int, switched: int) -> Cell:
        """Return the (empty) cell of a segment after so many switches."""
        times, codes = self.switches()
        start = self.stream_start + segment * self.segment
        end = start + self.segment
        after_switch = False
        if switched:
            after_switch = int(times[switched - 1]) >= start
            start = max(start, int(times[switched - 1]))
        if switched < len(times):
            end = min(end, int(times[switched]))
        phase = PHASES[int(codes[switched - 1])] if switched else PHASES[0]
        return Cell(segment, start, end, phase, after_switch)
