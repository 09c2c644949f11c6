"""The one family of errors a user can meet: each says what is wrong, where, and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Self


class AfterclickError(Exception):
    """Base of every error that is the user's to mend; shown as one message, never as a traceback."""

    exit_code = 1


class ScenarioError(AfterclickError, ValueError):
    """A scenario (or an override, or a command line) is wrong. Carries every fault found, not the first."""

    exit_code = 2

    def __init__(self, faults: str | Iterable[str]) -> None:
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))


class LogError(AfterclickError, ValueError):
    """A log (or the source of an import) cannot be read as what it claims to be."""


class UsageError(LogError):
    """What was named on the command line is not there, is in the way, or is something else than was said."""

    exit_code = 2


class PartError(AfterclickError, ValueError):
    """A part of a method, or another plug-in, failed or broke a rule of the house.

    Parameters
    ----------
    who : the part; empty as long as nobody has said where it failed.
    method : the method it is of, once that is said.
    """

    def __init__(self, message: str, *, who: str = "", method: str = "") -> None:
        self.who, self.method = who, method
        super().__init__(message)

    def retold(self, message: str, *, who: str, method: str = "") -> Self:
        """Return the same error, whatever else it knows, with another message."""
        twin = type(self).__new__(
            type(self), message
        )  # a subclass may be made of something else than a message
        vars(twin).update(vars(self), who=who, method=method)
        return twin


class PolicyError(PartError):
    """A delay policy broke a rule of the engine (a timer in the past, a label outside its range, ...)."""


class PeekError(PolicyError):
    """A policy reads the future and does not say so.

    Parameters
    ----------
    policy : its key.
    time : the instant at which it read, in microseconds.
    what : what it read.
    """

    def __init__(self, policy: str, time: int, what: str) -> None:
        self.policy, self.time, self.what = policy, time, what
        super().__init__(f"policy {policy!r} reads {what}, but does not declare peeks = True")


class PluginError(AfterclickError, ValueError):
    """A plug-in cannot be taken in: its name is taken, it cannot be loaded, or it is something else."""


class RunError(AfterclickError, RuntimeError):
    """A run cannot start or go on (directory exists, checkpoint of another scenario, ...)."""


class RunBusyError(RunError):
    """Another process is writing the same run."""


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest allowed word, or an empty string.

    >>> nearest("segmnt", ["segment", "gap"])
    " Did you mean 'segment'?"
    >>> nearest("zzz", ["segment"])
    ''
    """
    close = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""


def unknown(what: str, word: str, allowed: Iterable[str]) -> str:
    """Say that ``word`` is no known ``what``, list what is allowed, and offer the nearest spelling."""
    options = sorted(allowed)
    return f"unknown {what} {word!r}; allowed: {', '.join(options) or 'none'}.{nearest(word, options)}"
