"""A Parquet file that is written in small tables, of which many share a row group."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from simulator.log.schema import ROW_GROUP


class RowGroups:
    """Holds tables of one schema until they fill a row group. The file is there from the first one on, and whole when it is
    closed; without any table there is none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: pq.ParquetWriter | None = None
        self._held: list[pa.Table] = []
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        """Append a table."""
        self._held.append(table)
        self._rows += len(table)
        if self._rows >= ROW_GROUP:
            self._flush()

    def close(self) -> None:
        """Write what is held; a second call does nothing."""
        self._flush()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _flush(self) -> None:
        if not self._held:
            return
        table = pa.concat_tables(self._held)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, table.schema, compression="zstd")
        self._writer.write_table(table, row_group_size=len(table))
        self._held, self._rows = [], 0
