"""How a sweep is getting on, on stderr: a live view on a terminal, a line for each run anywhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from simulator.report import numbers
from simulator.report.live import LiveView
from simulator.sweep.jobs import Outcome


class SweepProgress(LiveView):
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
        super().__init__(mode, stream)
        self._runs, self._running, self._expected = runs, running, expected
        self._done = self._failed = 0

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
            self._say(f"[{numbers.duration(self._elapsed())}] {self.line()}: {said}")
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
