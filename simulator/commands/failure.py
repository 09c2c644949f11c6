"""How a command ends: the exit code, and one clear message instead of a traceback."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence

from simulator.commands.console import stderr
from simulator.errors import AfterclickError, ScenarioError

FAILED, USAGE, INTERRUPTED, PIPE_CLOSED = 1, 2, 130, 141


def guard(command: Callable[[], int | None], *, debug: bool = False) -> int:
    """Run a command and return its exit code; a user's mistake becomes a message, a bug a short note.

    With ``debug`` nothing is hidden: every exception is raised as it is.
    """
    try:
        code = command() or 0
        sys.stdout.flush()
    except KeyboardInterrupt:
        say("interrupted", style="yellow")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (head, less) went away; keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except Exception as error:
        if debug:
            raise
        return _explain(error)
    return code


def _explain(error: Exception) -> int:
    if isinstance(error, AfterclickError):
        faults = error.faults if isinstance(error, ScenarioError) else (str(error),)
        fail(faults)
        return error.exit_code
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        fail([f"{place}{error.strerror or error}"])
        return FAILED
    if isinstance(error, MemoryError) or "allocate memory" in str(error):  # torch raises a RuntimeError
        fail([f"out of memory ({str(error).splitlines()[-1] if str(error) else 'no more to be had'})"])
        say("A smaller network, embedding, batch or engine.workers needs less.")
        return FAILED
    fail([f"{type(error).__name__}: {error}".rstrip(": ")])
    say(f"This is a fault of afterclick or of a plug-in, not of your command. Traceback: {_kept(error)}")
    say("Run again with --debug (or AFTERCLICK_DEBUG=1) to see it at once.")
    return FAILED


def _kept(error: Exception) -> str:
    """Write the traceback to a file that can go into a report, and return its path."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="afterclick-", suffix=".traceback.txt", delete=False, encoding="utf-8"
        ) as file:
            file.writelines(traceback.format_exception(error))
    except OSError:
        return "could not be written"
    return file.name


def fail(faults: Sequence[str]) -> None:
    """Print an error; several faults as a list."""
    say("error: ", style="bold red", end="")
    if len(faults) == 1:
        say(faults[0])
        return
    say(f"{len(faults)} faults")
    for fault in faults:
        say(f"  - {fault}")


def say(message: str, style: str | None = None, end: str = "\n") -> None:
    """Print one line to stderr, never wrapped."""
    stderr().print(message, style=style, end=end, soft_wrap=True)
