"""Run the command line as a user does, in a process of its own, or without the seconds that a process takes to begin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import sim as command_line

ROOT = Path(__file__).parents[1]


def sim(
    *arguments: str | Path, env: dict[str, str] | None = None, code: int | None = 0, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run ``python sim.py ...``, from the project's root where nothing else is said, and check its exit code (None: any)."""
    done = subprocess.run(
        [sys.executable, ROOT / "sim.py", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    return _checked(done, code)


def sim_here(
    *arguments: str | Path, code: int | None = 0, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Do the same in this process: where neither its environment nor what was imported before can matter."""
    words = [*map(str, arguments)]
    out, err = StringIO(), StringIO()
    with chdir(cwd), redirect_stdout(out), redirect_stderr(err):
        try:
            command_line.main(words)
        except SystemExit as ended:
            done = subprocess.CompletedProcess(words, int(ended.code or 0), out.getvalue(), err.getvalue())
    return _checked(done, code)


def _checked(done: subprocess.CompletedProcess[str], code: int | None) -> subprocess.CompletedProcess[str]:
    assert code in (None, done.returncode), f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def run_directory(base: Path) -> Path:
    """Return the one finished run under ``base``."""
    (found,) = base.glob("*/*/DONE")
    return found.parent


def summary_of(run: Path) -> dict[str, Any]:
    return json.loads((run / "summary.json").read_text(encoding="utf-8"))
