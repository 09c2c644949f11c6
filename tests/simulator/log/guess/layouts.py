"""One small shop, written in many layouts: what `init` makes of each is compared with what the shop knows."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

START = datetime(2024, 3, 4, tzinfo=UTC)
T0 = int(START.timestamp())


@dataclass
class Shop:
    """3,000 clicks of 20 days, each of a user and item of its own; seconds from 1970."""

    user: np.ndarray
    item: np.ndarray
    time: np.ndarray
    paid: np.ndarray
    pay_time: np.ndarray
    amount: np.ndarray
    back: np.ndarray
    refund_time: np.ndarray
    colour: np.ndarray

    @property
    def pays(self) -> int:
        return int(self.paid.sum())

    @property
    def refunds(self) -> int:
        return int(self.back.sum())


def shop(n: int = 3000) -> Shop:
    r = np.random.default_rng(7)
    pair = r.permutation(200 * 50)[:n]
    time = np.sort(r.integers(0, 20 * 86_400, n)) + T0
    paid = r.random(n) < 0.25
    delay = np.minimum(r.exponential(5 * 3600, n), 20 * 3600).astype(np.int64) + 1
    back = paid & (r.random(n) < 0.2)
    pay_time = time + delay
    return Shop(
        pair // 50 + 1000, pair % 50 + 20, time, paid, pay_time, np.round(r.lognormal(3, 1, n) + 0.01, 2), back,
        pay_time + r.integers(600, 40_000, n), r.integers(0, 5, n),
    )  # fmt: skip


def iso(seconds, form="%Y-%m-%d %H:%M:%S"):
    return [datetime.fromtimestamp(int(s), UTC).strftime(form) for s in seconds]


def write(path: Path, columns: dict, delimiter: str = ",", header: bool = True) -> Path:
    table = pa.table(
        {
            k: pa.array(list(v) if getattr(v, "dtype", None) == np.dtype(object) else v)
            for k, v in columns.items()
        }
    )
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".jsonl":
        path.write_text(
            "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in table.to_pylist()), encoding="utf-8"
        )
    else:
        options = pa.csv.WriteOptions(delimiter=delimiter, include_header=header, quoting_style="needed")
        plain = path.with_suffix("") if path.suffix in (".gz", ".zst") else path
        pa.csv.write_csv(table, plain, options)
        if path.suffix == ".gz":
            path.write_bytes(gzip.compress(plain.read_bytes()))
        elif path.suffix == ".zst":
            with pa.CompressedOutputStream(str(path), "zstd") as out:
                out.write(plain.read_bytes())
        if plain != path:
            plain.unlink()
    return path


def actions(s: Shop, words=("view", "pay", "refund")) -> dict[str, np.ndarray]:
    """All that was done, one row each, in order of time: user, item, time, kind, amount, colour."""
    parts = [
        (s.time, words[0], np.ones(len(s.time), bool)),
        (s.pay_time, words[1], s.paid),
        (s.refund_time, words[2], s.back),
    ]
    rows = [
        (t[m], np.full(m.sum(), w, object), s.user[m], s.item[m], s.amount[m], s.colour[m])
        for t, w, m in parts
        if w
    ]
    time, kind, user, item, amount, colour = (np.concatenate(c) for c in zip(*rows, strict=True))
    order = np.argsort(time, kind="stable")
    return {
        "user": user[order],
        "item": item[order],
        "time": time[order],
        "kind": kind[order],
        "amount": amount[order],
        "colour": colour[order],
    }


def otto(path: Path, s: Shop) -> Path:
    """One JSON object a session, its actions in a list; times in milliseconds."""
    a = actions(s, ("clicks", "orders", ""))
    lines = []
    for user in np.unique(a["user"]):
        own = np.flatnonzero(a["user"] == user)
        events = [
            {"aid": int(a["item"][k]), "ts": int(a["time"][k]) * 1000, "type": a["kind"][k]} for k in own
        ]
        lines.append(json.dumps({"session": int(user), "events": events}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def day_of(seconds: int) -> str:
    return (datetime.fromtimestamp(int(seconds), UTC)).strftime("%Y-%m-%d")


__all__ = ["START", "T0", "Shop", "actions", "day_of", "iso", "otto", "shop", "timedelta", "write"]
