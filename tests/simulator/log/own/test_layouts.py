"""Files as they come: folders, encodings, quotes, cut lines, columns in any order."""

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulator.errors import UsageError
from simulator.log.intake.files import find
from simulator.scenario.data import ReadBlock

from .shops import START, aside, clicks_of, counts, log_of, shop, store, text

N = 300
KINDS = ["view", "view", "pay", "cart"]


def actions(n=N):
    return [
        {
            "time": START // 10**6 + 600 * k,
            "user_id": k // 4,
            "item_id": k // 4 % 7,
            "kind": KINDS[k % 4],
            "amount": k / 4,
            "title": f"t{k}",
        }
        for k in range(n)
    ]


def csv_of(rows, mark=",", end="\n", quote=""):
    lines = [
        mark.join(f"{quote}{v}{quote}" for v in row) for row in [list(rows[0]), *(r.values() for r in rows)]
    ]
    return end.join(lines) + end


WHOLE = {
    "plain": lambda rows: csv_of(rows).encode(),
    "crlf": lambda rows: csv_of(rows, end="\r\n").encode(),
    "cr": lambda rows: csv_of(rows, end="\r").encode(),
    "mixed ends": lambda rows: csv_of(rows, end="\r\n").encode().replace(b"\r\n", b"\n", 100),
    "bom": lambda rows: b"\xef\xbb\xbf" + csv_of(rows).encode(),
    "bom quoted": lambda rows: b"\xef\xbb\xbf" + csv_of(rows, quote='"').encode(),
    "tabs": lambda rows: csv_of(rows, mark="\t").encode(),
    "semicolons": lambda rows: csv_of(rows, mark=";").encode(),
    "pipes": lambda rows: csv_of(rows, mark="|", quote='"').encode(),
    "no last end": lambda rows: csv_of(rows).encode().rstrip(),
    "blank lines": lambda rows: csv_of(rows).encode().replace(b"\n", b"\n\n", 50),
    "commas inside": lambda rows: csv_of(
        [r | {"title": f'"a, {k} ""b"""'} for k, r in enumerate(rows)]
    ).encode(),
    "lines inside": lambda rows: csv_of(
        [r | {"title": f'"a\n{k},b\n"'} for k, r in enumerate(rows)]
    ).encode(),
    "nul inside": lambda rows: csv_of([r | {"title": "a\0b"} for r in rows]).encode(),
    "emoji": lambda rows: csv_of([r | {"title": "\U0001f600 ü"} for r in rows]).encode(),
}


@pytest.mark.parametrize("packed", ["", ".gz", ".zst"])
@pytest.mark.parametrize("form", WHOLE)
def test_text_files_are_read_whole(tmp_path, form, packed):
    raw = WHOLE[form](actions())
    if packed:
        raw = gzip.compress(raw) if packed == ".gz" else pa.Codec("zstd").compress(raw, asbytes=True)
    meta = text(tmp_path, raw, name=f"a.csv{packed}", features={"title": "categorical"})
    assert (meta.clicks, meta.events, meta.quarantined) == (N // 2, N // 2, 0)
    assert counts(tmp_path) == {"pay": N // 4, "cart": N // 4}


def test_latin_1_lines_are_named(tmp_path):
    raw = csv_of([r | {"title": "caf\xe9" if k < 5 else "x"} for k, r in enumerate(actions())]).encode(
        "latin-1"
    )
    assert text(tmp_path, raw).quarantined == 0  # of columns that are not read nothing is asked
    meta = text(tmp_path, raw, features={"title": "categorical"})
    assert aside(meta)["line cannot be read: invalid encoding"] == 5
    assert meta.read == N


@pytest.mark.parametrize("line", ["1,2", "1,2,3,4,5,6,7,8,9", "x"])
def test_lines_of_another_number_of_cells(tmp_path, line):
    lines = csv_of(actions()).splitlines()
    raw = "\n".join([*lines[:50], line, *lines[50:], line]) + "\n"
    meta = text(tmp_path, raw.encode())
    bad = {part.reason: part.rows for part in meta.aside if part.kind == "bad"}
    assert sum(bad.values()) == 2
    assert all(reason.startswith("line cannot be read") for reason in bad)
    assert meta.read == N + 2


def test_a_quote_that_is_not_closed_costs_what_it_swallows(tmp_path):
    lines = csv_of(actions()).splitlines()
    lines[100] = lines[100].replace("t99", '"t99')
    with pytest.raises(UsageError, match=r"20\d of 300 rows of touches would be put aside"):
        text(tmp_path, ("\n".join(lines) + "\n").encode())
    meta = text(tmp_path, ("\n".join(lines) + "\n").encode(), most_bad=1)
    assert meta.read == N


def _untitled(row):
    return {name: value for name, value in row.items() if name != "title"}


JSON = {
    "plain": lambda rows: "".join(json.dumps(r) + "\n" for r in rows),
    "crlf": lambda rows: "".join(json.dumps(r) + "\r\n" for r in rows),
    "blank": lambda rows: "".join(json.dumps(r) + "\n \n\n" for r in rows),
    "nan": lambda rows: "".join(json.dumps(r | {"weight": float("nan")}) + "\n" for r in rows),
    "nested": lambda rows: "".join(json.dumps(r | {"more": {"a": [1, {"time": 3}]}}) + "\n" for r in rows),
    "shuffled": lambda rows: "".join(json.dumps(dict(reversed(r.items())) if k % 2 else r) + "\n" for k, r in enumerate(rows)),
    "late key": lambda rows: "".join(json.dumps(r if k > 9 else _untitled(r)) + "\n" for k, r in enumerate(rows)),
}  # fmt: skip


@pytest.mark.parametrize("form", JSON)
def test_json_lines(tmp_path, form):
    meta = text(tmp_path, JSON[form](actions()).encode(), name="a.jsonl", features={"title": "categorical"})
    assert (meta.clicks, meta.events, meta.quarantined) == (N // 2, N // 2, 0)


@pytest.mark.parametrize("bad", ['{"time": 17', "1,2", "[1]", "null", "!!{", '"text"', "{}x"])
def test_json_lines_that_are_cut_are_put_aside(tmp_path, bad):
    lines = [json.dumps(r) for r in actions()]
    raw = "\n".join([*lines[:7], bad, *lines[7:], bad]) + "\n"
    meta = text(tmp_path, raw.encode(), name="a.jsonl")
    assert aside(meta)["line is no JSON object"] == 2
    assert meta.read == N + 2


def frame(rows):
    return {name: np.array([r[name] for r in rows]) for name in rows[0]}


def test_folder_keys_and_columns_of_their_names(tmp_path):
    rows = frame(actions())
    for day in range(3):
        cut = {name: values[day::3] for name, values in rows.items()}
        store(
            tmp_path / "shop" / f"slot=9{day}" / f"dt=2025-11-0{day + 1}" / "a.parquet",
            cut | {"slot": cut["item_id"]},
        )
    data = {"touches": f"{tmp_path}/shop", "features": {"slot": "categorical", "dt": "categorical"}}
    meta = log_of(tmp_path, data, {})
    assert meta.read == N
    assert {f.name: f.cardinality for f in meta.features} == {"slot": 7, "dt": 3}
    assert {row[0] for row in clicks_of(tmp_path, "slot")} == set(range(7))
    meta = log_of(tmp_path, {"touches": f"{tmp_path}/shop"}, {})
    assert [f.name for f in meta.features] == ["user", "item"]


@pytest.mark.parametrize("pattern", ["", "/*/*.parquet", "/**/*.parquet", "/day=1/a.parquet"])
def test_where_a_project_lies_says_nothing_of_its_log(tmp_path, pattern):
    root = tmp_path / "region=eu" / "project" / "shop=7"
    store(root / "day=1" / "a.parquet", frame(actions()))
    (found,) = find("touches", [f"{root}{pattern}"], ReadBlock())
    assert found.add == (("shop", "7"), ("day", "1"))


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_files_with_columns_of_another_order(tmp_path, form):
    rows = actions()
    for part in range(3):
        cut = rows[part::3]
        if part == 1:
            cut = [dict(reversed(r.items())) for r in cut]
        if part == 2:
            cut = [{n: v for n, v in r.items() if n != "title"} for r in cut]
        path = tmp_path / "parts" / f"{part}.{form}"
        if form == "parquet":
            table = frame(cut)
            if part == 1:  # and of other types
                table |= {"user_id": table["user_id"].astype("i4"), "amount": table["amount"].astype("f4")}
            store(path, table)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(csv_of(cut) if form == "csv" else "".join(json.dumps(r) + "\n" for r in cut))
    meta = log_of(tmp_path, {"touches": f"{tmp_path}/parts/*.{form}"}, {})
    assert (meta.clicks, meta.events, meta.quarantined) == (N // 2, N // 2, 0)


def test_the_split_into_files_and_the_row_groups_change_nothing(tmp_path):
    rows = frame(actions())
    prints = set()
    for parts, group in ((1, 1000), (1, 7), (5, 3), (30, 1)):
        folder = tmp_path / f"split{parts}-{group}"
        for part in range(parts):
            cut = pa.table(
                {name: values[N * part // parts : N * (part + 1) // parts] for name, values in rows.items()}
            )
            folder.mkdir(exist_ok=True)
            pq.write_table(cut, folder / f"{part:02d}.parquet", row_group_size=group)
        prints.add(
            log_of(tmp_path, {"touches": str(folder), "features": {"title": "categorical"}}, {}).fingerprint
        )
    assert len(prints) == 1


def test_threads_change_nothing(tmp_path, monkeypatch):
    from contextlib import contextmanager

    from simulator.log.intake import open as opening

    clicks, events = shop(20_000)
    store(tmp_path / "clicks.parquet", clicks)
    store(tmp_path / "events.parquet", events)
    workspace, prints = opening.workspace, set()
    for threads in (1, 2, 7):

        @contextmanager
        def limited(beside, threads=threads):
            with workspace(beside) as con:
                con.execute(f"SET threads = {threads}")
                yield con

        monkeypatch.setattr(opening, "workspace", limited)
        data = {"clicks": f"{tmp_path}/clicks.parquet", "events": f"{tmp_path}/events.parquet"}
        prints.add(log_of(tmp_path, data, {"features": ["cat"]}).fingerprint)
    assert len(prints) == 1


@pytest.mark.parametrize(
    "name", ['a"b', "it's", "x; DROP TABLE opened; --", "a.b", "$.a", "ü ß", "select", "_row", "source"]
)
@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_strange_names_of_columns(tmp_path, name, form):
    rows = [{**r, name: r["item_id"]} for r in actions(80)]
    path = tmp_path / f"a.{form}"
    if form == "parquet":
        store(path, frame(rows))
    elif form == "csv":
        quoted = '"' + name.replace('"', '""') + '"'
        path.write_text(csv_of(rows).replace(name, quoted, 1))
    else:
        path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    meta = log_of(tmp_path, {"touches": str(path), "features": {"slot": {"column": name}}}, {"item_id": name})
    assert (meta.clicks, meta.events, meta.quarantined) == (40, 40, 0)


def test_names_that_cannot_be_read_are_said(tmp_path):
    rows = [r | {"RowId": r["item_id"]} for r in actions(80)]
    with pytest.raises(UsageError, match=r"item_id = 'RowId'.* rename it in the file"):
        text(tmp_path, csv_of(rows).encode(), {"item_id": "RowId"})
    with pytest.raises(UsageError, match="column 7 has no name in the first line"):
        text(tmp_path, csv_of([r | {" ": 1} for r in actions(80)]).encode())


def test_files_of_unlike_types_are_named(tmp_path):
    rows = {
        "time": [1_760_000_000, 1_760_000_060],
        "user_id": [1, 2],
        "item_id": [1, 2],
        "kind": ["view"] * 2,
    }
    for name, slot in (("a", pa.array([[1.0], [2.0]])), ("b", pa.array(["x", "y"]))):
        pq.write_table(pa.table(rows | {"slot": slot}), tmp_path / f"{name}.parquet")
    with pytest.raises(
        UsageError, match=r"b\.parquet holds VARCHAR in 'slot', other files DOUBLE\[\]; write them alike"
    ):
        log_of(tmp_path, {"touches": f"{tmp_path}/*.parquet", "features": {"slot": "tags"}}, {})
