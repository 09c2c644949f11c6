"""A sweep on a real Dask cluster: two worker processes in another working directory, one of them killed at work."""

from __future__ import annotations

from simulator.sweep.dispatch import Place, dispatch
from simulator.sweep.jobs import Notes
from tests.cluster import cluster  # noqa: F401 - a fixture
from tests.simulator.sweep.works import job, moody


def test_a_cluster_survives_a_killed_worker(cluster, tmp_path):  # noqa: F811 - the fixture
    folder = tmp_path / "sweep"
    folder.mkdir()
    notes = Notes(folder)
    notes.clear()
    jobs = [job(name, folder) for name in ("killed-once", "slow", "fails-once", "fine", "dies")]
    found = {
        one.id: one.status for one in dispatch(jobs, moody, Place(2, f"dask://{cluster}"), notes, retries=2)
    }
    assert found == dict.fromkeys(("killed-once", "slow", "fails-once", "fine"), "done") | {"dies": "failed"}
    assert len(list(folder.glob("killed-once.attempt*"))) >= 2
    assert len(list(folder.glob("dies.attempt*"))) >= 3, "its cluster tried it again"
