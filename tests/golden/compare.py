"""What a golden run is compared by: scores of all methods, and what their policies cost."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

METRICS = ("auc", "prauc", "nll", "pcoc", "regret_nll", "alpr", "log_mae")
COSTS = ("samples", "clicks", "steps")
SAME, OTHER = 1e-6, 5e-4
"""Tolerances of the NLL on one platform, and between processors, whose sums differ in the last bits and then in what is
learned: without vector instructions the NLL of minimal.toml moves by 1e-4 at most, its AUC by .001. Two methods whose NLL
differs by more than the latter must keep their order anywhere."""


def platform_of() -> str:
    """Return a name of all that the last bits depend on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line for line in lines if line.startswith("model name")), "")
    except OSError:
        model = platform.processor()
    parts = (
        platform.machine(),
        model,
        torch.backends.cpu.get_cpu_capability(),
        torch.__version__,
        np.__version__,
    )
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]


def golden_of(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of a run's summary."""
    return {
        "platform": platform_of(),
        "methods": {
            method: {
                task: {m: round(values[m], 9) for m in METRICS if values.get(m) is not None}
                for task, values in tasks.items()
            }
            for method, tasks in summary["methods"].items()
        },
        "costs": {m: {name: costs[name] for name in COSTS} for m, costs in summary["costs"].items()},
    }


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_path(name).read_text(encoding="utf-8"))
    return found


def write(name: str, golden: Mapping[str, Any]) -> None:
    """Write a golden summary, one line a method."""
    lines = [f' "platform": {json.dumps(golden["platform"])}']
    for part in ("methods", "costs"):
        rows = ",\n".join(f"  {json.dumps(m)}: {json.dumps(values)}" for m, values in golden[part].items())
        lines.append(f' "{part}": {{\n{rows}\n }}')
    _path(name).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _path(name: str) -> Path:
    return Path(__file__).with_name(f"{name}.json")


def check(name: str, summary: Mapping[str, Any]) -> None:
    """Compare a run with the golden one: counts exactly, scores by platform, and the order of the methods anywhere."""
    golden, found = read(name), golden_of(summary)
    near = SAME if golden["platform"] == found["platform"] else OTHER
    assert found["costs"] == golden["costs"]
    assert found["methods"].keys() == golden["methods"].keys()
    for method, tasks in golden["methods"].items():
        for task, values in tasks.items():
            own = found["methods"][method][task]
            for metric, value in values.items():
                # Between processors ranks and sums of few positives move ten times as far as losses do.
                loose = 1.0 if metric in {"nll", "regret_nll"} or near == SAME else 10.0
                assert own[metric] == pytest.approx(value, abs=near * loose, rel=near * loose), (
                    method,
                    task,
                    metric,
                )
    for task in {task for tasks in golden["methods"].values() for task in tasks}:
        _check_order(task, golden["methods"], found["methods"])


def _check_order(task: str, golden: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    judged = [method for method in golden if "nll" in golden[method].get(task, {})]
    for one, other in combinations(judged, 2):
        gap = golden[one][task]["nll"] - golden[other][task]["nll"]
        if abs(gap) > OTHER:
            now = found[one][task]["nll"] - found[other][task]["nll"]
            assert now * gap > 0, f"{task}: {one} and {other} have changed places"
