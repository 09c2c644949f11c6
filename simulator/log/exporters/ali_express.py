"""The two files of AliExpress, as its published script makes them: a search, 16 categorical columns, numbers, two labels."""

from __future__ import annotations

import duckdb

from simulator.log.exporters.base import EXPORTERS, Asked, Exporter, Written, chosen, chosen_features
from simulator.log.exporters.placement import as_one, named, place
from simulator.log.exporters.shown import count_left_out, make_lines
from simulator.log.importers.ali_express import CATEGORICAL, IMPORTER
from simulator.log.meta import Meta
from simulator.log.sql import identifier, literal

_ANY = 2**31


def write(con: duckdb.DuckDBPyConnection, meta: Meta, asked: Asked) -> Written:
    """Make the queries of the files: numeric features are numbers, all others ids; the user is the search."""
    sizes = chosen(meta, asked.features)
    numeric = [f.name for f in chosen_features(meta, asked.features) if f.kind == "numeric"]
    ids = {name: size for name, size in sizes.items() if name not in numeric}
    placed = place(ids, [_ANY] * CATEGORICAL, form="ali-express")
    columns = [f"categorical_{k + 1}" for k in range(CATEGORICAL)]
    values = [
        f"{as_one(held, ids, identifier)} AS {name}" for held, name in zip(placed, columns, strict=True)
    ]
    numbers = [f"numerical_{k + 1}" for k in range(len(numeric))]
    values += [f"{identifier(feature)} AS {name}" for feature, name in zip(numeric, numbers, strict=True)]
    files = {
        f"{part}.csv": (
            f"SELECT user_id AS search_id, {', '.join(values)}, clicked AS click, bought AS conversion FROM shown "
            f"WHERE part = {literal(part)} ORDER BY line"
        )
        for part in make_lines(con, meta, asked)
    }
    told = named(columns, placed, ids) | dict(zip(numbers, numeric, strict=True))
    return Written("", count_left_out(con), told, files)


EXPORTER = EXPORTERS.register("ali-express")(
    Exporter(
        format="ali-express",
        description="AliExpress: a folder with train.csv and test.csv, of logs with impressions",
        file="ali-express",
        suffixes=(),
        write=write,
        header=True,
        delimiter=",",
        files=IMPORTER.names,
    )
)
