"""Logs of what was shown in a training and a test file, without times: each row's place is its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from simulator.log.sql import identifier
from simulator.units import DAY, SECOND, format_duration

STEP = SECOND
"""From one row to the next."""
UNPAID = "a purchase without a click"


@dataclass(frozen=True, slots=True)
class Spans:
    """Where the rows of the two files lie; microseconds from the origin.

    Attributes
    ----------
    test_start : time of the first row of the test file, a midnight; None where there is none.
    end : time of the last row.
    """

    train_rows: int
    test_rows: int
    test_start: int | None
    end: int

    @property
    def time(self) -> str:
        """SQL for the time of a row by its ``line`` and ``file``."""
        shift = 0 if self.test_start is None else self.test_start - self.train_rows * STEP
        return f"((line - 1) * {STEP} + CASE WHEN file > 0 THEN {shift} ELSE 0 END)"

    @property
    def provenance(self) -> dict[str, int | None]:
        """What a log says of its two files."""
        return {"train_rows": self.train_rows, "test_rows": self.test_rows, "test_start": self.test_start}

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on the times that are none."""
        said = [
            "there are no times: rows follow each other by a second in the order of the files; hours mean nothing"
        ]
        said.append(
            "labels are final: a purchase is put at the time of its click, and every pay has amount 1"
        )
        if self.test_start is not None:
            said.append(
                f"the test file begins at {format_duration(self.test_start)} ({self.train_rows:,} rows of training before "
                f"it, {self.test_rows:,} of test)"
            )
        return tuple(said)


def spans_of(con: duckdb.DuckDBPyConnection, source: str) -> Spans:
    """Place the rows of a table with ``line`` and ``file``; the second file begins at a midnight."""
    [(train, test)] = con.execute(
        f"SELECT count(*) FILTER (file = 0), count(*) FILTER (file > 0) FROM {identifier(source)}"
    ).fetchall()
    start = -(-train * STEP // DAY) * DAY if test else None
    end = (train - 1) * STEP if start is None else start + (test - 1) * STEP
    return Spans(train, test, start, end)


def make_views(con: duckdb.DuckDBPyConnection, features: Sequence[str], rows: str) -> None:
    """Make ``impressions``, ``clicks`` and ``events`` of the rows of a query: impression_id, time, user_id, item_id,
    clicked, bought, and the columns of the features.
    """
    ids = ", ".join(("time", "user_id", "item_id", *map(identifier, features)))
    con.execute(f"CREATE VIEW shown_rows AS {rows}")
    con.execute(
        f"CREATE VIEW impressions AS SELECT impression_id, {ids}, CASE WHEN clicked THEN impression_id END AS click_id "
        "FROM shown_rows"
    )
    con.execute(
        f"CREATE VIEW clicks AS SELECT impression_id AS click_id, {ids} FROM shown_rows WHERE clicked"
    )
    con.execute(
        "CREATE VIEW events AS SELECT impression_id AS event_id, impression_id AS click_id, time, 'pay' AS kind, "
        "1.0 AS amount FROM shown_rows WHERE bought"
    )
