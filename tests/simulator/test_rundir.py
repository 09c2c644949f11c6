"""The run directory: whole or not there, never written by two."""

import json
import multiprocessing
import signal
import subprocess
import sys
from importlib.metadata import version

import pytest

from simulator.errors import RunError
from simulator.rundir import RunDirectory, manifest, software_version, write_json
from tests.commands import ROOT


def create(base, **more):
    return RunDirectory.create(base, "demo", "0a1b2c3d", 4, **more)


def test_a_run_appears_whole(tmp_path):
    run = create(tmp_path)
    final = tmp_path / "demo" / "0a1b2c3d-s4"
    run.summary.write_text("{}")
    (run.samples / "fnw.parquet").write_text("")
    assert not final.exists()
    assert run.path.name.endswith(".partial")
    assert run.finish() == final
    assert sorted(p.name for p in (tmp_path / "demo").iterdir()) == ["0a1b2c3d-s4"]
    assert {p.name for p in final.iterdir()} == {"summary.json", "samples", "DONE"}
    assert run.summary == final / "summary.json"
    run.abandon()
    assert run.finish() == final


def test_an_existing_run_is_kept_unless_replaced(tmp_path):
    first = create(tmp_path)
    first.summary.write_text("old")
    first.finish()
    with pytest.raises(RunError, match=r"--out.*--replace"):
        create(tmp_path)
    second = create(tmp_path, replace=True)
    assert first.summary.read_text() == "old"
    second.summary.write_text("new")
    second.finish()
    assert first.summary.read_text() == "new"
    assert [p.name for p in (tmp_path / "demo").iterdir()] == ["0a1b2c3d-s4"]


def test_a_failed_replacement_leaves_the_old_run(tmp_path):
    first = create(tmp_path)
    first.summary.write_text("old")
    first.finish()
    with pytest.raises(KeyboardInterrupt), create(tmp_path, replace=True):
        raise KeyboardInterrupt
    assert first.summary.read_text() == "old"
    assert [p.name for p in (tmp_path / "demo").iterdir()] == ["0a1b2c3d-s4"]


def fail(base, error, *, checkpoint=False):
    """Break off a run half way."""
    with create(base) as run:
        run.summary.write_text("half")
        if checkpoint:
            (run.checkpoints / "1").write_text("state")
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_nothing(tmp_path, error):
    with pytest.raises(error):
        fail(tmp_path, error)
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_survive_and_are_taken_up(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fail(tmp_path, KeyboardInterrupt, checkpoint=True)
    with pytest.raises(RunError, match="resume"):
        create(tmp_path)
    final = tmp_path / "demo" / "0a1b2c3d-s4"
    again = RunDirectory.reopen(final)
    assert (again.checkpoints / "1").read_text() == "state"
    with pytest.raises(RunError, match="another process"):
        RunDirectory.reopen(again.partial)
    again.finish()
    with pytest.raises(RunError, match="finished"):
        RunDirectory.reopen(final)


def test_nothing_to_resume(tmp_path):
    with pytest.raises(RunError, match="no such run"):
        RunDirectory.reopen(tmp_path / "demo" / "x-s0")
    run = create(tmp_path)
    run._lock.release()  # the process died, the directory stayed
    with pytest.raises(RunError, match="no checkpoint"):
        RunDirectory.reopen(run.partial)


def hold(base, ready):
    run = create(base)
    run.summary.write_text("of the dead")
    ready.set()
    signal.pause()


def test_two_processes_cannot_write_one_run_and_a_dead_one_is_replaced(tmp_path):
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    other = context.Process(target=hold, args=(tmp_path, ready))
    other.start()
    assert ready.wait(20)
    with pytest.raises(RunError, match="another process"):
        create(tmp_path)
    other.kill()
    other.join()
    with create(tmp_path) as run:
        assert list(run.path.iterdir()) == []


def test_it_needs_nothing_that_only_unix_has():
    program = "import sys; sys.modules.update(fcntl=None, pwd=None, resource=None); import simulator.rundir"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_manifest_names_versions_without_importing(tmp_path):
    found = manifest(seed=1, config_hash="abcd0123", threads=2, fingerprint="f", argv=["sim.py", "x"])
    write_json(tmp_path / "manifest.json", found)
    assert json.loads((tmp_path / "manifest.json").read_text()) == found
    assert found["packages"]["numpy"] == version("numpy")
    assert found["packages"]["torch"] == version("torch")
    assert found["afterclick"] == software_version()
    assert (found["seed"], found["threads"], found["argv"]) == (1, 2, ["sim.py", "x"])
    assert found["started"].endswith("+00:00")


def test_json_is_strict(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []
