"""The files of Ali-CCP: a skeleton and common features, for the training part and, where there is one, the test part."""

from __future__ import annotations

import duckdb

from simulator.errors import UsageError
from simulator.log.exporters.base import EXPORTERS, Asked, Exporter, Written, chosen_features
from simulator.log.exporters.placement import as_one, named, place
from simulator.log.exporters.shown import count_left_out, make_lines
from simulator.log.importers.ali_ccp import FEATURE, FIELD, FIELDS, IMPORTER, SETS, WEIGHT
from simulator.log.meta import Meta
from simulator.log.schema import Feature
from simulator.log.sql import identifier, literal

_ANY = 2**31
_USER, _ITEM = FIELDS.index("101"), FIELDS.index("205")
_COMMON = (*FIELDS[:_ITEM], *SETS[:4])
"""Fields that stand in the common features, as in the published files."""


def write(con: duckdb.DuckDBPyConnection, meta: Meta, asked: Asked) -> Written:
    """Make the queries of the files: ids as they are, of weight 1; common features once for each that differs."""
    features = chosen_features(meta, asked.features)
    sizes = {feature.name: feature.cardinality for feature in features if not feature.tags}
    sets = [feature for feature in features if feature.tags]
    if len(sets) > len(SETS):
        raise UsageError(
            f"ali-ccp: has {len(SETS)} fields for several ids, and the log has {len(sets)} such features; choose by --features"
        )
    placed = place(sizes, [_ANY] * len(FIELDS), form="ali-ccp", preferred={"user": _USER, "item": _ITEM})
    parts = make_lines(con, meta, asked)
    entries = {
        field: [_entry(field, as_one(held, sizes, identifier))]
        for field, held in zip(FIELDS, placed, strict=True)
    }
    entries |= {field: _tags(field, feature) for field, feature in zip(SETS, sets, strict=False)}
    common = [entry for field in entries if field in _COMMON for entry in entries[field]]
    own = [entry for field in entries if field not in _COMMON for entry in entries[field]]
    con.execute(
        f"CREATE TABLE joined AS SELECT line, part, {_listed(common)} AS common, {_count(common)} AS commons FROM shown"
    )
    con.execute(
        "CREATE TABLE common AS SELECT part, common, any_value(commons) AS commons, min(line) AS line FROM joined "
        "GROUP BY part, common"
    )
    files = {}
    for part in parts:
        files[f"sample_skeleton_{part}.csv"] = (
            "SELECT row_number() OVER (ORDER BY shown.line) AS sample_id, clicked, bought, 'c' || common.line AS common_index, "
            f"{_count(own)} AS feature_num, {_listed(own)} AS feature_list FROM shown JOIN joined USING (line) "
            f"JOIN common ON common.part = joined.part AND common.common = joined.common WHERE shown.part = {literal(part)} "
            "ORDER BY shown.line"
        )
        files[f"common_features_{part}.csv"] = (
            f"SELECT 'c' || line, commons, common FROM common WHERE part = {literal(part)} ORDER BY line"
        )
    told = named(FIELDS, placed, sizes) | dict(zip(SETS, (feature.name for feature in sets), strict=False))
    return Written("", count_left_out(con), told, files)


def _entry(field: str, value: str) -> str:
    """SQL for one feature of a list; null where the value is."""
    return f"{literal(field + FIELD)} || ({value})::VARCHAR || {literal(WEIGHT + '1.0')}"


def _tags(field: str, feature: Feature) -> list[str]:
    return [
        _entry(field, f"CASE WHEN {name} >= 0 THEN {name} END") for name in map(identifier, feature.columns)
    ]


def _listed(entries: list[str]) -> str:
    return f"concat_ws({literal(FEATURE)}, {', '.join(entries)})"


def _count(entries: list[str]) -> str:
    return " + ".join(f"(({entry}) IS NOT NULL)::INTEGER" for entry in entries)


EXPORTER = EXPORTERS.register("ali-ccp")(
    Exporter(
        format="ali-ccp",
        description="Ali-CCP: a folder of skeletons and common features, of logs with impressions",
        file="ali-ccp",
        suffixes=(),
        write=write,
        delimiter=",",
        files=(*IMPORTER.names, *IMPORTER.common),
    )
)
