"""Interrupt a run, go on with it in a process of its own, and compare it with one that was left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from learners.journal import Journal
from learners.session import run as session
from simulator.scenario.load import load_scenario
from tests.commands import run_directory, sim


def assert_equal_runs(run: Path, again: Path) -> None:
    fed = {file.name for file in (run / "samples").iterdir()}
    assert fed
    for name in fed:
        a, b = (pq.read_table(r / "samples" / name) for r in (run, again))
        assert a.equals(b), name
    a, b = (pq.read_table(r / "predictions.parquet") for r in (run, again))
    assert a.equals(b.select(a.column_names))
    a, b = (pq.read_table(r / "metrics.parquet") for r in (run, again))
    kept = np.isin(b["method"].to_numpy(zero_copy_only=False), a["method"].to_numpy(zero_copy_only=False))
    b = b.filter(kept)
    for name in a.column_names:
        x, y = a[name].to_pylist(), b[name].to_pylist()
        assert all(u == v or (u != u and v != v) for u, v in zip(x, y, strict=True)), name


def interrupted_and_resumed(
    scenario: Path, cache: str, out: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Interrupt a run after so many checkpoints, go on with it, and return its directory."""
    sim("resume", interrupted_run(scenario, cache, out, after, monkeypatch), "--progress", "none")
    return run_directory(out)


def interrupted_run(
    scenario: Path, cache: str, out: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Interrupt a run after so many checkpoints, and return what it left."""
    loaded = load_scenario(scenario, [cache, "engine.checkpoint_every=12h"], out=str(out))
    save, saved = Journal.save, []

    def interrupted(journal: Journal) -> None:
        save(journal)
        saved.append(journal)
        if len(saved) == after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            session.run(loaded, run_dir_base=out, dump_samples=True, progress="none", replace=False)
    (partial,) = out.glob("*/*.partial")
    assert not (partial / "DONE").exists()
    return partial
