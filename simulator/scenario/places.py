"""Keys that mean something to a run beside their value: paths, and what changes no result.

A path in a scenario file is relative to that file, wherever the scenario is run from; a path of the command line, and a
default that nobody wrote, is relative to the working directory.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from simulator.scenario.fields import Key, at, leaves


@dataclass(frozen=True, slots=True)
class Place:
    """Annotation of a key that holds a path, or several."""

    pattern: bool = False
    """Whether it may be a pattern, such as ``logs/*.parquet``."""
    bare: bool = True
    """Whether a name without a folder is a path, too (else it lies beside something else)."""

    def read(self, text: str, folder: Path) -> str:
        """Return the path that ``text`` means in ``folder``, as it can be typed in the working directory."""
        if not self._moves(text):
            return text
        whole = self._join(text, folder)
        for here in (Path.cwd(), self._root(text, Path.cwd())) if self.bare else ():
            if whole.is_relative_to(here):
                return str(whole.relative_to(here))
        return str(whole)

    def absolute(self, text: str) -> str:
        """Return a path from the working directory as one from anywhere."""
        return str(self._join(text, Path.cwd())) if self._moves(text) else text

    def move(self, text: str, old: Path, new: Path) -> str:
        """Return how a path of a file in ``old`` is written in a file in ``new``.

        What is written absolute stays so, and what is neither below ``new`` nor below the working directory becomes so.
        """
        if not self._moves(text) or Path(text).is_absolute():
            return text
        whole, root = self._join(text, old), self._root(text, new)
        if not (whole.is_relative_to(root) or whole.is_relative_to(self._root(text, Path.cwd()))):
            return str(whole)
        beside = os.path.relpath(whole, root)
        return beside if self.bare or "/" in beside else f"./{beside}"

    def _moves(self, text: str) -> bool:
        return "://" not in text and (self.bare or "/" in text)

    def _join(self, text: str, folder: Path) -> Path:
        return Path(os.path.normpath(self._root(text, folder) / text))

    def _root(self, text: str, folder: Path) -> Path:
        """Return a folder as it can stand before ``text``: its own brackets are none of a pattern."""
        whole = folder.resolve()
        return Path(glob.escape(str(whole))) if self.pattern and glob.has_magic(text) else whole


class Apart:
    """Annotation of a key that changes no result: not what is learnt, predicted or measured, only how it is told or made."""


APART = Apart()
_OF_PARTS = ("prior", "path", "file")
"""Parameters of a method's parts that hold paths; so do those that end in ``_path`` and ``_file``."""


def place_of(model: Any, key: Key) -> Place | None:
    """Return what kind of path a key of a model holds; None where it holds none."""
    kind = at(model, key)
    for mark in _marks(kind):
        if isinstance(mark, Place):
            return mark
    name = str(key[-1])
    if kind is Any and key[0] == "method" and (name in _OF_PARTS or name.endswith(("_path", "_file"))):
        return Place()
    return None


def counts(model: Any, key: Key) -> bool:
    """Tell whether the value of a key can change results. A path does not: what lies there does."""
    above = (at(model, key[:length]) for length in range(1, len(key) + 1))
    return not any(isinstance(mark, Apart | Place) for kind in above for mark in _marks(kind))


def places(model: Any, data: Mapping[str, Any]) -> Iterator[tuple[Key, Place, str]]:
    """Yield every path of plain data of a model: its key (of an entry of a list, too), its kind, its text."""
    for key, value in leaves(data):
        place = place_of(model, key)
        if place is None:
            continue
        for entry, text in enumerate(value) if isinstance(value, list | tuple) else [(None, value)]:
            if isinstance(text, str):
                yield (key if entry is None else (*key, entry)), place, text


def put(data: Any, key: Key, value: Any) -> None:
    """Put a value at a key of plain data that is there."""
    for part in key[:-1]:
        data = data[part]
    data[key[-1]] = value


def _marks(kind: Any) -> tuple[Any, ...]:
    return get_args(kind)[1:] if get_origin(kind) is Annotated else ()
