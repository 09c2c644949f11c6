"""What a sweep leaves: ``sweep.parquet``, its metrics in long form, and ``sweep.json``, what became of each run."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from simulator.atomic import written_whole
from simulator.evaluation.compare import numbers_of, read_summary
from simulator.rundir import write_json
from simulator.sweep.grid import Cell
from simulator.sweep.jobs import Outcome
from simulator.toml import toml

_SOFTWARE = ("torch", "numpy")
_MADE_BY = ("afterclick", "python", "packages", "platform", "cpus")


@dataclass(frozen=True, slots=True)
class Row:
    """One run of the plan, and what became of it (None: it was not come to)."""

    cell: Cell
    seed: int
    outcome: Outcome | None

    @property
    def run(self) -> Path | None:
        """The finished run directory, if there is one."""
        found = self.outcome
        return None if found is None or found.status == "failed" else Path(found.run)


def write_table(path: Path, rows: Sequence[Row], keys: Sequence[str]) -> pa.Table:
    """Write the metrics of all finished runs, in the order of the plan, and return them.

    Columns: scenario, name, seed, run; each swept key by its dotted name (numbers where all its values are, else text);
    method, task, phase (or "overall"), metric, value; seconds, host, machine, and the versions of what made it.
    """
    found: dict[str, list[Any]] = {}
    numeric = {key: all(_is_number(row.cell.point.get(key)) for row in rows) for key in keys}
    for row in rows:
        if row.run is None or row.outcome is None:
            continue
        _, summary = read_summary(row.run)
        made = _manifest(row.run)
        fixed = {
            "scenario": Path(row.cell.scenario).stem,
            "name": row.run.parent.name,
            "seed": row.seed,
            "run": os.path.relpath(row.run, path.parent),
            **{key: _value(row.cell.point[key], numeric=numeric[key]) for key in keys},
        }
        after = {
            "seconds": row.outcome.seconds,
            "host": row.outcome.host,
            "machine": made.get("machine"),
            "platform": made.get("platform"),
            "afterclick": made.get("afterclick"),
            "python": made.get("python"),
            **{name: made.get("packages", {}).get(name) for name in _SOFTWARE},
        }
        for phase, task, metric, method, value in numbers_of(summary):
            told = {"method": method, "task": task, "phase": phase, "metric": metric}
            number = None if math.isnan(value) else value
            for name, cell in {**fixed, **told, "value": number, **after}.items():
                found.setdefault(name, []).append(cell)
    table = pa.table(found)
    with written_whole(path) as partial:
        pq.write_table(table, partial, compression="zstd")
    return table


def write_account(path: Path, rows: Sequence[Row], keys: Sequence[str]) -> dict[str, Any]:
    """Write what became of each run, in the order of the plan, with the machine and the software that made it."""
    runs = []
    for row in rows:
        outcome, made = row.outcome, {} if row.run is None else _manifest(row.run)
        runs.append(
            {
                "scenario": row.cell.scenario,
                "name": row.cell.name,
                "seed": row.seed,
                **({"at": dict(row.cell.point)} if keys else {}),
                "status": "open" if outcome is None else outcome.status,
                "run": None if row.run is None else os.path.relpath(row.run, path.parent),
                "seconds": None if outcome is None else round(outcome.seconds, 3),
                "tries": 0 if outcome is None else outcome.tries,
                "host": None if outcome is None else outcome.host,
                **({"error": outcome.error} if outcome is not None and outcome.error else {}),
                **({"made_by": {key: made.get(key) for key in _MADE_BY}} if made else {}),
            }
        )
    account = {"keys": list(keys), "runs": runs}
    write_json(path, account)
    return account


def _manifest(run: Path) -> dict[str, Any]:
    try:
        found = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _value(value: Any, *, numeric: bool) -> Any:
    if numeric:
        return float(value)
    return value if isinstance(value, str) else toml(value)
