"""Steps, predictions and double11 on an accelerator and on the processor, in turns: what `run.sh` prints."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from statistics import median

import numpy as np
import torch
from torch.nn import functional

from tests.benchmarks.measures import _ids, _model

BATCHES = (512, 2_048, 8_192, 32_768, 65_536)
ROUNDS, STEPS, ROWS = 5, 10, 262_144
RUNS = (("cpu", "float32"), ("cpu", "bfloat16"), ("cuda", "float32"), ("cuda", "bfloat16"))
"""Devices and precisions; the first is what the others are compared with."""


def milliseconds(device: str, call) -> float:
    """Wall time of a call that the device has finished."""
    began = time.perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - began) * 1e3


def table(title: str, rows: dict[str, list[float]], runs: Sequence[tuple[str, str]]) -> None:
    """Print a line a row: what each run took, and the ratio to the first."""
    print(f"\n{title:24}" + "".join(f"{' '.join(run):>24}" for run in runs))
    for name, found in rows.items():
        print(
            f"{name:24}" + "".join(f"{value:14.4g} ({value / found[0]:6.2f})" for value in found), flush=True
        )


def learner(runs: Sequence[tuple[str, str]], batches: Sequence[int] = BATCHES, rows: int = ROWS) -> None:
    """Measure steps at several batches, and predictions."""
    rng, steps = np.random.default_rng(0), {}
    models = {run: _model([f"learner.device={run[0]}", f"learner.precision={run[1]}"]) for run in runs}
    for size in batches:
        ids, label = _ids(rng, size), torch.from_numpy((rng.random(size) < 0.07).astype(np.float32))
        found: dict[tuple[str, str], list[float]] = {run: [] for run in runs}
        for _ in range(ROUNDS + 1):  # the first one is not counted
            for run, model in models.items():

                def several(model=model, ids=ids, label=label) -> None:
                    for _ in range(STEPS):
                        model.step(
                            ids, lambda out: functional.binary_cross_entropy_with_logits(out["cvr"], label)
                        )

                found[run].append(milliseconds(run[0], several) / STEPS)
        steps[f"{size} rows"] = [median(times[1:]) for times in found.values()]
    table("step, ms", steps, runs)
    ids, rates = _ids(rng, rows), []
    for run, model in models.items():
        model.publish()
        times = [milliseconds(run[0], lambda m=model: m.served_outputs(ids)) for _ in range(ROUNDS + 1)]
        rates.append(rows / median(times[1:]))
    table("predictions", {"thousand rows a second": rates}, runs)


def double11(runs: Sequence[tuple[str, str]]) -> None:
    """Measure the shipped scenario from nothing."""
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for k, (device, precision) in enumerate(runs):
            words = [
                f"learner.device={device}",
                f"learner.precision={precision}",
                f"output.cache={folder}/{k}",
            ]
            began = time.perf_counter()
            subprocess.run(
                [
                    *(sys.executable, "sim.py", "scenarios/double11.toml", "--out", f"{folder}/runs"),
                    *(word for text in words for word in ("--set", text)),
                    *("--replace", "--progress", "none"),
                ],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            found.append(time.perf_counter() - began)
    table("double11", {"wall s": found}, runs)


def main() -> None:
    """Measure all of it, as far as there is an accelerator."""
    if threads := int(sys.argv[1]) if len(sys.argv) > 1 else 0:
        torch.set_num_threads(threads)
    runs = [run for run in RUNS if run[0] == "cpu" or torch.cuda.is_available()]
    print(
        torch.cuda.get_device_name() if len(runs) > 2 else "no accelerator: the processor alone is measured"
    )
    learner(runs)
    double11(runs)


if __name__ == "__main__":
    main()
