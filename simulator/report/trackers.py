"""Results for the trackers that people have: MLflow and TensorBoard. A run is the same with them and without."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

PACKAGES = {"mlflow": "mlflow", "tensorboard": "tensorboard"}
"""By tracker the package that it needs."""
_BATCH = 100
_LONGEST = 500


def missing(tracker: str | None) -> str:
    """Say what is to be installed for a tracker; "" where nothing is."""
    if tracker is None or find_spec(PACKAGES[tracker]) is not None:
        return ""
    return f'output.tracker = "{tracker}": is not installed; install it with: pip install "afterclick[{tracker}]"'


def track(
    tracker: str,
    run: Path,
    base: Path,
    summary: Mapping[str, Any],
    metrics: pa.Table,
    keys: Mapping[str, str],
) -> None:
    """Write a run's metrics, segment by segment, at the instants of the log.

    Parameters
    ----------
    run : its directory; TensorBoard's files go to ``tensorboard/`` in it.
    base : folder of the run directories; MLflow's store is ``mlruns/`` in it, unless MLFLOW_TRACKING_URI names another.
    metrics : the long table of `Results.metrics`.
    keys : those of the scenario, as text.
    """
    {"mlflow": _mlflow, "tensorboard": _tensorboard}[tracker](run, base, summary, metrics, keys)


def _scalars(summary: Mapping[str, Any], metrics: pa.Table) -> Iterator[tuple[str, float, int, float]]:
    """Yield task/metric/method, value, number of the cell, and its instant in seconds since 1970."""
    origin = datetime.fromisoformat(summary["origin"]).timestamp()
    rows = metrics.to_pylist()
    number = {start: i for i, start in enumerate(sorted({row["start"] for row in rows}))}
    for row in rows:
        if row["value"] is not None:
            yield (
                _plain(f"{row['task']}/{row['metric']}/{row['method']}"),
                row["value"],
                number[row["start"]],
                origin + row["start"] / 1e6,
            )


def _plain(name: str) -> str:
    """Return a name with what MLflow allows in one."""
    return re.sub(r"[^\w. /-]", "_", name)


def _tensorboard(
    run: Path, _base: Path, summary: Mapping[str, Any], metrics: pa.Table, _keys: Mapping[str, str]
) -> None:
    from tensorboard.summary import Writer

    writer = Writer(str(run / "tensorboard"))
    for name, value, step, seconds in _scalars(summary, metrics):
        writer.add_scalar(name, value, step, wall_time=seconds)
    writer.close()


def _mlflow(
    _run: Path, base: Path, summary: Mapping[str, Any], metrics: pa.Table, keys: Mapping[str, str]
) -> None:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    # A folder takes many processes at a time, as in a sweep, which a file of SQLite does not.
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or (base.absolute() / "mlruns").as_uri())
    name, last = summary["name"], 0
    known = client.get_experiment_by_name(name)
    experiment = client.create_experiment(name) if known is None else known.experiment_id
    made = client.create_run(experiment, run_name=f"{summary['config_hash']}-s{summary['seed']}").info.run_id
    params = [Param(_plain(key), value[:_LONGEST]) for key, value in keys.items() if value]
    scalars = []
    for key, value, step, seconds in _scalars(summary, metrics):
        scalars.append(Metric(key, value, round(seconds * 1000), step))
        last = max(last, step)
    for method, tasks in summary["methods"].items():
        for task, values in tasks.items():
            for metric, value in values.items():
                if value is not None:
                    scalars.append(Metric(_plain(f"overall/{task}/{metric}/{method}"), value, 0, last))
    for first in range(0, len(params), _BATCH):
        client.log_batch(made, params=params[first : first + _BATCH])
    for first in range(0, len(scalars), _BATCH):
        client.log_batch(made, metrics=scalars[first : first + _BATCH])
    client.set_terminated(made)
