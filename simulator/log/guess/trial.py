"""The draft read once as it stands: the log that comes out shows spans, delays and features that give payers away."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np

from simulator.errors import AfterclickError
from simulator.log.guess.draft import Draft
from simulator.log.intake.open import Settings, make_log
from simulator.log.meta import Meta
from simulator.log.sql import identifier, literal
from simulator.ranking import weighted_auc
from simulator.scenario.data import DataBlock
from simulator.scenario.sentences import read_block
from simulator.units import DAY
from simulator.windows import Windows

LONGEST = 60 * DAY
TELLING = 0.95
FEWEST = 30
"""Payers, and others, without whom nothing is said of a feature."""


@dataclass(slots=True)
class Seen:
    """What a trial log holds.

    ``pay`` are quantiles (.5, .9, .95) of the delay of the first pay in microseconds, ``refund`` those from it to the
    first refund (None: there are none); ``payers`` clicks with a pay; ``quiet`` the middle
    of the six hours of UTC with the fewest clicks (None: all are alike).
    """

    meta: Meta
    payers: int
    pay: tuple[int, int, int] | None
    refund: tuple[int, int, int] | None
    quiet: int | None
    aucs: dict[str, float] = field(default_factory=dict)

    @property
    def span(self) -> int:
        """Microseconds from the first click to the last row."""
        return self.meta.observed_until - self.meta.start


def live(con: duckdb.DuckDBPyConnection, draft: Draft, span: int, folder: Path) -> Seen | str:
    """Make the log of a draft in ``folder`` with wide windows, and look at it; a sentence if that cannot be done."""
    window = max(min(LONGEST, span // 4), 1_000_000)
    try:
        data = read_block(DataBlock, draft.block({"most_bad": 1.0, "attribution": _text(window)}), "data")
        settings = Settings(Windows(window, window), span, 0, None)
        meta = make_log(data, settings, folder / "log")
        return _look(con, meta, folder / "log", window)
    except AfterclickError as error:
        return str(error)


def _text(micros: int) -> str:
    return f"{micros}us"


def _look(con: duckdb.DuckDBPyConnection, meta: Meta, path: Path, window: int) -> Seen:
    clicks = f"read_parquet({literal(str(path / 'clicks' / '*.parquet'))})"
    events = f"read_parquet({literal(str(path / 'events' / '*.parquet'))})"
    there = bool(list((path / "events").glob("*.parquet")))
    if not there:
        events = "(SELECT 0 AS click_id, 0 AS time, 'pay' AS kind WHERE false)"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE judged AS SELECT click.*, first_pay - click.time AS _delay, "
        f"first_refund - first_pay AS _back "
        f"FROM {clicks} AS click LEFT JOIN (SELECT click_id, min(time) FILTER (kind = 'pay') AS first_pay, "
        f"min(time) FILTER (kind = 'refund') AS first_refund FROM {events} GROUP BY click_id) AS event USING (click_id)"
    )
    row = con.execute(
        f"SELECT count(_delay), quantile_disc(_delay, [0.5, 0.9, 0.95]) FILTER (_delay <= {window}), count(_back), "
        f"quantile_disc(_back, [0.5, 0.9, 0.95]) FILTER (_back >= 0) FROM judged"
    ).fetchone()
    assert row is not None
    offset = int(meta.origin.timestamp())
    hours = con.execute(
        f"SELECT h, count(time) FROM range(24) AS r(h) LEFT JOIN (SELECT time, (time // 3600000000 + {offset // 3600}) % 24 "
        "AS hour FROM judged) ON hour = h GROUP BY h ORDER BY h"
    ).fetchall()
    seen = Seen(
        meta,
        int(row[0]),
        _three(row[1]),
        _three(row[3]) if row[2] else None,
        _quiet([int(n) for _, n in hours]),
    )
    others = meta.clicks - seen.payers
    if min(seen.payers, others) >= FEWEST:
        single = [feature.name for feature in meta.features if feature.width == 1]
        seen.aucs = {name: _auc(con, name) for name in single}
    return seen


def _quiet(counts: list[int]) -> int | None:
    """Return the middle of the six hours with the fewest clicks; of several such, of those in their middle."""
    sums = [sum(counts[(start + k) % 24] for k in range(6)) for start in range(24)]
    least = min(sums)
    if least * 4 > 0.6 * sum(counts):  # a quarter of the day has hardly fewer than its share
        return None
    first = next(k for k in range(24) if sums[k] == least and sums[k - 1] != least)
    length = next((k for k in range(1, 24) if sums[(first + k) % 24] != least), 24)
    return (first + (length - 1) // 2 + 3) % 24


def _three(found: list[int] | None) -> tuple[int, int, int] | None:
    return None if found is None or found[0] is None else (int(found[0]), int(found[1]), int(found[2]))


def _auc(con: duckdb.DuckDBPyConnection, feature: str) -> float:
    """Return the AUC of the rate of payers of an id, learnt on one half of the clicks and judged on the other.

    So an id with a click of its own tells nothing.
    """
    value = identifier(feature)
    found = con.execute(
        f"WITH halves AS (SELECT {value} AS id, click_id % 2 AS half, _delay IS NOT NULL AS paid FROM judged), "
        "rates AS (SELECT id, half, avg(CAST(paid AS DOUBLE)) AS rate FROM halves GROUP BY id, half) "
        "SELECT coalesce(round(rate, 9), -1) AS score, count(*) FILTER (paid) AS p, count(*) FILTER (NOT paid) AS n "
        "FROM halves LEFT JOIN (SELECT id, 1 - half AS half, rate FROM rates) USING (id, half) GROUP BY score"
    ).fetchnumpy()
    return weighted_auc(found["score"], found["p"].astype(np.float64), found["n"].astype(np.float64))
