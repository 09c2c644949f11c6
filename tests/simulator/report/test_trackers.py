"""Runs in the trackers that people have, in their local file stores."""

from __future__ import annotations

import pyarrow as pa
import pytest

from simulator.report import trackers
from simulator.report.trackers import missing, track
from tests.commands import sim_here

SUMMARY = {
    "name": "tiny",
    "seed": 3,
    "config_hash": "0a1b2c3d",
    "origin": "2025-11-01T00:00:00+00:00",
    "methods": {"fnw+1h": {"cvr": {"nll": 0.25, "auc": None}}},
}
DAY = 86_400_000_000


@pytest.fixture
def metrics():
    rows = [
        {"method": "fnw+1h", "task": "cvr", "metric": metric, "start": day * DAY, "value": value}
        for day, metric, value in [(3, "nll", 0.5), (4, "nll", 0.125), (3, "auc", None), (4, "auc", 0.75)]
    ]
    return pa.Table.from_pylist(rows)


def test_tensorboard_has_every_segment_at_its_instant(tmp_path, metrics):
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed (pip install tensorboard)")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    track("tensorboard", tmp_path, tmp_path, SUMMARY, metrics, {})
    found = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    tensors = found.Tensors("cvr/nll/fnw_1h")
    assert [event.step for event in tensors] == [0, 1]
    assert [event.tensor_proto.float_val[0] for event in tensors] == [0.5, 0.125]
    assert tensors[1].wall_time - tensors[0].wall_time == 86_400
    assert len(found.Tensors("cvr/auc/fnw_1h")) == 1


def test_mlflow_has_keys_and_metrics_of_a_run(tmp_path, metrics, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed (pip install mlflow-skinny)")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    keys = {"windows.observation": "15m", "method[0].method": "fnw", "title": ""}
    track("mlflow", tmp_path / "run", tmp_path, SUMMARY, metrics, keys)
    client = mlflow.MlflowClient((tmp_path / "mlruns").as_uri())
    (run,) = client.search_runs([client.get_experiment_by_name("tiny").experiment_id])
    assert run.info.run_name == "0a1b2c3d-s3"
    assert run.info.status == "FINISHED"
    assert run.data.params["windows.observation"] == "15m"
    assert run.data.metrics["overall/cvr/nll/fnw_1h"] == 0.25
    assert [m.value for m in client.get_metric_history(run.info.run_id, "cvr/nll/fnw_1h")] == [0.5, 0.125]


def test_a_tracker_that_is_not_installed_is_told_before_the_run(monkeypatch):
    assert missing(None) == ""
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    assert 'pip install "afterclick[mlflow]"' in missing("mlflow")
    done = sim_here("validate", "scenarios/minimal.toml", "--set", "output.tracker=tensorboard", code=2)
    assert 'output.tracker = "tensorboard": is not installed' in done.stderr
