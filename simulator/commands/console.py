"""Where the command line writes: results to stdout, everything else to stderr."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PIPE_WIDTH = 200
"""Columns where there is no terminal: lines of a table must stay whole for grep."""


def stdout() -> Console:
    """Return a console for results; plain and wide where stdout is no terminal."""
    return _console(stderr=False)


def stderr() -> Console:
    """Return a console for messages."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    from simulator.terminal import PlainConsole

    class HouseConsole(PlainConsole):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # `guard` ends the command; rich would exit with a code of its own

    console = HouseConsole(stderr=stderr, highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def table(title: str, *columns: str) -> Table:
    """Return an empty table in the house's plain style: no frame, headings in bold."""
    from rich.table import Table
    from rich.text import Text

    made = Table(
        title=Text(title),
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def warn(warnings: Sequence[str]) -> None:
    """Print warnings to stderr."""
    console = stderr()
    for warning in warnings:
        console.print("warning:", style="bold yellow", end=" ")
        console.print(warning, soft_wrap=True)
