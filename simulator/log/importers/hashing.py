"""FarmHash fingerprints as the CASCADE files use them: text to a bucket, one hash a distinct value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from farmhash import Fingerprint64
from numpy.typing import NDArray

FUNCTION = "fingerprint64"


def fingerprints(values: Iterable[str], count: int) -> NDArray[np.uint64]:
    """Return FarmHash's ``Fingerprint64`` of ``count`` texts (as UTF-8)."""
    return np.fromiter(map(Fingerprint64, values), np.uint64, count)


def install(con: duckdb.DuckDBPyConnection) -> None:
    """Give the connection the SQL function ``fingerprint64(VARCHAR) -> UBIGINT``; nulls stay null."""
    create: Any = con.create_function  # its overloads do not know functions of Arrow arrays
    create(FUNCTION, _of_chunk, ["VARCHAR"], "UBIGINT", type="arrow")


def _of_chunk(column: Any) -> pa.Array:
    chunk = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded = chunk.dictionary_encode()
    values = encoded.dictionary.to_pylist()
    return pa.array(fingerprints(values, len(values))).take(encoded.indices)
