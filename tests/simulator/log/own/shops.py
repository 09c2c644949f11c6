"""A small shop of one's own, in arrays to be changed, and the log that its files make."""

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simulator.log.intake.open import Settings, make_log
from simulator.scenario.data import DataBlock
from simulator.units import DAY, HOUR
from simulator.windows import Windows

SETTINGS = Settings(Windows(2 * DAY, 2 * DAY), 3 * DAY, 2 * DAY, None)
START = 1_762_214_400_000_000
"""2025-11-04 00:00 UTC, microseconds."""


def shop(n=2000, seed=5):
    """Clicks over ten days; a fifth pay, a quarter of those are refunded in full an hour later."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.integers(0, 10 * DAY, n)) + START
    clicks = {
        "click_id": np.arange(n),
        "time": time,
        "user_id": rng.integers(0, 200, n),
        "item_id": rng.integers(0, 30, n),
        "cat": rng.integers(0, 7, n),
    }
    paid = np.flatnonzero(rng.random(n) < 0.2)
    delay = rng.exponential(6 * HOUR, len(paid)).astype(np.int64) + 1
    back = rng.random(len(paid)) < 0.25
    amount = np.round(rng.lognormal(3, 1, len(paid)), 2)
    events = {
        "click_id": np.r_[paid, paid[back]],
        "time": np.r_[time[paid] + delay, time[paid[back]] + delay[back] + HOUR],
        "kind": np.array(["pay"] * len(paid) + ["refund"] * int(back.sum()), object),
        "amount": np.r_[amount, amount[back]],
    }
    return clicks, events


def store(path, table):
    """Write a Parquet file of columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({name: _array(values) for name, values in table.items()}), path)


def _array(values):
    if isinstance(values, np.ndarray) and values.dtype == object:
        return pa.array(values.tolist())
    return values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values)


def two(folder, clicks, events, columns=None, **data):
    """Return the log of clicks and events in files of their own."""
    store(folder / "clicks.parquet", clicks)
    store(folder / "events.parquet", events)
    given = {"clicks": f"{folder}/clicks.parquet", "events": f"{folder}/events.parquet"}
    return log_of(folder, given | data, {"features": ["cat"]} | (columns or {}))


def one(folder, shape, table, columns=None, **data):
    """Return the log of one table."""
    store(folder / "table.parquet", table)
    return log_of(folder, {shape: f"{folder}/table.parquet"} | data, columns or {})


def log_of(folder, data, columns):
    """Return the log that ``[data]`` makes."""
    block = DataBlock.model_validate(data | {"columns": columns})
    return make_log(block, SETTINGS, folder / "log", replace=True)


def text(folder, raw, columns=None, shape="touches", name="table.csv", **data):
    """Return the log of one text file of these bytes."""
    (folder / name).write_bytes(raw)
    return log_of(folder, {shape: f"{folder}/{name}"} | data, columns or {})


def clicks_of(folder, what="*"):
    """Query the clicks of the log in replay order."""
    return duckdb.sql(
        f"SELECT {what} FROM '{folder}/log/clicks/*.parquet' ORDER BY time, click_id"
    ).fetchall()


def events_of(folder, what="click_row, kind, time, amount"):
    """Query the events of the log in replay order."""
    if not list((folder / "log" / "events").glob("*.parquet")):
        return []
    rank = "list_position(['cart', 'pay', 'refund'], kind)"
    return duckdb.sql(
        f"SELECT {what} FROM '{folder}/log/events/*.parquet' ORDER BY time, {rank}, event_id"
    ).fetchall()


def counts(folder):
    """How many events of each kind there are."""
    return dict(
        duckdb.sql(f"SELECT kind, count(*) FROM '{folder}/log/events/*.parquet' GROUP BY kind").fetchall()
    )


def aside(meta):
    """What was put aside: rows by reason."""
    found = {}
    for part in meta.aside:
        found[part.reason] = found.get(part.reason, 0) + part.rows
    return found
