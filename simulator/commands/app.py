"""The frame of the command line: how words reach a verb, and how what goes wrong reaches the user."""

from __future__ import annotations

import os
import sys

from cyclopts import App, CycloptsError, UnusedCliTokensError

from simulator.commands.options import examples
from simulator.program import program


def _version() -> str:
    from simulator.rundir import software_version

    return f"afterclick {software_version()}"


def new_app(text: str, *lines: str) -> App:
    """Return an empty command line that leaves printing errors and ending the process to `start`."""
    return App(
        name=program(),
        help=text,
        help_epilogue=examples(*lines),
        version=_version,
        help_format="plaintext",
        result_action="return_value",
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
    )


def start(app: App, argv: list[str] | None = None) -> int:
    """Run the command line and return the exit code; ``--debug`` (or AFTERCLICK_DEBUG=1) shows tracebacks."""
    from simulator.commands.failure import guard

    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words or os.environ.get("AFTERCLICK_DEBUG", "") not in {"", "0"}
    return guard(lambda: dispatch(app, [word for word in words if word != "--debug"]), debug=debug)


def dispatch(app: App, words: list[str]) -> int:
    """Call the verb that the words name; the first word may be a scenario.

    Raises
    ------
    ScenarioError : there is no such verb, file or option, or a value of one is wrong.
    """
    from simulator.errors import ScenarioError

    if not words:
        app.help_print([])
        return 2
    if not words[0].startswith("-") and words[0] not in app:
        from simulator.commands.scenarios import check_first_word  # slow: not for every verb

        check_first_word(words[0], [name for name in app if not name.startswith("-")])
    try:
        return int(app(words) or 0)
    except CycloptsError as error:
        extra = error.unused_tokens if isinstance(error, UnusedCliTokensError) else None
        reason = f"unexpected argument: {' '.join(extra)}." if extra else str(error)
        verb = f"{words[0]} " if words[0] in app else ""
        raise ScenarioError(f"{reason} Try: {program()} {verb}--help") from error
