"""What a worker does for one run, in this process: begin it, go on with it, find it done; and what it is known by."""

from __future__ import annotations

import shutil
from threading import Event, Thread
from time import sleep

import pytest

from learners import precision
from learners.journal import Journal
from learners.session import run as session
from learners.session.jobs import plan, work
from simulator.rundir import RunDirectory
from simulator.sweep.grid import Cell
from tests.commands import summary_of
from tests.test_sweep import TINY


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """Plan the tiny scenario in a folder of its own."""

    def make(place, *overrides, lanes=1):
        folder = tmp_path / place
        folder.mkdir()
        monkeypatch.chdir(folder)
        (folder / "tiny.toml").write_text('[engine]\ncheckpoint_every = "6h"\n' + TINY, encoding="utf-8")
        (found,) = plan(
            [Cell("tiny.toml", "", {})],
            [3],
            folder=folder,
            base=folder / "runs",
            lanes=lanes,
            overrides=overrides,
        )
        return found

    return make


def test_a_killed_run_goes_on_from_its_checkpoints_to_the_same_numbers(planned, monkeypatch, tmp_path):
    one, saved, resumed = planned("killed"), [], []
    monkeypatch.chdir(tmp_path)
    save, resume = Journal.save, session.resume

    def killed(journal):
        save(journal)
        saved.append(journal)
        if len(saved) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            work(one.job)
    assert not one.finished
    monkeypatch.setattr(session, "resume", lambda *given: resumed.append(given) or resume(*given))
    outcome = work(one.job)
    assert (outcome.status, outcome.error) == ("done", "")
    assert len(resumed) == 1
    assert one.finished
    assert work(one.job).status == "before"
    whole = planned("whole")
    shutil.copytree(tmp_path / "killed" / "data", tmp_path / "whole" / "data")
    assert work(whole.job).status == "done"
    assert summary_of(one.final)["methods"] == summary_of(whole.final)["methods"]


def test_what_cannot_be_gone_on_with_is_begun_anew(planned, monkeypatch):
    one = planned("other")
    partial = one.final.with_name(one.final.name + ".partial")
    (partial / "checkpoints").mkdir(parents=True)
    (partial / "checkpoints" / "fnw.pt").touch()
    (partial / "manifest.json").write_text('{"afterclick": "0.0", "dump_samples": false}', encoding="utf-8")
    (partial / "scenario.resolved.toml").write_text(
        one.job.scenario.read_text(encoding="utf-8"), encoding="utf-8"
    )
    assert work(one.job).status == "done"
    (log,) = (one.job.folder / "logs").iterdir()
    assert "not resumed" in log.read_text(encoding="utf-8")


def test_a_run_that_another_worker_is_at_is_waited_for(planned):
    one = planned("busy")
    name, place = one.final.parent.name, one.final.name
    begun = Event()

    def another():
        with RunDirectory.create(one.job.base, name, place.removesuffix("-s3"), 3):
            begun.set()
            sleep(1.5)

    thread = Thread(target=another)
    thread.start()
    begun.wait()
    assert work(one.job).status == "done"
    thread.join()


def test_neither_place_nor_workers_are_part_of_a_run(planned, tmp_path):
    one, other = planned("one"), planned("other", f'output.cache="{tmp_path}/cache"', lanes=7)
    assert one.final.name == other.final.name
    assert one.final != other.final
    assert one.job.shares == other.job.shares
    assert planned("third", "windows.observation=1h").job.shares == one.job.shares
    assert planned("fourth", "world.days=6").job.shares != one.job.shares


def test_what_precision_is_fastest_is_found_once_for_all_workers(planned, monkeypatch):
    monkeypatch.setattr(precision, "best_precision", lambda: precision.Choice("bfloat16", "it is told so"))
    auto, written = (planned(name, f'learner.precision="{name}"') for name in ("auto", "bfloat16"))
    assert 'precision = "bfloat16"' in auto.job.scenario.read_text(encoding="utf-8")
    assert auto.final.name == written.final.name != planned("f", 'learner.precision="float32"').final.name
