"""FarmHash fingerprints as the CASCADE files use them: text to a bucket, one hash a distinct value."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator.errors import RunError

FUNCTION = "fingerprint64"
NAMES = ("Fingerprint64", "fingerprint64")
"""The function's name in module ``farmhash`` as PyPI's cityhash ships it, and as pyfarmhash ships it. Both packages
claim the module; whichever was installed last has it, and both compute the same fingerprint."""


def fingerprint() -> Callable[[str], int]:
    """Return the fingerprint of one text, from whichever package's ``farmhash`` is there. Loads it on first use only.

    Raises
    ------
    RunError : there is no such module, or it offers no fingerprint; says what to install.
    """
    install = "install it with: pip install --force-reinstall 'cityhash>=0.4.10'"
    try:
        module = importlib.import_module("farmhash")
    except ImportError as error:
        raise RunError(
            f"CASCADE files need FarmHash, and module farmhash cannot be loaded ({error}); {install}"
        ) from None
    for name in NAMES:
        found: Callable[[str], int] | None = getattr(module, name, None)
        if callable(found):
            return found
    where = getattr(module, "__file__", None) or "its place is unknown"
    raise RunError(
        f"CASCADE files need FarmHash, and module farmhash ({where}) has neither {' nor '.join(NAMES)}: "
        f"it is of another package; {install}"
    )


def fingerprints(values: Iterable[str], count: int) -> NDArray[np.uint64]:
    """Return FarmHash's ``Fingerprint64`` of ``count`` texts (as UTF-8).

    Raises
    ------
    RunError : as `fingerprint`.
    """
    return np.fromiter(map(fingerprint(), values), np.uint64, count)


def install(con: duckdb.DuckDBPyConnection) -> None:
    """Give the connection the SQL function ``fingerprint64(VARCHAR) -> UBIGINT``; nulls stay null.

    Raises
    ------
    RunError : as `fingerprint`, here and not in the middle of a query.
    """
    fingerprint()
    create: Any = con.create_function  # its overloads do not know functions of Arrow arrays
    create(FUNCTION, _of_chunk, ["VARCHAR"], "UBIGINT", type="arrow")


def _of_chunk(column: Any) -> pa.Array:
    chunk = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded = chunk.dictionary_encode()
    values = encoded.dictionary.to_pylist()
    return pa.array(fingerprints(values, len(values))).take(encoded.indices)
