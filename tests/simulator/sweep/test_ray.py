"""Jobs on Ray, which begins a small cluster of its own where none is found."""

from __future__ import annotations

import pytest

from simulator.sweep.dispatch import Place, dispatch
from simulator.sweep.jobs import Notes
from tests.simulator.sweep.works import job, moody


@pytest.mark.ray
def test_jobs_run_on_ray(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed (pip install ray)")
    notes = Notes(tmp_path)
    notes.clear()
    jobs = [job(name, tmp_path) for name in ("fine", "fails-once", "fails-for-good")]
    found = {one.id: one.status for one in dispatch(jobs, moody, Place(2, "ray"), notes, retries=1)}
    assert found == {"fine": "done", "fails-once": "done", "fails-for-good": "failed"}
