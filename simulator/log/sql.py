"""DuckDB, as the log uses it: a workspace on disk with bounded memory, and names quoted where SQL takes no
parameter.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from simulator.errors import LogError
from simulator.log.schema import EVENT_KINDS

MEMORY = "1GB"
"""Memory DuckDB may hold while it sorts and joins; what does not fit goes to the workspace's disk. What it takes beside
its buffers comes on top.
"""


def identifier(name: str) -> str:
    """Quote a name of a table or column.

    >>> print(identifier('a "b" c'))
    "a ""b"" c"
    """
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Quote a string value, for views (which cannot be prepared with parameters).

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + value.replace("'", "''") + "'"


def kind_rank(column: str) -> str:
    """Return the expression of a kind's rank, as `Kind` has it, from a column of its name; 0 for what is no event.

    >>> kind_rank("kind")
    "CASE kind WHEN 'cart' THEN 1 WHEN 'pay' THEN 2 WHEN 'refund' THEN 3 ELSE 0 END"
    """
    cases = " ".join(f"WHEN {literal(kind.name.lower())} THEN {int(kind)}" for kind in EVENT_KINDS)
    return f"CASE {column} {cases} ELSE 0 END"


def one_line(error: duckdb.Error) -> str:
    """Return the first line of DuckDB's message: the rest repeats the query."""
    return str(error).strip().splitlines()[0]


@contextmanager
def workspace(beside: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a temporary database on the disk that holds ``beside``; it is gone afterwards, errors or not.

    Raises
    ------
    LogError
        If nothing can be written there.
    """
    try:
        beside.parent.mkdir(parents=True, exist_ok=True)
        temporary = TemporaryDirectory(prefix=f".{beside.name}.work-", dir=beside.parent)
    except OSError as error:
        raise LogError(f"{beside}: cannot be written ({error.strerror})") from None
    with temporary as folder:
        con = duckdb.connect(str(Path(folder, "work.duckdb")))
        try:
            con.execute(f"SET temp_directory = {literal(str(Path(folder, 'spill')))}")
            con.execute(f"SET memory_limit = {literal(MEMORY)}")
            con.execute("SET enable_progress_bar = false")
            con.execute("SET TimeZone = 'UTC'")
            yield con
        finally:
            con.close()
