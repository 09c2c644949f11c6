"""The journeys of a log at the resolution of research files: whole seconds, pays in order, first refunds."""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from simulator.log.meta import Meta
from simulator.units import SECOND, format_duration
from simulator.windows import Windows


def make_journeys(con: duckdb.DuckDBPyConnection, windows: Windows | None) -> None:
    """Make ``line`` (click_id, line, clicked), ``pay`` and ``refund``, which count events of a click from 1.

    ``pay`` (click_id, ordinal, time, second, amount) holds the pays inside the attribution window, ``refund`` the
    refunds inside theirs, which begins at the first such pay; without ``windows``, all of them. Times are
    microseconds; seconds are rounded down, which keeps every order.
    """
    con.execute(
        "CREATE TABLE line AS SELECT click_id, time AS clicked, row_number() OVER (ORDER BY time, click_id) AS line "
        "FROM click"
    )
    inside = "" if windows is None else f"AND event.time - clicked <= {windows.longest_pay}"
    con.execute(_NUMBERED.format(table="pay", joined="JOIN line USING (click_id)", kind="pay", inside=inside))
    con.execute("CREATE TABLE first_pay AS SELECT click_id, time AS paid FROM pay WHERE ordinal = 1")
    inside = "" if windows is None else f"AND event.time - paid <= {windows.longest_refund}"
    joined = "JOIN first_pay USING (click_id)"
    con.execute(_NUMBERED.format(table="refund", joined=joined, kind="refund", inside=inside))


_NUMBERED = f"""
CREATE TABLE {{table}} AS SELECT click_id, event.time, event.time // {SECOND} AS second, amount,
    row_number() OVER (PARTITION BY click_id ORDER BY event.time, event_id) AS ordinal
FROM event {{joined}} WHERE kind = '{{kind}}' {{inside}}
"""


def count_left_out(con: duckdb.DuckDBPyConnection, *, refunds: bool, repurchases: bool) -> dict[str, int]:
    """Count what the file will not hold of the events.

    Parameters
    ----------
    refunds : whether the format has the first refund.
    repurchases : whether it has all pays with their amounts (else the first one, without).
    """
    count = _counter(con)
    found = {
        "carts": count("event WHERE kind = 'cart'"),
        "pays outside the windows": count("event WHERE kind = 'pay'") - count("pay"),
    }
    if not repurchases:
        found["pays after the first of a click"] = count("pay WHERE ordinal > 1")
        found["amounts other than 1 (the format has none)"] = count("pay WHERE ordinal = 1 AND amount <> 1")
    if refunds:
        found["refunds outside the windows"] = count("event WHERE kind = 'refund'") - count("refund")
        found["refunds after the first of a click"] = count("refund WHERE ordinal > 1")
        found["amounts other than 1 (the format has none)"] += count(
            "refund WHERE ordinal = 1 AND amount <> 1"
        )
    else:
        found["refunds"] = count("event WHERE kind = 'refund'")
    return found


def count_young(
    con: duckdb.DuckDBPyConnection, meta: Meta, asked: Windows | None, recorded: int
) -> dict[str, int]:
    """Count the clicks that the log had watched for a shorter time than the format says of every click.

    ``recorded`` is that time, in microseconds, where no ``asked`` windows say which labels are meant.
    """
    length = recorded if asked is None else asked.lifetime
    young = _counter(con)(f"line WHERE clicked + {length} > {meta.observed_until}")
    what = f"marks of clicks less than {format_duration(length)} before the end of the log, whose labels may change"
    return {what: young}


def count_fractions(con: duckdb.DuckDBPyConnection, *, refunds: bool, repurchases: bool) -> dict[str, int]:
    """Count the times in the file that lost a fraction of a second."""
    count = _counter(con)
    first = "" if repurchases else "AND ordinal = 1"
    lost = count(f"line WHERE clicked % {SECOND} <> 0") + count(f"pay WHERE time % {SECOND} <> 0 {first}")
    if refunds:
        lost += count(f"refund WHERE ordinal = 1 AND time % {SECOND} <> 0")
    return {"fractions of a second, rounded down": lost}


def _counter(con: duckdb.DuckDBPyConnection) -> Callable[[str], int]:
    def count(rows: str) -> int:
        [(found,)] = con.execute(f"SELECT count(*) FROM {rows}").fetchall()
        return int(found)

    return count
