r"""Ali-CCP, the log of ESMM (SIGIR 2018): 84 million impressions of a shop, clicked or not, bought or not, without times.

Two files go together. The skeleton has a line an impression: sample_id, click, buy, common_feature_index, feature_num,
feature_list; the common features have a line an index: common_feature_index, feature_num, feature_list. A feature list
parts features by ``\x01``, and in each the field from the id by ``\x02`` and the id from its weight by ``\x03``. This is the
layout that the data set's own page at Tianchi (data set 408) gives and that the published readers take (those of AITM, of
ESCIM and of PaddleRec): neither file has a first line of names.

Weights are not read. Of several ids in one of the 18 single fields the last one counts, and common features go before those
of the skeleton, as in the published readers. The five further fields are sets, of which the first three ids are kept.
"""

from __future__ import annotations

import duckdb

from simulator.errors import UsageError
from simulator.log.importers.base import IMPORTERS, Choices, Importer, Journeys
from simulator.log.importers.cells import first_fault, reject
from simulator.log.importers.shown import UNPAID, make_views, spans_of
from simulator.log.importers.source import Layout, has_nul, integer, read_source
from simulator.log.schema import Feature, column_names
from simulator.log.sql import identifier, literal
from simulator.units import DAY

FIELDS = ("101", "121", "122", "124", "125", "126", "127", "128", "129", "205", "206", "207", "216", "508", "509", "702",
          "853", "301")  # fmt: skip
"""The fields with one id; 101 is the user, 205 the item."""
SETS = ("109_14", "110_14", "127_14", "150_14", "210")
"""The fields with any number of ids."""
KEPT = 3
"""Ids of a set that are kept."""
MIN_COUNT = 10
FEATURE, FIELD, WEIGHT = "\x01", "\x02", "\x03"

SKELETON = Layout(
    ("sample_id", "click", "buy", "common_feature_index", "feature_num", "feature_list"),
    header=False,
    parts=True,
)
COMMON = Layout(("common_feature_index", "feature_num", "feature_list"), header=False, parts=True)
AGAIN = "common_feature_index comes again"
NOWHERE = "common_feature_index is in no common file"

_TEXT = f"[^{FEATURE}{FIELD}{WEIGHT}]+"
_ONE = f"{_TEXT}{FIELD}{_TEXT}{WEIGHT}{_TEXT}"
_LIST = f"{_ONE}(?:{FEATURE}{_ONE})*"


def build(con: duckdb.DuckDBPyConnection, choices: Choices) -> Journeys:
    """Make ``impressions``, ``clicks`` and ``events``: a click is at its impression, and a purchase at its click."""
    wide = choices.fields == "23"
    features = [Feature(name, 1) for name in FIELDS]
    if wide:
        features += [Feature(name, 1, KEPT, "tags") for name in SETS]
    spans = spans_of(con, "source")
    per_file = len(choices.common) > 1
    if per_file and len(choices.common) != len(choices.sources):
        raise UsageError(
            f"ali-ccp: {len(choices.common)} files of common features for {len(choices.sources)} skeletons; give one for "
            "each, in their order, or one for all"
        )
    con.execute("ALTER TABLE source RENAME TO skeleton")
    con.execute("ALTER TABLE rejected RENAME TO rejected_skeleton")
    read_source(con, choices.common, COMMON)
    con.execute("INSERT INTO rejected SELECT * FROM rejected_skeleton")
    _parse_common(con, features, per_file=per_file)
    con.execute("DROP TABLE source")
    con.execute("ALTER TABLE skeleton RENAME TO source")
    _parse(con, features, per_file=per_file)
    con.execute(reject(SKELETON.columns))
    con.execute("DROP TABLE source")
    for feature in features:
        _make_ids(con, feature, choices.min_count)
    _make_rows(con, features, spans.time)
    cut = _count_cut(con, features)
    told = (
        "ids are those of the files"
        if not choices.min_count
        else f"values seen {choices.min_count} times or fewer in the training file share id 0 with those that are missing"
    )
    return Journeys(
        origin=0,
        observed_until=spans.end + 2 * choices.attribution,
        features=tuple(feature.name for feature in features),
        notes=(*spans.notes, told, *cut),
        shapes={feature.name: feature for feature in features if feature.tags},
        cardinalities={f.name: _size(con, f) for f in features},
        provenance=spans.provenance | {"fields": len(features), "min_count": choices.min_count},
        impressions=True,
    )


def _well_formed() -> dict[str, str]:
    """Tests of a feature list and its length, each with the reason."""
    listed, count = "coalesce(feature_list, '')", integer("feature_num")
    entries = f"length({listed}) - length(replace({listed}, {literal(FIELD)}, ''))"
    return {
        f"{listed} <> '' AND NOT regexp_full_match({listed}, {literal(_LIST)})": (
            "feature_list is not of the form field, \\x02, id, \\x03, weight, parted by \\x01"
        ),
        f"{count} IS NULL OR {count} <> {entries}": "feature_num is not the number of features",
    }


def _values(features: list[Feature]) -> str:
    """SQL for what a feature list says of each feature: the last id of its field, or all ids of a set."""
    found = []
    for feature in features:
        of = f"{feature.name}{FIELD}([^{FEATURE}{FIELD}{WEIGHT}]*)"
        if feature.tags:
            sql = f"regexp_extract_all(feature_list, {literal(f'(?:^|{FEATURE}){of}')}, 1)"
            sql = f"CASE WHEN len({sql}) > 0 THEN {sql} END"
        else:
            sql = f"nullif(regexp_extract(feature_list, {literal(f'^(?:.*{FEATURE})?{of}')}, 1), '')"
        found.append(f"{sql} AS {identifier(feature.name)}")
    return ", ".join(found)


def _parse_common(con: duckdb.DuckDBPyConnection, features: list[Feature], *, per_file: bool) -> None:
    """Make ``common`` (file, common_feature_index, the features) of the lines that can be read."""
    key = "file, common_feature_index" if per_file else "common_feature_index"
    faults = first_fault(
        {has_nul(COMMON.columns): "holds a NUL byte", "again.line IS NOT NULL": AGAIN} | _well_formed()
    )
    again = f"SELECT line FROM (SELECT line, row_number() OVER (PARTITION BY {key} ORDER BY line) AS place FROM source)"
    con.execute(
        f"CREATE TABLE parsed AS SELECT source.line, {faults} AS reason FROM source "
        f"LEFT JOIN ({again} WHERE place > 1) AS again ON again.line = source.line"
    )
    con.execute(reject(COMMON.columns))
    con.execute(
        f"CREATE TABLE common AS SELECT file, common_feature_index, {_values(features)} FROM source "
        "SEMI JOIN (SELECT line FROM parsed WHERE reason IS NULL) AS good USING (line)"
    )
    con.execute("DROP TABLE parsed")


def _parse(con: duckdb.DuckDBPyConnection, features: list[Feature], *, per_file: bool) -> None:
    """Make ``parsed`` (line, file, clicked, bought, reason, the features) of the skeleton, joined with ``common``."""
    faults = first_fault(
        {
            has_nul(SKELETON.columns): "holds a NUL byte",
            f"coalesce({integer('click')}, 2) > 1": "click is not 0 or 1",
            f"coalesce({integer('buy')}, 2) > 1": "buy is not 0 or 1",
            f"{integer('click')} = 0 AND {integer('buy')} = 1": UNPAID,
        }
        | _well_formed()
    )
    con.execute(
        f"CREATE VIEW read AS SELECT line, file, common_feature_index, {integer('click')} = 1 AS clicked, "
        f"{integer('buy')} = 1 AS bought, {faults} AS reason, {_values(features)} FROM source"
    )
    names = [identifier(feature.name) for feature in features]
    both = ", ".join(f"coalesce(common.{name}, read.{name}) AS {name}" for name in names)
    same = " AND common.file = read.file" if per_file else ""
    con.execute(
        f"CREATE TABLE parsed AS SELECT line, read.file, clicked, bought, coalesce(reason, CASE WHEN "
        f"common.common_feature_index IS NULL THEN {literal(NOWHERE)} END) AS reason, {both} FROM read "
        f"LEFT JOIN common ON common.common_feature_index = read.common_feature_index{same}"
    )


def _make_ids(con: duckdb.DuckDBPyConnection, feature: Feature, min_count: int) -> None:
    """Make ``ids_<name>`` (value, id) of the training file; with ``min_count`` 0 of all values, which are ids already."""
    name, table = identifier(feature.name), identifier(f"ids_{feature.name}")
    value = f"unnest({name}[1:{feature.width}])" if feature.tags else name
    rows = f"SELECT {value} AS value FROM parsed WHERE reason IS NULL"
    if not min_count:
        con.execute(
            f"CREATE TABLE {table} AS SELECT value, CASE WHEN regexp_full_match(value, '[0-9]{{1,9}}') "
            f"THEN CAST(value AS BIGINT) END AS id FROM ({rows}) WHERE value IS NOT NULL GROUP BY value"
        )
        [(text,)] = con.execute(f"SELECT min(value) FROM {table} WHERE id IS NULL").fetchall()
        if text is not None:
            raise UsageError(
                f"ali-ccp: min_count 0 takes values for ids, but field {feature.name} has {text!r}, which is no whole number "
                "below a billion; allowed: min_count 1 or more, which numbers the values"
            )
        return
    con.execute(
        f"CREATE TABLE {table} AS SELECT value, row_number() OVER (ORDER BY length(value), value) AS id "
        f"FROM ({rows} AND file = 0) WHERE value IS NOT NULL GROUP BY value HAVING count(*) > {min_count}"
    )


def _size(con: duckdb.DuckDBPyConnection, feature: Feature) -> int:
    [(largest,)] = con.execute(f"SELECT max(id) FROM {identifier(f'ids_{feature.name}')}").fetchall()
    return 1 if largest is None else int(largest) + 1


def _make_rows(con: duckdb.DuckDBPyConnection, features: list[Feature], time: str) -> None:
    values, joins = [], []
    for feature in features:
        name, table = identifier(feature.name), identifier(f"ids_{feature.name}")
        for place, column in enumerate(column_names([feature]), 1):
            alias, value, none = identifier(f"as_{column}"), f"parsed.{name}", "0"
            if feature.tags:  # a set has its ids one by one, then -1 for no further one
                value += f"[{place}]"
                none = f"CASE WHEN {value} IS NULL THEN -1 ELSE 0 END"
            joins.append(f"LEFT JOIN {table} AS {alias} ON {alias}.value = {value}")
            values.append(f"coalesce({alias}.id, {none}) AS {identifier(column)}")
    user, item = (f"coalesce(TRY_CAST(parsed.{identifier(name)} AS BIGINT), 0)" for name in ("101", "205"))
    make_views(
        con,
        column_names(features),
        f"SELECT line - 1 AS impression_id, {time} AS time, {user} AS user_id, {item} AS item_id, clicked, bought, "
        f"{', '.join(values)} FROM parsed {' '.join(joins)} WHERE reason IS NULL",
    )


def _count_cut(con: duckdb.DuckDBPyConnection, features: list[Feature]) -> tuple[str, ...]:
    """Say of how many impressions a set was cut."""
    told = []
    for name in (feature.name for feature in features if feature.tags):
        query = f"SELECT count(*) FROM parsed WHERE reason IS NULL AND len({identifier(name)}) > {KEPT}"
        [(count,)] = con.execute(query).fetchall()
        if count:
            told.append(
                f"field {name} has more than {KEPT} ids in {count:,} impressions; the first {KEPT} are kept"
            )
    return tuple(told)


IMPORTER = IMPORTERS.register("ali-ccp")(
    Importer(
        format="ali-ccp",
        description="Ali-CCP: impressions, skeleton and --common (18 fields or 23; no times, no header)",
        layout=SKELETON,
        build=build,
        opens=("click",),
        attribution=3 * DAY,
        unattributed=(UNPAID,),
        names=("sample_skeleton_train.csv", "sample_skeleton_test.csv"),
        common=("common_features_train.csv", "common_features_test.csv"),
        options=("fields", "min_count"),
    )
)
