"""Jobs to worker processes: a killed one, one that fails, one that always kills its worker."""

from __future__ import annotations

import pytest

from simulator.errors import ScenarioError
from simulator.sweep.dispatch import Place, dispatch
from simulator.sweep.jobs import Notes, ordered
from tests.simulator.sweep.works import fine, job, moody


def done(folder, names, work=moody, **options):
    jobs = [job(name, folder) for name in names]
    notes = Notes(folder)
    notes.clear()
    found = {one.id: one for one in dispatch(jobs, work, Place(2), notes, **{"retries": 2, **options})}
    assert options.get("stop") or not notes.running()
    return found


def test_whoever_dies_is_told_from_its_neighbours(tmp_path):
    found = done(tmp_path, ["dies", "slow", "killed-once", "fine"])
    assert {name: one.status for name, one in found.items()} == {
        "dies": "failed",
        "slow": "done",
        "killed-once": "done",
        "fine": "done",
    }
    assert "killed" in found["dies"].error
    assert found["slow"].tries == 1


def test_what_fails_is_tried_again_as_often_as_is_said(tmp_path):
    found = done(tmp_path, ["fails", "fails-once", "fails-for-good", "fine"], retries=1)
    assert {name: (one.status, one.tries) for name, one in found.items()} == {
        "fails": ("failed", 2),
        "fails-once": ("done", 2),
        "fails-for-good": ("failed", 1),
        "fine": ("done", 1),
    }


def test_a_sweep_can_stop_at_the_first_failure(tmp_path):
    found = done(tmp_path, ["fails-for-good", *(f"slow-{i}" for i in range(6))], stop=True)
    assert found["fails-for-good"].status == "failed"
    assert len(found) < 7


def test_a_place_that_is_none_is_refused(tmp_path):
    with pytest.raises(ScenarioError, match=r"spark://x: no such place; allowed: dask://HOST:PORT, ray"):
        list(dispatch([job("one", tmp_path)], fine, Place(2, "spark://x"), Notes(tmp_path), retries=0))


def test_jobs_of_different_worlds_come_first(tmp_path):
    jobs = [job(f"{world}{turn}", tmp_path, world) for world in "abc" for turn in range(2)]
    assert [one.id for one in ordered(jobs)] == ["a0", "b0", "c0", "a1", "b1", "c1"]
