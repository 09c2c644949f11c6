"""Derived features beside a log: its clicks and impressions once more, with columns that are made of the past."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from dataclasses import replace as replaced
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simulator.calendar import Calendar
from simulator.errors import LogError, ScenarioError
from simulator.locks import alone
from simulator.log.dayfiles import parquet_writer
from simulator.log.derived.kinds import DaysToSale, Derived, Latest, Popularity
from simulator.log.derived.past import Past
from simulator.log.directory import NewDirectory, link
from simulator.log.files import index
from simulator.log.fingerprint import fingerprint, parquet_files
from simulator.log.meta import check_files, read_meta, write_meta
from simulator.log.reader import Log
from simulator.log.schema import Feature
from simulator.log.source import Source
from simulator.log.upload import Uploaded
from simulator.scenario.derived import ITEM, DerivedBlock, derived_faults
from simulator.scenario.model import Scenario
from simulator.scenario.timeline import Extent, timeline
from simulator.sources import sources_of

_ASKING = ("clicks", "impressions")
"""Folders whose rows have features."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What of a scenario shapes its derived features, beside the log."""

    blocks: Mapping[str, DerivedBlock]
    history: tuple[int, int]
    calendar: Calendar
    upload: Mapping[str, Any] | None
    """What the upload says, with its seed; None where events have the times of the log."""

    @property
    def key(self) -> str:
        """What tells it from others, as far as it matters to the kinds that are asked for."""
        kinds = {block.kind for block in self.blocks.values()}
        told = {
            "features": {name: block.model_dump(mode="json") for name, block in self.blocks.items()},
            "history": self.history if "popularity" in kinds else None,
            "promotions": [astuple(p)[1:3] for p in self.calendar.promotions]
            if "days-to-sale" in kinds
            else None,
            "upload": self.upload if kinds - {"days-to-sale"} else None,
            "by": sources_of(Path(__file__).parent),
        }
        return json.dumps(told, sort_keys=True)


def with_derived(path: Path, scenario: Scenario, cache: Path) -> Path:
    """Return the log with the scenario's derived features, making it unless the ``cache`` has it; ``path`` if there are none.

    Raises
    ------
    ScenarioError : a name is taken, or a feature of the log is named that is none.
    LogError : the log cannot be read, or the cache not be written.
    """
    if not scenario.features:
        return path
    meta = read_meta(path)
    if faults := derived_faults(scenario.features, meta.features, scenario.added):
        raise ScenarioError(faults)
    line, upload = timeline(scenario, Extent.of(meta)), scenario.stream.upload
    setting = Setting(
        scenario.features,
        (line.history_start, line.history_end),
        scenario.calendar(meta.clock),
        None if upload is None else {**upload.model_dump(mode="json"), "seed": scenario.seed},
    )
    digest = hashlib.sha256(f"{meta.fingerprint}\0{setting.key}".encode()).hexdigest()
    out = cache / f"{digest[:16]}"
    with alone(cache, out.name):
        try:
            check_files(out, read_meta(out))
        except LogError:
            log = Log.open(path)
            source: Source = log if upload is None else Uploaded(log, upload.upload(scenario.seed))
            derive(log, source, setting, out)
    return out


def derive(log: Log, source: Source, setting: Setting, out: Path) -> None:
    """Write the log ``out``: ``log`` with derived features; what they do not touch is linked, not copied.

    Parameters
    ----------
    source : the log as it is seen, with the instants at which events become known.
    """
    columns = tuple(
        dict.fromkeys(b.of for b in setting.blocks.values() if b.kind == "latest" and b.of != ITEM)
    )
    with (
        NewDirectory(out, replace=True) as directory,
        TemporaryDirectory(prefix=f".{out.name}.past-", dir=out.parent) as folder,
    ):
        past = Past(log, source, Path(folder), columns)
        features: tuple[Feature, ...] = ()
        for name in _ASKING:
            files = [file for file in parquet_files(log.path) if file.startswith(f"{name}/")]
            if files:
                made = [_made(key, block, log, past, setting) for key, block in setting.blocks.items()]
                _write(log.path, directory.path, files, made)
                features = tuple(one.feature for one in made)
        for file in parquet_files(log.path):
            if not file.startswith(tuple(f"{name}/" for name in _ASKING)):
                link(log.path / file, directory.path / file)
        if (quarantine := log.path / "quarantine.parquet").exists():
            link(quarantine, directory.path / quarantine.name)
        meta = replaced(
            log.meta,
            features=(*log.meta.features, *features),
            provenance={**log.meta.provenance, "derived_of": log.meta.fingerprint},
            fingerprint=fingerprint(directory.path, parquet_files(directory.path)),
        )
        write_meta(directory.path, meta)
        directory.commit()


def _made(name: str, block: DerivedBlock, log: Log, past: Past, setting: Setting) -> Derived:
    match block.kind:
        case "latest":
            sizes = {feature.name: feature.cardinality for feature in log.meta.features}
            return Latest(name, block, past, block.buckets if block.of == ITEM else sizes[block.of])
        case "popularity":
            return Popularity(name, block, past, setting.history)
        case "days-to-sale":
            return DaysToSale(name, block, setting.calendar)


def _write(root: Path, out: Path, files: Sequence[str], made: Sequence[Derived]) -> None:
    """Write the files of a folder with their derived columns; a file keeps its rows, so that truth goes on fitting them."""
    fields = [pa.field(column, pa.int32(), nullable=False) for one in made for column in one.feature.columns]
    for file in index(root, files):
        source, target = Path(file.path), out / Path(file.path).relative_to(root)
        target.parent.mkdir(exist_ok=True)
        with pq.ParquetFile(source) as parquet:
            schema = pa.schema([*parquet.schema_arrow, *fields])
            with parquet_writer(target, schema) as writer:
                for group in range(parquet.num_row_groups):
                    rows = parquet.read_row_group(group)
                    if rows.num_rows:
                        table = pa.Table.from_arrays([*rows.columns, *_columns(rows, made)], schema=schema)
                        writer.write_table(table, row_group_size=rows.num_rows)


def _columns(rows: pa.Table, made: Sequence[Derived]) -> list[pa.Array]:
    asked = [rows.column(name).to_numpy() for name in ("time", "user_id", ITEM)]
    found = [one.of(*asked) for one in made]
    return [pa.array(column) for ids in found for column in np.ascontiguousarray(ids.T)]
