"""How a sweep is getting on, on stderr: a live view on a terminal, a line for each run anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from simulator.errors import ScenarioError, unknown
from simulator.report import numbers
from simulator.report.progress import MODES
from simulator.sweep.jobs import Outcome


class SweepProgress:
    """Shows how many runs are done, running and failed, and how long the rest will take.

    Parameters
    ----------
    runs : how many there are, those that were there before left out.
    running : asked for the ids of what is running.
    expected : seconds that all is thought to take; None: not known.
    """

    def __init__(
        self,
        mode: str,
        runs: int,
        running: Callable[[], list[str]],
        expected: float | None = None,
        stream: TextIO | None = None,
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        if mode not in MODES:
            raise ScenarioError("--progress: " + unknown("mode", mode, MODES))
        self.mode = ("live" if self._stream.isatty() else "plain") if mode == "auto" else mode
        self._runs, self._running, self._expected = runs, running, expected
        self._done = self._failed = 0
        self._began = time.perf_counter()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self.mode == "live":
            console = Console(file=self._stream, force_terminal=True)
            self._live = Live(get_renderable=self.view, console=console, refresh_per_second=2, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def more(self, runs: int) -> None:
        """Take in further runs."""
        self._runs += runs

    def tell(self, outcome: Outcome) -> None:
        """Take what became of a run."""
        self._done += outcome.status != "failed"
        self._failed += outcome.status == "failed"
        said = (
            f"{outcome.id}: {outcome.error}"
            if outcome.error
            else f"{outcome.id} ({numbers.duration(outcome.seconds)})"
        )
        if self.mode == "plain":
            print(
                f"[{numbers.duration(self._elapsed())}] {self.line()}: {said}", file=self._stream, flush=True
            )
        elif self._live is not None and outcome.status == "failed":
            self._live.console.print(Text(f"failed: {said}", "red"))

    def line(self) -> str:
        """Return the counts, and what time is left."""
        left = self.left()
        return (
            f"{self._done} of {self._runs} runs done, {len(self._running())} running, {self._failed} failed"
            + (f", {numbers.duration(left)} left" if left else "")
        )

    def left(self) -> float | None:
        """Return the seconds that are left: by the runs that are done, before them by what was expected."""
        over = self._done + self._failed
        if over:
            return self._elapsed() / over * (self._runs - over)
        return None if self._expected is None else max(self._expected - self._elapsed(), 0.0)

    def view(self) -> Table:
        """Return what the live view shows now."""
        over = self._done + self._failed
        shown = Table.grid(padding=(0, 2))
        shown.add_row(ProgressBar(total=max(self._runs, 1), completed=over, width=30), Text(self.line()))
        for name in sorted(self._running())[:16]:
            shown.add_row(Text(""), Text(name, "cyan"))
        return shown

    def _elapsed(self) -> float:
        return time.perf_counter() - self._began
