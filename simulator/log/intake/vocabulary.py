"""Features as ids: categories numbered, numbers in bins and rare values folded, by the history alone where it is learnt."""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb

from simulator.errors import UsageError
from simulator.log.intake.staged import OPENED, FeatureColumn, Staged
from simulator.log.intake.values import INTEGERS, among, is_number, is_plain, spelt
from simulator.log.schema import Feature
from simulator.log.sql import literal
from simulator.scenario.data import DataBlock

SPARSE = 4
"""An integer feature whose largest id is more than this many times its number of ids (+1000) gets dense ids."""
_HASH = "md5_number_lower"


@dataclass(slots=True)
class Ids:
    """SQL for the columns of ``clicks`` that features become, over ``opened`` with joins."""

    columns: dict[str, str] = field(default_factory=dict)
    joins: list[str] = field(default_factory=list)
    features: list[Feature] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    nulls: dict[str, float] = field(default_factory=dict)
    """Share of clicks without a value, by feature."""


def number(con: duckdb.DuckDBPyConnection, staged: Staged, data: DataBlock, history: str) -> Ids:
    """Decide the ids of every feature; ``history`` is SQL that tells the clicks that may be learnt from."""
    ids = Ids()
    for feature in staged.features:
        kind = feature.kind
        if not kind:
            continue
        if feature.spec.kind != "tags" and not is_plain(kind):
            raise UsageError(
                f"[data.features] {feature.name}: {staged.clicks.told} holds {kind} in {feature.spec.column!r}; a list is of "
                f'kind "tags": {feature.name} = "tags"'
            )
        text = spelt(feature.raw, kind)
        missing = among(text, (*data.missing, *feature.spec.missing))
        empty = f" OR {feature.raw} = ''" if kind == "VARCHAR" else ""
        nan = f" OR isnan({feature.raw})" if kind in ("FLOAT", "DOUBLE") else ""
        absent = f"({feature.raw} IS NULL{empty}{nan} OR {missing})"
        if feature.spec.kind != "tags":
            [(share,)] = con.execute(f"SELECT avg(CAST({absent} AS INTEGER)) FROM {OPENED}").fetchall()
            ids.nulls[feature.name] = float(share or 0.0)
        make = {"categorical": _categorical, "numeric": _numeric, "hashed": _hashed, "tags": _tags}[
            feature.spec.kind
        ]
        make(con, feature, absent, text, history, ids)
    return ids


def _put(ids: Ids, feature: FeatureColumn, sql: str, cardinality: int) -> None:
    ids.columns[feature.name] = sql
    ids.features.append(Feature(feature.name, max(cardinality, 1), kind=feature.spec.kind))


def _categorical(
    con: duckdb.DuckDBPyConnection, feature: FeatureColumn, absent: str, text: str, history: str, ids: Ids
) -> None:
    """Integers stay as they are unless sparse; other values are numbered in their order; none is the last id."""
    raw, spec = feature.raw, feature.spec
    if feature.kind in INTEGERS and not spec.min_count:
        [(least, largest, distinct, nulls)] = con.execute(
            f"SELECT min({raw}) FILTER (NOT {absent}), max({raw}) FILTER (NOT {absent}), "
            f"approx_count_distinct({raw}), count(*) FILTER ({absent}) FROM {OPENED}"
        ).fetchall()
        if least is None:
            _put(ids, feature, "0", 1)
            return
        if least >= 0 and largest <= SPARSE * distinct + 1000:
            sql = f"CASE WHEN {absent} THEN {largest + 1} ELSE {raw} END" if nulls else raw
            _put(ids, feature, sql, largest + 1 + bool(nulls))
            return
    value = text if feature.kind not in INTEGERS else raw
    table = f"ids_{raw}"
    counted = f"count(*) FILTER ({history})" if spec.min_count else "count(*)"
    con.execute(
        f"CREATE TABLE {table} AS SELECT value, row_number() OVER (ORDER BY value) - 1 AS id FROM "
        f"(SELECT {value} AS value, {counted} AS n FROM {OPENED} WHERE NOT {absent} GROUP BY ALL) WHERE n >= {spec.min_count}"
    )
    [(known,)] = con.execute(f"SELECT count(*) FROM {table}").fetchall()
    [(nulls, rare)] = (
        con.execute(
            f"SELECT count(*) FILTER ({absent}), count(*) FILTER (NOT {absent} AND id IS NULL) FROM {OPENED} "
            f"LEFT JOIN {table} ON {table}.value = {value}"
        ).fetchall()
        if spec.min_count
        else con.execute(f"SELECT count(*) FILTER ({absent}), 0 FROM {OPENED}").fetchall()
    )
    ids.joins.append(f"LEFT JOIN {table} ON {table}.value = {value.replace(raw, 'opened.' + raw)}")
    rare_id, none_id = known, known + bool(spec.min_count)
    qualified = absent.replace(raw, f"opened.{raw}")
    sql = (
        f"CASE WHEN {qualified} THEN {none_id} ELSE coalesce({table}.id, {rare_id}) END"
        if nulls or spec.min_count
        else (f"{table}.id")
    )
    if spec.min_count:
        ids.notes.append(
            f"feature {feature.name!r}: {known:,} values were seen {spec.min_count} times or more in the history; {rare:,} "
            "clicks have another, which share one id"
        )
    _put(ids, feature, sql, known + bool(spec.min_count) + bool(nulls))


def _numeric(
    con: duckdb.DuckDBPyConnection, feature: FeatureColumn, absent: str, text: str, history: str, ids: Ids
) -> None:
    """Bins whose edges are quantiles, or equal steps of the logarithm, of the history; none is a bin of its own."""
    spec = feature.spec
    value = f"TRY_CAST({feature.raw if is_number(feature.kind) else f'trim({text})'} AS DOUBLE)"
    known = f"{history} AND NOT {absent} AND isfinite({value})"
    [(count, bad)] = con.execute(
        f"SELECT count({value}) FILTER ({known}), count(*) FILTER (NOT {absent} AND {value} IS NULL) FROM {OPENED}"
    ).fetchall()
    if bad and not count:
        raise UsageError(
            f'[data.features] {feature.name} is "numeric", but its column holds no number in the history'
        )
    if spec.scale == "quantile":
        shares = [k / spec.bins for k in range(1, spec.bins)]
        row = (
            con.execute(f"SELECT quantile_disc({value}, {shares}) FILTER ({known}) FROM {OPENED}").fetchone()
            if shares
            else None
        )
        edges = sorted(set((row[0] if row else None) or ()))
    else:
        [(low, high)] = con.execute(
            f"SELECT min({value}) FILTER ({known} AND {value} > 0), max({value}) FILTER ({known}) FROM {OPENED}"
        ).fetchall()
        steps = max(spec.bins - 1, 1)
        edges = (
            []
            if low is None or high is None
            else sorted({low * (high / low) ** (k / steps) for k in range(steps)})
        )
    # A value at an edge belongs above it: bin k holds edge k-1 <= value < edge k.
    listed = "[" + ", ".join(repr(float(edge)) for edge in edges) + "]::DOUBLE[]"
    none = len(edges) + 1
    above = f"len(list_filter({listed}, lambda edge: edge <= {value}))"
    table = f"bins_{feature.raw}"
    # One bin a distinct value, then a join: a list is not searched once a click.
    con.execute(
        f"CREATE TABLE {table} AS SELECT raw AS value, {above.replace(feature.raw, 'raw')} AS id FROM "
        f"(SELECT DISTINCT {feature.raw} AS raw FROM {OPENED} "
        f"WHERE NOT {absent} AND {value} IS NOT NULL AND NOT isnan({value}))"
    )
    ids.joins.append(f"LEFT JOIN {table} ON {table}.value = opened.{feature.raw}")
    _put(ids, feature, f"CAST(coalesce({table}.id, {none}) AS INTEGER)", none + 1)
    if bad:
        ids.notes.append(
            f"feature {feature.name!r}: {bad:,} values are no numbers; they share the bin of none"
        )


def _hashed(
    con: duckdb.DuckDBPyConnection, feature: FeatureColumn, absent: str, text: str, history: str, ids: Ids
) -> None:
    """Buckets of an MD5 of the value, the same in every log and version; none is the last id."""
    del con, history
    qualified, value = (sql.replace(feature.raw, f"opened.{feature.raw}") for sql in (absent, text))
    bucket = f"CAST({_HASH}({value}) % {feature.spec.buckets} AS INTEGER)"
    _put(
        ids,
        feature,
        f"CASE WHEN {qualified} THEN {feature.spec.buckets} ELSE {bucket} END",
        feature.spec.buckets + 1,
    )


def _tags(
    con: duckdb.DuckDBPyConnection, feature: FeatureColumn, absent: str, text: str, history: str, ids: Ids
) -> None:
    """Lists (or text with a separator): distinct tags are numbered, those of a click stand in columns of their own."""
    del absent, text
    raw, spec = feature.raw, feature.spec
    # Text is a JSON list, or tags with a separator between them.
    parsed = f"from_json(CASE WHEN json_valid({raw}) THEN {raw} END, '[\"VARCHAR\"]')"
    split = f"CASE WHEN starts_with(trim({raw}), '[') THEN {parsed} ELSE string_split({raw}, {literal(spec.separator)}) END"
    listed = raw if feature.kind.endswith("[]") else f"({split})"
    values = f"list_filter(list_transform({listed}, lambda tag: trim(CAST(tag AS VARCHAR))), lambda tag: tag <> '')"
    table, lists = f"ids_{raw}", f"tags_{raw}"
    con.execute(
        f"CREATE TABLE {lists} AS SELECT _row, unnest({values}) AS tag, generate_subscripts({values}, 1) AS place FROM {OPENED}"
    )
    missing = among("tag", spec.missing)
    con.execute(f"DELETE FROM {lists} WHERE {missing}")
    where = f"WHERE _row IN (SELECT _row FROM {OPENED} WHERE {history})" if spec.min_count else ""
    con.execute(
        f"CREATE TABLE {table} AS SELECT tag AS value, row_number() OVER (ORDER BY tag) - 1 AS id FROM "
        f"(SELECT tag, count(*) AS n FROM {lists} {where} GROUP BY tag) WHERE n >= {spec.min_count}"
    )
    [(known,)] = con.execute(f"SELECT count(*) FROM {table}").fetchall()
    [(longest, cut)] = con.execute(
        f"SELECT coalesce(max(n), 0), count(*) FILTER (n > {spec.longest}) "
        f"FROM (SELECT count(*) AS n FROM {lists} GROUP BY _row)"
    ).fetchall()
    width = max(min(longest, spec.longest), 1)
    wide = f"wide_{raw}"
    con.execute(
        f"CREATE TABLE {wide} AS SELECT _row, list(coalesce(id, {known}) ORDER BY place) AS ids "
        f"FROM {lists} LEFT JOIN {table} ON {table}.value = {lists}.tag GROUP BY _row"
    )
    con.execute(f"DROP TABLE {lists}")
    ids.joins.append(f"LEFT JOIN {wide} ON {wide}._row = opened._row")
    for place in range(width):
        ids.columns[f"{feature.name}.{place}"] = f"coalesce({wide}.ids[{place + 1}], -1)"
    [(empty,)] = con.execute(f"SELECT count(*) FROM {OPENED} ANTI JOIN {wide} USING (_row)").fetchall()
    [(rows,)] = con.execute(f"SELECT count(*) FROM {OPENED}").fetchall()
    ids.nulls[feature.name] = empty / max(rows, 1)
    ids.features.append(Feature(feature.name, max(known + bool(spec.min_count), 1), width, "tags"))
    if cut:
        ids.notes.append(
            f"feature {feature.name!r}: {cut:,} clicks have more than {spec.longest} tags; the first {spec.longest} count"
        )


def whom(con: duckdb.DuckDBPyConnection, staged: Staged, ids: Ids, name: str) -> str:
    """SQL for user_id or item_id: integers as they are, text numbered, unknown ones an id of their own."""
    if staged.numbers[name]:
        [(least, nulls)] = con.execute(
            f"SELECT min({name}), count(*) FILTER ({name} IS NULL) FROM {OPENED}"
        ).fetchall()
        unknown = -1 if least is None else min(least, 0) - 1
        return f"coalesce(opened.{name}, {unknown})" if nulls else f"opened.{name}"
    con.execute(
        f"CREATE TABLE ids_{name} AS SELECT value, row_number() OVER (ORDER BY value) - 1 AS id "
        f"FROM (SELECT DISTINCT {name} AS value FROM {OPENED} WHERE {name} IS NOT NULL)"
    )
    ids.joins.append(f"LEFT JOIN ids_{name} ON ids_{name}.value = opened.{name}")
    return f"coalesce(ids_{name}.id, -1)"
