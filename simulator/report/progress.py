"""Progress of a run on stderr: a live view on a terminal, a few plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TextIO

import numpy as np
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from simulator.calendar import PHASES, Calendar
from simulator.evaluation.cells import Cell
from simulator.evaluation.tasks import TASKS
from simulator.report import numbers
from simulator.report.live import LiveView


class Progress(LiveView):
    """Shows simulated time, phase, events per second, each method's latest metrics and what time is left.

    Plain lines come at 2, 4, 8, 16, ... per cent of the simulated time, so that a log stays short. Wall time is only
    shown; nothing in a run depends on it.

    Parameters
    ----------
    methods : names in the order in which they are shown.
    start, end : simulated time that the replay covers, in microseconds from the log's origin.
    origin : ISO time of the log's origin, to show dates; None shows days of the log.
    """

    refreshes = 4

    def __init__(
        self,
        mode: str,
        methods: Sequence[str],
        start: int,
        end: int,
        calendar: Calendar,
        *,
        origin: str | None = None,
        stream: TextIO | None = None,
    ) -> None:
        super().__init__(mode, stream)
        self._methods = tuple(methods)
        self._start, self._end, self._now = start, max(end, start + 1), start
        self._calendar = calendar
        self._clock = numbers.clock_of({"origin": origin, "time_zone": calendar.clock.zone})
        self._events = 0
        self._activity = "start"
        self._advancing: float | None = None
        self._latest: dict[str, dict[str, str]] = {}
        self._judged: dict[str, str] = {}
        self._next = 0.02

    def enter(self, activity: str) -> None:
        """Enter an activity of the run ("pre-training", "replay", ...)."""
        self._activity = activity
        self._advancing = None
        if self.mode == "plain":
            self._say(f"[{numbers.duration(self._elapsed())}] {activity}")

    def advance(self, sim_time: int, events: int) -> None:
        """Tell that the replay reached ``sim_time``, with so many clicks and events since the last call."""
        if self._advancing is None:
            self._advancing, self._events = time.perf_counter(), 0
        self._now = min(max(sim_time, self._now), self._end)
        self._events += events
        if self.mode == "plain" and self._fraction() >= self._next:
            while self._next <= self._fraction():
                self._next = min(2 * self._next, 1.0) if self._next < 1.0 else 2.0
            self._say("  ".join(filter(None, (self._where(), self._pace()))) + "".join(self._scores()))

    def cell(self, cells: Sequence[Cell]) -> None:
        """Take newly judged cells; the latest metrics of each method are shown from now on."""
        for cell in cells:
            for (method, task), statistics in cell.statistics.items():
                parts = [
                    f"{numbers.title(metric)} {numbers.number(metric, value)}"
                    for metric in TASKS[task].compared
                    if (value := statistics.values[metric]) == value  # not NaN
                ]
                self._latest.setdefault(method, {})[task] = " ".join([task, *parts])
                self._judged[task] = self._stretch(cell)

    def tell(self, method: str, said: str) -> None:
        """Take what is to be said of a method before it is judged."""
        self._latest.setdefault(method, {})[""] = said
        if self.mode == "plain":
            self._say(f"[{numbers.duration(self._elapsed())}] {method}: {said}")

    def view(self) -> RenderableType:
        """Return what the live view shows now."""
        bar = ProgressBar(total=1.0, completed=self._fraction(), width=30)
        head = Table.grid(padding=(0, 2))
        head.add_row(Text(self._activity, "bold"), bar, Text(self._where()), Text(self._pace(), "dim"))
        body = Table.grid(padding=(0, 2))
        body.add_column(overflow="fold", max_width=28)
        body.add_column(overflow="fold")
        for stretch in self._stretches():
            body.add_row(Text("judged", "dim"), Text(stretch, "dim"))
        for method in self._methods:
            body.add_row(Text(method, "cyan"), Text("   ".join(self._latest.get(method, {}).values())))
        return Group(head, body)

    def _where(self) -> str:
        phase = PHASES[int(self._calendar.phase(np.array([self._now], np.int64))[0])]
        place = f" {phase}" if self._calendar.promotions else ""
        return f"{self._fraction():4.0%} {numbers.instant(self._now, self._clock)}{place}"

    def _pace(self) -> str:
        spent = 0.0 if self._advancing is None else time.perf_counter() - self._advancing
        if not spent or not self._events:
            return ""
        done = self._fraction()
        left = f", {numbers.duration(spent * (1.0 - done) / done)} left" if 0.0 < done < 1.0 else ""
        return f"{self._events / spent:,.0f} events/s{left}"

    def _stretch(self, cell: Cell) -> str:
        """Say which stretch a cell is."""
        begin, end = (numbers.instant(at, self._clock) for at in (cell.start, cell.end))
        phase = f", {cell.phase}" if self._calendar.promotions else ""
        return numbers.zoned(f"{begin} to {end}{phase}", self._clock)

    def _stretches(self) -> list[str]:
        """Say of which stretch the latest metrics are: one line, unless tasks are judged at different paces."""
        of = dict.fromkeys(self._judged.values())
        return [f"{', '.join(t for t, own in self._judged.items() if own == one)}: {one}" for one in of]

    def _scores(self) -> list[str]:
        return [f"\n    judged {stretch}" for stretch in self._stretches()] + [
            "\n    " + f"{m}: " + "; ".join(self._latest[m].values())
            for m in self._methods
            if m in self._latest
        ]

    def _fraction(self) -> float:
        return (self._now - self._start) / (self._end - self._start)
