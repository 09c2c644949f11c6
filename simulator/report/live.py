"""What shows itself on stderr while it goes on: a live view on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import ClassVar, Self, TextIO

from rich.console import Console, RenderableType
from rich.live import Live

from simulator.errors import ScenarioError, unknown

MODES = ("auto", "plain", "none")


class LiveView:
    """Shows `view` again and again while its block runs; subclasses say what that is, and `_say` lines of their own.

    Parameters
    ----------
    mode : "auto" is the live view where the stream is a terminal (asked of the stream itself; FORCE_COLOR changes nothing)
        and plain lines elsewhere; "plain"; "none".
    stream : default: stderr.

    Raises
    ------
    ScenarioError : there is no such mode.
    """

    refreshes: ClassVar[int] = 2
    """How often a second a terminal is drawn anew."""

    def __init__(self, mode: str, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        if mode not in MODES:
            raise ScenarioError("--progress: " + unknown("mode", mode, MODES))
        self.mode = ("live" if self._stream.isatty() else "plain") if mode == "auto" else mode
        self._began = time.perf_counter()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self.mode == "live":
            console = Console(file=self._stream, force_terminal=True)
            self._live = Live(
                get_renderable=self.view,
                console=console,
                refresh_per_second=self.refreshes,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def view(self) -> RenderableType:
        """Return what the live view shows now."""
        raise NotImplementedError

    def _elapsed(self) -> float:
        return time.perf_counter() - self._began

    def _say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)
