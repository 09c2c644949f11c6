"""Sources of each shape, made from a seed and damaged in ways that files are damaged."""

import csv
import gzip
import io
import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

DAY = 86_400
START = 1_760_000_000
SHAPES = ("events", "touches", "rows", "purchases")
FORMS = ("parquet", "csv", "csv.gz", "jsonl")
STRANGE = (
    'a"b',
    "it's",
    "x; DROP TABLE opened; --",
    "ü ß",
    "a,b",
    "$.a",
    "a.b",
    "_row",
    "source",
    "kind ",
    "",
    "line",
    "1",
)
EXTREMES = (
    2**63 - 1, -(2**63), 2**64 - 1, 2**64, 10**30, -1, 0, 1e308, float("nan"), float("inf"), -float("inf"), 2**53 + 1,
    True, "", " ", "abc", "0001", "1e400", "NULL", "9999-12-31", "-", "Ω\U0001f600", "x" * 5000, "a\x00b", '"', "\\", "\n",
    None,
)  # fmt: skip


@dataclass
class Source:
    """A damaged source: what ``[data]`` says of it, its tables in memory, and what was done to them."""

    shape: str
    form: str
    data: dict
    tables: dict
    damages: list = field(default_factory=list)
    files: dict = field(default_factory=dict)


def made(seed: int, folder: Path) -> Source:
    """Make the source of a seed: one or two tables in files of one form, up to three damages."""
    rng = np.random.default_rng(seed)
    shape, form = SHAPES[seed % 4], FORMS[seed // 4 % 4]
    tables, columns = _tables(shape, int(rng.integers(5, 60)), rng)
    source = Source(
        shape, form, {"columns": columns, "most_bad": float(rng.choice([0.05, 1.0, 1.0]))}, tables
    )
    _options(source, rng)
    for _ in range(rng.integers(0, 4)):
        _damage_table(source, rng)
    for key, table in source.tables.items():
        _store(source, key, table, folder, rng)
    if rng.random() < 0.4:
        _damage_file(source, rng)
    return source


def rows_of(paths: list[Path]) -> int | None:
    """Count the rows of files with the libraries of their forms; None where a library cannot tell either."""
    return sum(counts) if None not in (counts := [_rows(path) for path in paths]) else None


def _rows(path: Path) -> int | None:
    if path.suffix == ".parquet":
        try:
            return pq.read_metadata(path).num_rows
        except (pa.ArrowException, OSError):  # flipped bytes that one reader minds and the other does not
            return None
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig", "replace")
    if path.suffix == ".jsonl":
        return sum(bool(line.strip()) for line in text.replace("\r", "\n").split("\n"))
    try:
        csv.field_size_limit(10**9)
        rows = sum(bool(row) for row in csv.reader(io.StringIO(text, newline=""), strict=True)) - 1
    except csv.Error:
        return None
    return rows


def _tables(shape: str, n: int, rng) -> tuple[dict, dict]:
    time = np.sort(rng.integers(0, 12 * DAY, n)) + START
    user, item = rng.integers(0, 6, n), rng.integers(0, 3, n)
    amount = np.round(rng.lognormal(3, 1, n), 2)
    base = {"time": time.tolist(), "user_id": user.tolist(), "item_id": item.tolist()}
    extra = {"cat": rng.choice(["a", "b", "c"], n).tolist(), "price": amount.tolist()}
    if shape == "touches":
        kind = rng.choice(["view", "view", "cart", "pay", "refund", "share"], n).tolist()
        kinds = {k: k for k in ("view", "cart", "pay", "refund")} | {"share": "ignore"}
        return {"touches": base | {"kind": kind, "amount": amount.tolist()} | extra}, {"kinds": kinds}
    if shape == "purchases":
        signed = np.where(rng.random(n) < 0.2, -amount, amount)
        return {"purchases": base | {"amount": signed.tolist()} | extra}, {}
    if shape == "rows":
        paid = np.where(rng.random(n) < 0.3, time + rng.integers(0, 3 * DAY, n), -1)
        back = np.where((paid > 0) & (rng.random(n) < 0.3), paid + 100, -1)
        wide = {"paid": paid.tolist(), "back": back.tolist(), "amount": amount.tolist()}
        return {"rows": base | wide | extra}, {"pay_time": "paid", "refund_time": "back"}
    clicks = {"click_id": list(range(100, 100 + n))} | base | extra
    paid = np.sort(rng.choice(n, max(n // 3, 1)))
    bought = rng.choice(["cart", "pay", "pay"], len(paid))
    back = paid[(rng.random(len(paid)) < 0.3) & (bought == "pay")]
    chosen = np.concatenate([paid, back])
    kind = [*bought.tolist(), *["refund"] * len(back)]
    events = {
        "click_id": (chosen + 100).tolist(),
        "time": (time[chosen] + np.where(np.arange(len(chosen)) < len(paid), 60, DAY)).tolist(),
        "kind": kind,
        "amount": amount[chosen].tolist(),
        "order": [f"o{k}" for k in range(len(chosen))],
    }
    return {"clicks": clicks, "events": events}, {}


def _options(source: Source, rng) -> None:
    """Say a few more keys, as users do."""
    features = {"cat": "categorical", "price": "numeric"}
    if rng.random() < 0.3:
        features = {"cat": {"kind": "hashed", "buckets": 7}, "price": {"kind": "categorical", "min_count": 2}}
    if rng.random() < 0.8:
        source.data["features"] = features
    if rng.random() < 0.2:
        source.data["time_zone"] = "Europe/London"
    if rng.random() < 0.2:
        source.data["missing"] = ["a", 1]
    if rng.random() < 0.2:
        source.data["duplicates"] = "keep"
    if rng.random() < 0.2:
        source.data["refunded_share"] = 0.5
    if source.shape == "touches" and rng.random() < 0.3:
        source.data["opens"] = "cart"
    if source.shape in ("touches", "purchases") and rng.random() < 0.2:
        source.data["counters"] = True
    if source.shape in ("touches", "purchases") and rng.random() < 0.2:
        source.data["attribute_by"] = ["user_id"]
    if source.shape == "events" and rng.random() < 0.5:
        source.data["columns"]["event_id"] = "order"


def _damage_table(source: Source, rng) -> None:
    """Do one thing to one table."""
    key = str(rng.choice(list(source.tables)))
    table = source.tables[key]
    name = str(rng.choice(list(table)))
    values = list(table[name])
    n = len(values)
    what = str(rng.choice(
        ["nulls", "all null", "extremes", "one", "text", "floats", "float32", "uint64", "decimal", "bool", "date", "stamp",
         "list", "struct", "binary", "drop", "strange", "rename", "twice", "empty", "repeat", "shuffle", "kinds", "ms", "ns",
         "iso", "mixed", "far", "zeros"]
    ))  # fmt: skip
    source.damages.append(f"{what}:{key}.{name}")
    some = rng.random(n) < rng.choice([0.1, 0.5, 0.9])
    match what:
        case "nulls":
            table[name] = [None if hit else v for v, hit in zip(values, some, strict=True)]
        case "all null":
            table[name] = [None] * n
        case "extremes":
            extreme = EXTREMES[rng.integers(len(EXTREMES))]
            table[name] = [extreme if hit else v for v, hit in zip(values, some, strict=True)]
        case "one":
            if n:
                values[rng.integers(n)] = EXTREMES[rng.integers(len(EXTREMES))]
            table[name] = values
        case "mixed":
            table[name] = [
                EXTREMES[rng.integers(len(EXTREMES))] if hit else v
                for v, hit in zip(values, some, strict=True)
            ]
        case "drop":
            del table[name]
        case "strange":
            table[STRANGE[rng.integers(len(STRANGE))]] = values
        case "rename":
            table[STRANGE[rng.integers(len(STRANGE))]] = table.pop(name)
        case "twice":
            table[name.upper()] = values
        case "empty":
            for other in table:
                table[other] = []
        case "repeat":
            for other in table:
                table[other] = list(table[other]) * 2
        case "shuffle":
            order = rng.permutation(n)
            for other in table:
                table[other] = [table[other][k] for k in order] if len(table[other]) == n else table[other]
        case "kinds":
            kinds = ["PAY", " Pay ", "purchase", "Refund", 1, None, ""]
            column = "kind" if "kind" in table else name
            table[column] = [
                kinds[rng.integers(len(kinds))] if hit else v
                for v, hit in zip(table[column], some, strict=True)
            ]
        case "far":
            if "time" in table and n:
                table["time"] = [*table["time"][:-1], int(rng.choice([0, 253_402_300_799, -(10**9)]))]
        case "ms" | "ns" | "iso" if "time" in table:
            table["time"] = [_retimed(v, what) for v in table["time"]]
        case "zeros":
            table[name] = [str(v).zfill(12) if v is not None else None for v in values]
        case _:
            table[name] = [_cast(v, what) for v in values]


def _retimed(value, what: str):
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if what == "iso":
        return str(np.datetime64(value, "s")) if abs(value) < 10**11 else value
    return value * {"ms": 1000, "ns": 10**9}[what]


def _cast(value, what: str):
    if value is None:
        return None
    number = value if isinstance(value, (int, float)) and value == value and abs(value) < 1e15 else 7
    match what:
        case "text":
            return str(value)
        case "floats":
            return float(number)
        case "float32":
            return float(np.float32(number))
        case "uint64":
            return int(number) * 1_000_003_000_001 % 2**64
        case "decimal":
            return Decimal(str(round(number, 2)))
        case "bool":
            return bool(number)
        case "date":
            return np.datetime64(int(number) // DAY, "D").item()
        case "stamp":
            return np.datetime64(int(number), "s").item()
        case "list":
            return [value]
        case "struct":
            return {"a": value}
        case "binary":
            return str(value).encode()
    return value


def _store(source: Source, key: str, table: dict, folder: Path, rng) -> None:
    lengths = {len(values) for values in table.values()}
    n = max(lengths, default=0)
    table = {name: [*values, *[None] * (n - len(values))] for name, values in table.items()}
    parts = 2 if rng.random() < 0.2 and n > 4 else 1
    hive = rng.random() < 0.1
    source.files[key] = []
    for part in range(parts):
        cut = {name: values[n * part // parts : n * (part + 1) // parts] for name, values in table.items()}
        if part and rng.random() < 0.5:
            cut = dict(reversed(cut.items()))
        place = folder / key / f"dt={part}" if hive else folder / key
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"part{part}.{source.form}"
        write(path, cut)
        source.files[key].append(path)
    source.data[key] = (
        [str(folder / key)] if rng.random() < 0.5 else [str(path) for path in source.files[key]]
    )


def write(path: Path, table: dict) -> None:
    """Write a table of lists in the form that the name says."""
    if path.suffix == ".parquet":
        pq.write_table(pa.table({name: _array(values) for name, values in table.items()}), path)
        return
    rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    if path.suffix == ".jsonl":
        text = "".join(json.dumps(row, default=str) + "\n" for row in rows)
    else:
        out = io.StringIO(newline="")
        writer = csv.writer(out)
        writer.writerow(table)
        writer.writerows([["" if v is None else v for v in row.values()] for row in rows])
        text = out.getvalue()
    raw = text.encode("utf-8", "surrogatepass")
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


def _array(values: list) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        if all(v is None or isinstance(v, (int, bool)) for v in values) and all(
            0 <= (v or 0) < 2**64 for v in values
        ):
            return pa.array([None if v is None else int(v) for v in values], pa.uint64())
        return pa.array([None if v is None else str(v) for v in values], pa.string())


def _damage_file(source: Source, rng) -> None:
    """Do one thing to the bytes of one file."""
    path = source.files[key := str(rng.choice(list(source.files)))][-1]
    raw = path.read_bytes()
    packed = path.suffix == ".gz"
    binary = path.suffix == ".parquet"
    what = str(rng.choice(
        ["cut", "flip", "nul", "empty", "garbage", "bom", "crlf", "latin", "cells", "quote", "blank", "no end", "utf16", "zip"]
    ))  # fmt: skip
    source.damages.append(f"file {what}:{key}")
    inner = gzip.decompress(raw) if packed else raw
    at = int(rng.integers(0, len(inner) + 1))
    match what:
        case "empty":
            path.write_bytes(b"")
            return
        case "cut":
            path.write_bytes(raw[: int(rng.integers(0, len(raw) + 1))])
            return
        case "flip" if raw:
            spots = np.frombuffer(raw, np.uint8).copy()
            spots[rng.integers(0, len(raw), 3)] ^= np.uint8(rng.integers(1, 256))
            path.write_bytes(spots.tobytes())
            return
        case "zip":
            path.write_bytes(b"PK\x03\x04" + raw)
            return
    if binary:
        return
    lines = inner.splitlines(keepends=True)
    spot = int(rng.integers(0, len(lines) + 1))
    match what:
        case "nul":
            inner = inner[:at] + b"\0" + inner[at:]
        case "garbage":
            inner = b"".join([*lines[:spot], b'!!{[,,"\n', *lines[spot:]])
        case "bom":
            inner = b"\xef\xbb\xbf" + inner
        case "crlf":
            inner = inner.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        case "latin":
            inner = inner[:at] + b"\xe9\xff" + inner[at:]
        case "cells":
            inner = b"".join([*lines[:spot], b"1,2\n", b",".join([b"9"] * 40) + b"\n", *lines[spot:]])
        case "quote":
            inner = inner[:at] + b'"' + inner[at:]
        case "blank":
            inner = b"".join([*lines[:spot], b"\n\n   \n", *lines[spot:]])
        case "no end":
            inner = inner.rstrip(b"\r\n")
        case "utf16":
            inner = inner.decode("utf-8", "replace").encode("utf-16")
    path.write_bytes(gzip.compress(inner) if packed else inner)
