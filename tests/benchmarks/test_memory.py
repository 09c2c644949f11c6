"""What many methods hold at the public logs' vocabularies, and, among the long tests, at a tenth of them:
``pytest tests/benchmarks/test_memory.py -m "benchmark or long" -s``.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest

from tests.benchmarks import measures

TREE = Path(__file__).resolve().parents[2]
LITTLE = 0.6
"""GB that a process takes whatever the vocabulary: torch, the log, layers, predictions."""


def watched(*words: str | Path) -> dict[str, float]:
    """Call ``sim.py``; return its peak and the most that was anonymous and that lay in files at once, all in GB."""
    process = Popen([sys.executable, TREE / "sim.py", *words], cwd=TREE, stdout=DEVNULL)
    most = {"anonymous": 0.0, "in files": 0.0}
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        try:
            told = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
        except (OSError, ProcessLookupError):
            told = ""
        for name, field in (("anonymous", "Pss_Anon"), ("in files", "Pss_File")):
            found = re.search(rf"^{field}: +(\d+) kB", told, re.MULTILINE)
            most[name] = max(most[name], int(found[1]) * 1024 / 1e9 if found else 0.0)
        time.sleep(0.2)
    process.returncode = os.waitstatus_to_exitcode(ended[1])
    assert process.returncode == 0
    return {"peak": ended[2].ru_maxrss * 1024 / 1e9, **most}


def peaks(scratch: Path, methods: tuple[str, ...], task: str, rows: int, dim: int) -> list[dict[str, float]]:
    """Return what a run of some hundred steps a method takes, the first time, and once all is pre-trained."""
    blocks = {key: measures.STREAM[key] for key in ("windows", "stream")}
    blocks |= {
        "data": {"path": str(measures._log(scratch / "log", rows))},
        "learner": {"embedding_dim": dim, "batch_size": 256},
    }
    path = measures.scenario(scratch / "wide.toml", blocks, methods, task)
    words = measures.settings([], out=str(scratch / "runs"), cache=scratch / "cache")
    found = [watched(path, *words) for _ in range(2)]
    disk = sum(file.stat().st_size for file in (scratch / "cache").rglob("*") if file.is_file()) / 1e9
    for when, figures in zip(("with pre-training", "from the cache"), found, strict=True):
        told = ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
        print(f"\n{len(methods)} methods, {rows:,} rows of {dim}, {when}: GB {told}")
    print(f"pre-trained models on disk: {disk:.2f} GB")
    return found


@pytest.mark.parametrize(
    ("rows", "budget"),
    [
        pytest.param(255_000, LITTLE + 1.1, id="tenth", marks=pytest.mark.long),
        pytest.param(measures.CASCADE, 2.4, id="whole", marks=pytest.mark.benchmark),
    ],
)
def test_thirteen_methods_at_the_vocabulary_of_cascade(rows, budget, tmp_path):
    *_, warm = peaks(tmp_path, measures.NETCVR, "netcvr", rows, 32)
    assert warm["peak"] <= budget


@pytest.mark.parametrize(
    ("rows", "budget"),
    [
        pytest.param(1_160_000, LITTLE + 1.0, id="tenth", marks=pytest.mark.long),
        pytest.param(measures.TRACE, 4.0, id="whole", marks=pytest.mark.benchmark),
    ],
)
def test_five_methods_at_the_vocabulary_of_trace(rows, budget, tmp_path):
    *_, warm = peaks(tmp_path, measures.GMV, "", rows, 16)
    assert warm["peak"] <= budget
