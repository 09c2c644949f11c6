"""Mapping files, ``{column: {raw value: id}}`` in Python's object format, read as data and never run.

That format can name any function and have it called while it is read. Here it may name nothing but plain
containers and numbers; the first other name ends the reading, before anything is called.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from simulator.errors import UsageError

_ALLOWED: dict[tuple[str, str], type] = {
    ("builtins", "dict"): dict,
    ("builtins", "list"): list,
    ("builtins", "tuple"): tuple,
    ("builtins", "str"): str,
    ("builtins", "int"): int,
    ("builtins", "float"): float,
    ("collections", "OrderedDict"): OrderedDict,
}
_LARGEST = 2**31 - 1


class _RefusedError(Exception):
    """A name that no mapping needs."""


class _DataUnpickler(pickle.Unpickler):
    """An unpickler that knows containers, texts and numbers alone."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _RefusedError(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise _RefusedError("a persistent id")


def read_mapping(path: Path) -> dict[str, pa.Table]:
    """Return for each column a table (``value`` text, ``id`` int32), in the order of the file.

    Columns and values that are integers are taken as their text.

    Raises
    ------
    UsageError
        If the file is missing or damaged, names anything but plain data, or is no mapping of columns to ids.
    """
    content = _load(path)
    if not isinstance(content, Mapping) or not content:
        raise UsageError(f"{path}: holds {_kind(content)}; expected {{column: {{raw value: id}}}}")
    return {_text(path, "column", name): _table(path, name, ids) for name, ids in content.items()}


def _load(path: Path) -> Any:
    if path.is_dir():
        raise UsageError(f"{path}: is a directory; name the mapping file in it")
    try:
        with path.open("rb") as file:
            return _DataUnpickler(file).load()
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except _RefusedError as error:
        raise UsageError(
            f"{path}: refused, since it asks for {error}; "
            "a mapping holds dictionaries, texts and integers and nothing else. Nothing of it was run"
        ) from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except Exception as error:  # noqa: BLE001 - a damaged stream can make the reader raise nearly anything
        raise UsageError(f"{path}: is no mapping file, or damaged ({type(error).__name__})") from None


def _table(path: Path, column: Any, ids: Any) -> pa.Table:
    if not isinstance(ids, Mapping):
        raise UsageError(f"{path}: column {column!r:.60} holds {_kind(ids)}; expected {{raw value: id}}")
    for value in ids.values():
        if type(value) is not int or not 0 <= value <= _LARGEST:
            raise UsageError(
                f"{path}: column {column!r:.60} maps to {value!r:.60}; allowed: integers from 0 to {_LARGEST}"
            )
    by_text = {_text(path, f"a value of column {column!r:.60}", raw): value for raw, value in ids.items()}
    try:
        values = pa.array(by_text, pa.string())
    except (pa.ArrowException, UnicodeError):
        raise UsageError(f"{path}: column {column!r:.60} holds text that is not Unicode") from None
    return pa.table({"value": values, "id": pa.array(np.fromiter(by_text.values(), np.int32, len(by_text)))})


def _text(path: Path, what: str, key: Any) -> str:
    if isinstance(key, str):
        return key
    if type(key) is int:
        return str(key)
    raise UsageError(f"{path}: {what} is {key!r:.60}; allowed: texts and integers")


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"
