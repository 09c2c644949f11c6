"""The 25 columns of CASCADE: the processed file (seconds, -1, ids), or raw shards for its own processing."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator.log.exporters.base import EXPORTERS, TEXT, Asked, Exporter, Written, chosen, column
from simulator.log.exporters.journeys import count_fractions, count_left_out, count_young, make_journeys
from simulator.log.exporters.placement import as_one, named, place
from simulator.log.importers.cascade import FEATURES, ITEM, ORIGIN_SECONDS, RECORDED, SIZES, USER
from simulator.log.importers.hashing import fingerprints
from simulator.log.meta import Meta
from simulator.units import SECOND

_TOKENS = 1 << 19


def write(con: duckdb.DuckDBPyConnection, meta: Meta, asked: Asked) -> Written:
    """Make the query of the file: first pay and first refund of each click, features in columns that hold them.

    The log's origin becomes that of CASCADE (2025-05-01, midnight in China). In raw form each id is written as a
    number whose fingerprint falls into that bucket, so that the published processing gives the ids of the log.
    """
    sizes = chosen(meta, asked.features)
    placed = place(sizes, SIZES, form="cascade", preferred={"user": USER, "item": ITEM})
    values = [as_one(held, sizes, column) for held in placed]
    make_journeys(con, asked.windows)
    joins, ids = [], []
    for name, value in zip(FEATURES, values, strict=True):
        if asked.raw:
            joins.append(f"JOIN token_{name} ON token_{name}.id = {value}")
        ids.append(f"{f'token_{name}.token' if asked.raw else value} AS {name}")
    if asked.raw:
        _make_tokens(con, values)
    origin = ORIGIN_SECONDS if asked.raw else 0
    times = [
        f"'[' || {table}.second + {origin} || ']'" if asked.raw else f"{table}.second"
        for table in ("pay", "refund")
    ]
    none = "'[]'" if asked.raw else "-1"
    query = (
        f"SELECT clicked // {SECOND} + {origin} AS click, coalesce({times[0]}, {none}) AS pay, "
        f"coalesce({times[1]}, {none}) AS refund, {', '.join(ids)} "
        "FROM line JOIN click USING (click_id) "
        "LEFT JOIN pay ON pay.click_id = line.click_id AND pay.ordinal = 1 "
        f"LEFT JOIN refund ON refund.click_id = line.click_id AND refund.ordinal = 1 {' '.join(joins)} ORDER BY line"
    )
    left_out = count_left_out(con, refunds=True, repurchases=False)
    left_out |= count_fractions(con, refunds=True, repurchases=False)
    left_out |= count_young(con, meta, asked.windows, RECORDED)
    return Written(query, left_out, named(FEATURES, placed, sizes))


def _make_tokens(con: duckdb.DuckDBPyConnection, values: list[str]) -> None:
    """Make ``token_<column>`` (id, token) of the ids in use."""
    used = []
    for value in values:
        column_ids = con.execute(f"SELECT DISTINCT {value} AS id FROM click ORDER BY id").fetchnumpy()["id"]
        used.append(np.asarray(column_ids, np.int64))
    for name, ids, tokens in zip(FEATURES, used, preimages(used), strict=True):
        con.register("found", pa.table({"id": ids, "token": tokens}))
        con.execute(f"CREATE TABLE token_{name} AS SELECT * FROM found")
        con.unregister("found")


def preimages(used: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Return for each column and id the least number whose text hashes into that bucket.

    One pass over the numbers serves all columns; a column of n buckets needs about n ln n of them.
    """
    tables = [np.full(size, -1, np.int64) for size in SIZES]
    start = 0
    while any((table[ids] < 0).any() for table, ids in zip(tables, used, strict=True)):
        numbers = np.arange(start, start + _TOKENS)
        hashes = fingerprints(map(str, range(start, start + _TOKENS)), _TOKENS)
        for size, table, ids in zip(SIZES, tables, used, strict=True):
            if (table[ids] < 0).any():
                found = np.full(size, -1, np.int64)
                found[(hashes % np.uint64(size))[::-1]] = numbers[
                    ::-1
                ]  # of several, the last one stays: the least
                np.copyto(table, found, where=table < 0)
        start += _TOKENS
    return [table[ids] for table, ids in zip(tables, used, strict=True)]


EXPORTER = EXPORTERS.register("cascade")(
    Exporter(
        format="cascade",
        description="CASCADE: 25 columns, processed (default) or raw (--raw)",
        file="cascade.txt",
        suffixes=TEXT,
        write=write,
        raw=True,
    )
)
