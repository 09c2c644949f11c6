"""Whatever a small table holds, `init` says what it takes it for, or why it cannot: never a traceback."""

from __future__ import annotations

import contextlib
import io
import os
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import app
from simulator.commands.app import start

NAMES = (
    "user_id", "item_id", "time", "event", "type", "price", "amount", "order_id", "click_id", "conversion_time",
    "delay", "refund_at", "quantity", "currency", "converted", "is_click", "is_buy", "event_id", "arrival_time",
    "kind", "user", "Item", "a b", 'q"uote', "行为", "date", "tags", "id", "session", "pay_time_2", "label", "x'y", "0",
    "select", "never", "_row", "click_row", "hour",
)  # fmt: skip
WORDS = (
    "view",
    "cart",
    "buy",
    "refund",
    "Pay",
    "",
    "NULL",
    "-1",
    "0",
    "2024-01-02",
    "1.5",
    "[1, 2]",
    "{",
    "名",
    "a\tb",
    "a\nb",
    "\x7f",
    '"',
    "#",
)


def values(kind: str, r: np.random.Generator, n: int) -> pa.Array:
    match kind:
        case "seconds":
            return pa.array(1_700_000_000 + r.integers(0, 864_000, n))
        case "stamps":
            return pa.array(1_700_000_000_000_000 + r.integers(0, 864_000, n) * 1_000_000, pa.timestamp("us"))
        case "dates":
            return pa.array([None if k == 0 else int(k) for k in r.integers(0, 20_000, n)], pa.int32()).cast(
                pa.date32()
            )
        case "small":
            return pa.array(r.integers(-1, 4, n))
        case "large":
            return pa.array(r.integers(0, 2**63, n).astype(np.uint64) * np.uint64(2))
        case "floats":
            return pa.array(r.choice([0.0, -1.0, np.nan, np.inf, 1e300, 2.5, 1.7e9], n))
        case "words":
            return pa.array(r.choice(np.array(WORDS, object), n).tolist())
        case "kinds":
            return pa.array(r.choice(np.array(["view", "cart", "buy", "refund"], object), n).tolist())
        case "numbers as text":
            return pa.array([str(v) for v in r.integers(1_700_000_000, 1_700_900_000, n)])
        case "bools":
            return pa.array(r.random(n) < 0.5)
        case "lists":
            return pa.array(
                [[int(v) for v in r.integers(0, 5, k)] for k in r.integers(0, 3, n)], pa.list_(pa.int64())
            )
        case "structures":
            return pa.array(
                [[{"ts": int(v), "type": "view"} for v in r.integers(0, 5, k)] for k in r.integers(0, 3, n)]
            )
        case _:
            return pa.nulls(n, pa.string())


KINDS = (
    "seconds", "stamps", "dates", "small", "large", "floats", "words", "kinds", "numbers as text", "bools", "lists",
    "structures", "nulls",
)  # fmt: skip
column = st.tuples(st.sampled_from(NAMES), st.sampled_from(KINDS))
table = st.lists(column, min_size=1, max_size=9, unique_by=lambda pair: pair[0].lower())


def made(columns, seed: int, rows: int) -> pa.Table:
    r = np.random.default_rng(seed)
    return pa.table({name: values(kind, r, rows) for name, kind in columns})


def as_text(found: pa.Table) -> str:
    rows = [
        found.column_names,
        *[["" if v is None else str(v) for v in row.values()] for row in found.to_pylist()],
    ]
    return "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in rows)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(table, min_size=1, max_size=2),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 2, 40, 300]),
    st.booleans(),
)
def test_never_a_traceback(tables, seed, rows, text):
    here = Path.cwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            names = []
            for k, columns in enumerate(tables):
                names.append(f"t{k}.csv" if text else f"t{k}.parquet")
                one = made(columns, seed + k, rows)
                if text:
                    Path(names[-1]).write_text(as_text(one), encoding="utf-8")
                else:
                    pq.write_table(one, names[-1])
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = start(app, ["init", *names, "--out", "my.toml"])
            assert code in (0, 1, 2), err.getvalue()
            assert "Traceback" not in err.getvalue()
            assert "fault of afterclick" not in err.getvalue(), err.getvalue()
            if code != 1 and Path("my.toml").exists():
                found = tomllib.loads(Path("my.toml").read_text(encoding="utf-8"))
                assert found["method"]
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                    assert code == 2 or start(app, ["validate", "my.toml"]) == 0, err.getvalue()
            assert not [p for p in Path().iterdir() if p.name.startswith(".")]
        finally:
            os.chdir(here)
