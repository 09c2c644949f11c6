"""A part that `new` writes works, passes its own test, and can be named in a scenario; `check` says what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import ROOT, sim_here


def run(folder: Path, *words: str, code: int = 0) -> str:
    """Run the command line (or pytest) in a folder of one's own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"] if words[0] == "pytest" else [
        sys.executable, str(ROOT / "sim.py"), words[0]
    ]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    done = subprocess.run(
        [*command, *words[1:]], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("policy", "my_first:MyFirst"),
        pytest.param("objective", "my_first:MyFirst", marks=pytest.mark.long),
        pytest.param("network", "my_first:MyFirst", marks=pytest.mark.long),
        ("method", "my_first:method"),
    ],
)
def test_what_is_written_works(tmp_path, kind, place):
    told = run(tmp_path, "new", kind, "my-first")
    assert f"check {place}" in told
    part = (tmp_path / "my_first.py").read_text()
    assert len(part.splitlines()) < 30
    (tmp_path / "scenario.toml").write_text(f'extends = "{ROOT / "scenarios" / "minimal.toml"}"\n')
    use = told.split("scenario of this folder:\n")[1]
    with (tmp_path / "scenario.toml").open("a") as scenario:
        scenario.write("\n".join(line.strip() for line in use.splitlines()) + "\n")
    assert "valid" in run(tmp_path, "validate", "scenario.toml")
    checked = run(tmp_path, "check", place)
    assert "passed" in checked
    assert "failed" not in checked
    assert "passed" in run(tmp_path, "pytest", "test_my_first.py")
    assert "is there already" in run(tmp_path, "new", kind, "my-first", code=2)
    assert (tmp_path / "my_first.py").read_text() == part


def test_check_names_what_failed_and_why(tmp_path):
    run(tmp_path, "new", "objective", "own")
    file = tmp_path / "own.py"
    file.write_text(file.read_text().replace("logit.detach()", "logit"))
    told = run(tmp_path, "check", "own:Own", code=0)
    assert "failed" not in told, "a weight with a gradient is another loss, but a loss"
    file.write_text(file.read_text().replace("target.mean(surprise * losses)", "(surprise * losses).mean()"))
    told = run(tmp_path, "check", "own:Own", code=1)
    assert "failed  nulls: 'cvr' is pulled by rows that are null in converted" in told
    assert "passed  gradient" in told


def test_names_are_checked(tmp_path):
    for name in ("9lives", "Two Words", "class"):
        said = sim_here("new", "policy", name, code=2, cwd=tmp_path).stderr
        assert "is no name for a policy" in said
    said = sim_here("new", "polcy", "x", code=2, cwd=tmp_path).stderr
    assert "Did you mean" in said or list(tmp_path.iterdir()) == []
    assert "cannot import 'nowhere'" in sim_here("check", "nowhere:X", code=2, cwd=tmp_path).stderr
    assert "passed  causal" in sim_here("check", "never", cwd=tmp_path).stdout
