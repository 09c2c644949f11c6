""".ci/run judges the long tests: a failure decides, what the time did not suffice for is named."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import ROOT

GATE = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
FUNCTION = re.findall(r"^judged\(\).*?^}$", GATE, re.MULTILINE | re.DOTALL)[0]


def judged(python: str, folder: Path, minute: int = 60) -> subprocess.CompletedProcess[str]:
    """Run the gate's function with a program in place of Python."""
    stub = folder / "python"
    stub.write_text(f"#!/bin/sh\n{python}\n", encoding="utf-8")
    stub.chmod(0o700)
    script = f'set -euo pipefail\n{FUNCTION}\njudged "long tests" {minute} tests -m long\necho next'
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    return subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("code", "said"), [(0, "passed, or not begun"), (124, "was stopped"), (137, "was stopped")]
)
def test_what_passes_or_has_no_time_does_not_stop_it(code: int, said: str, tmp_path: Path):
    done = judged(f'echo "$@"; exit {code}', tmp_path)
    assert done.returncode == 0
    assert re.search(rf"--begin-within=\d+ tests -m long\nlong tests: .*{said}.*\nnext\n$", done.stdout)


@pytest.mark.parametrize("code", [1, 2, 5])
def test_a_failure_decides(code: int, tmp_path: Path):
    done = judged(f"exit {code}", tmp_path)
    assert done.returncode == 1
    assert "long tests: FAILED" in done.stderr
    assert "next" not in done.stdout


def test_without_time_nothing_is_begun(tmp_path: Path):
    done = judged("exit 1", tmp_path, minute=0)
    assert (done.returncode, done.stdout) == (0, "long tests: left out, no time is left\nnext\n")


def test_every_long_test_is_judged_and_no_ratio():
    assert re.findall(r'^judged "[^"]*" \d+ (.*)$', GATE, re.MULTILINE) == [
        "tests -m long --ignore=tests/simulator/log/own",
        "tests/simulator/log/own -m long",
    ]
    assert GATE.index("done\n", GATE.index("-m benchmark")) > GATE.rindex("judged ")


def test_what_is_not_begun_in_time_is_named_and_no_failure():
    (test, other) = ("tests/test_gate.py::test_without_time_nothing_is_begun", "tests/test_constraints.py")
    command = [sys.executable, "-m", "pytest", "-q", "-rs", test, other]
    done = subprocess.run(
        [*command, "--begin-within=0"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert f"{test} was not begun: the time is over" in done.stdout
    assert "2 skipped" in done.stdout
    assert "1 passed" in subprocess.run(
        [*command[:-1], "--begin-within=100"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
