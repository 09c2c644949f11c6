"""Calls into parts, which may be anybody's: a mistake is told with its place, and what comes back is checked."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from simulator.errors import AfterclickError, PartError, PolicyError
from simulator.parts import Part
from simulator.plugins import place_of


@contextmanager
def calling(
    part: object,
    hook: str,
    on: str = "",
    who: str | None = None,
    passed_on: type[Exception] | tuple[type[Exception], ...] = (),
) -> Iterator[None]:
    """Run a hook of a part; whatever it raises becomes one sentence, with the last line of its own that was reached.

    Parameters
    ----------
    part : whose code is run: a part, an object that one made, a function.
    hook : name of what is called.
    on : on what, such as ``"a batch of 512 samples at step 3"``.
    who : what the part is called; default: its family and its kind.
    passed_on : what the caller explains better.

    Raises
    ------
    PartError : the hook failed, or broke a rule of the house.
    """
    name = called(part) if who is None else who
    where = hook + (f" on {on}" if on else "")
    try:
        yield
    except PartError as error:
        if error.who:
            raise
        who = "" if name in str(error) else f"{name}: "
        raise error.retold(f"{who}{error} (in {where}{_line(part, error)})", who=name) from error
    except passed_on:
        raise
    except AfterclickError:
        raise  # of the log, of the history: it says itself what is wrong
    except Exception as error:
        if isinstance(error, MemoryError) or "allocate memory" in str(error):
            raise
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        broken = PolicyError if name.startswith("policy ") else PartError
        raise broken(f"{name} failed in {where}: {what}{_line(part, error)}", who=name) from error


@contextmanager
def of_methods(*names: str) -> Iterator[None]:
    """Say of which methods the part is that fails."""
    try:
        yield
    except PartError as error:
        if error.method or not names:
            raise
        told = f"method{'s' * (len(names) > 1)} {', '.join(map(repr, names))}: {error}"
        raise error.retold(told, who=error.who or "method", method=names[0]) from error


def called(part: object) -> str:
    """Return what a part is called in messages."""
    return f"{part.family} {part.kind!r}" if isinstance(part, Part) else repr(place_of(part))


def checked(hook: str, found: Any, names: Collection[str], rows: int, *, finite: bool = False) -> None:
    """Check, inside `calling`, that a hook returned one value a row under each name.

    Raises
    ------
    PartError : it is no mapping, lacks a name, or one of its arrays has another shape or (``finite``) holds NaN.
    """
    if not isinstance(found, Mapping):
        raise PartError(
            f"{hook} returned a {type(found).__name__}; it must return a dict with {', '.join(names)}"
        )
    for name in names:
        if name not in found:
            told = ", ".join(map(str, found)) or "nothing"
            raise PartError(f"{hook} returned {told}; it must return {', '.join(names)}")
        shape = tuple(getattr(found[name], "shape", ()))
        if shape != (rows,):
            raise PartError(
                f"{hook} returned {name!r} of shape {shape}; it must be ({rows},), a value for each row"
            )
        if finite and (lost := int(np.count_nonzero(np.isnan(found[name])))):
            raise PartError(f"{hook} returned NaN for {lost} of {rows} rows of {name!r}")


def _line(part: object, error: BaseException) -> str:
    """Return the last line of the part's own code that an error came through."""
    code = part if inspect.isroutine(part) or isinstance(part, type) else type(part)
    try:
        folder = Path(inspect.getfile(code)).parent
    except (OSError, TypeError):
        return ""
    lines = [
        line for line in traceback.extract_tb(error.__traceback__) if Path(line.filename).parent == folder
    ]
    if not lines:
        return ""
    last = lines[-1]
    file, here = Path(last.filename), Path.cwd()
    shown = file.relative_to(here) if file.is_relative_to(here) else file
    return f"; {shown}:{last.lineno}: {last.line}"
