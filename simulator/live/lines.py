"""Samples as lines of JSON, column by column."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.compute as pc

from simulator.samples import Samples


def lines(samples: Samples, policy: str = "") -> list[bytes]:
    """Return a line of JSON for each sample, with the columns of `simulator.samples.schema` but for ``row``.

    Parameters
    ----------
    policy : its name, where several deliver.
    """
    table = samples.to_arrow().drop_columns(["row"]).combine_chunks()
    parts: list[pa.Array | str] = []
    mark = "{" + f'"policy":{json.dumps(policy)},' * bool(policy)
    for name, column in zip(table.column_names, table.columns, strict=True):
        values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        parts += [f"{mark}{json.dumps(name)}:", pc.fill_null(_written(values), "null")]
        mark = ","
    written = pc.binary_join_element_wise(*parts, "}", "")
    found: list[bytes] = written.cast(pa.binary()).to_pylist()
    return found


def _written(values: pa.Array) -> pa.Array:
    """Return values as JSON has them."""
    if pa.types.is_dictionary(values.type):
        return pa.array(list(map(json.dumps, values.dictionary.to_pylist())), pa.string()).take(
            values.indices
        )
    return values.cast(pa.string())
