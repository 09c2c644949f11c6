"""Truth columns of an observation window, beside a world that was made without them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from simulator.errors import LogError
from simulator.locks import alone
from simulator.log.dayfiles import parquet_writer
from simulator.log.directory import NewDirectory, link
from simulator.log.fingerprint import fingerprint, parquet_files
from simulator.log.meta import Meta, check_files, read_meta, write_meta
from simulator.log.reader import Log
from simulator.log.schema import Float64
from simulator.pieces import RowQueue
from simulator.sources import sources_of
from simulator.units import format_duration, parse_duration
from simulator.windows import Windows
from simulator.worlds.generate import World
from simulator.worlds.settings import WorldSettings
from simulator.worlds.truth import OBSERVED, truth_columns


def lacks_observed(meta: Meta) -> bool:
    """Tell whether a log is a world whose truth speaks of no observation window."""
    return meta.provenance.get("format") == "world" and not set(OBSERVED) & set(meta.truth)


def with_observed(log: Log, observation: int, cache: Path) -> Log:
    """Return the log of a world with `OBSERVED` in its truth, living the world again unless ``cache`` has it.

    Clicks and events are those of ``log``, linked. A world's identity does not depend on the window: runs that differ in it
    alone share one world and what was pre-trained on it.

    Parameters
    ----------
    observation : the window in microseconds.
    """
    told = f"{log.meta.fingerprint}\0{observation}\0{sources_of(Path(__file__).parent)}"
    out = cache / hashlib.sha256(told.encode()).hexdigest()[:16]
    with alone(cache, out.name):
        try:
            check_files(out, read_meta(out))
        except LogError:
            _make(log, observation, out)
    return Log.open(out)


def _make(log: Log, observation: int, out: Path) -> None:
    meta, made = log.meta, log.meta.provenance
    settings = WorldSettings.model_validate_json(made["settings"])
    lengths = {name: parse_duration(made["windows"][name]) for name in ("attribution", "refund")}
    windows = Windows(attribution=lengths["attribution"], refund=lengths["refund"])
    world = World(settings, windows, observation, int(made["seed"]))
    rows = RowQueue("truth", _days(world))
    names = [*truth_columns(settings, observed=True)]
    schema = pa.schema(
        [
            pa.field("click_id", pa.int64(), nullable=False),
            *(pa.field(n, pa.float64(), nullable=False) for n in names),
        ]
    )
    with NewDirectory(out, replace=True) as directory:
        done = 0
        for file in parquet_files(log.path):
            target = directory.path / file
            if not file.startswith("truth/"):
                link(log.path / file, target)
                continue
            target.parent.mkdir(exist_ok=True)
            with pq.ParquetFile(log.path / file) as known, parquet_writer(target, schema) as writer:
                for group in range(known.num_row_groups):
                    table = known.read_row_group(group)
                    done += table.num_rows
                    own = rows.take(done)
                    columns = [pa.array(own[n]) if n in OBSERVED else table.column(n) for n in names]
                    whole = pa.Table.from_arrays([table.column("click_id"), *columns], schema=schema)
                    writer.write_table(whole, row_group_size=table.num_rows)
        told = {**made, "windows": {**made["windows"], "observation": format_duration(observation)}}
        files = fingerprint(directory.path, parquet_files(directory.path))
        write_meta(directory.path, replace(meta, truth=tuple(names), provenance=told, fingerprint=files))
        directory.commit()


def _days(world: World) -> Iterator[tuple[int, dict[str, Float64]]]:
    first = 0
    for day in world.days():
        yield first, {name: day.truth[name] for name in OBSERVED}
        first += len(day.time)
