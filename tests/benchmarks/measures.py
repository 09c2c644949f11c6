"""What `against` measures of one tree, in a process of its own: ``python measures.py PART TREE SCRATCH [KEY=VALUE...]``.

The tree is found by PYTHONPATH and may be an older one, so this keeps to what all of them have. SCRATCH stays between the
rounds: pre-trained models and logs are made once, except where making them is what is measured.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from subprocess import DEVNULL, Popen

Round = dict[str, float]
PARTS: dict[str, Callable[[Path, Path, Sequence[str]], Round]] = {}
CASCADE, TRACE = 2_550_000, 11_600_000
"""Rows of the public logs' vocabularies."""
NETCVR = (
    "pre-trained", "oracle", "offline", "fnc", "fnw", "defer", "defuse", "es-dfm", "dfsn", "ddfm", "miss",
    "tesla-hybrid", "tesla",
)  # fmt: skip
GMV = ("online-single", "offline-single", "oracle-single", "online-dual", "reader")
STREAM = {
    "world": {"preset": "cascade", "days": 24, "clicks_per_day": 10_000, "users": 12_000},
    "windows": {"attribution": "3d", "refund": "3d", "observation": "14.4m"},
    "stream": {"history": "10d", "gap": "7d", "length": "7d", "segment": "2.4h"},
    "learner": {"batch_size": 256},
    "engine": {"workers": 1},
}
"""Settings of netcvr_table2.toml, and as many clicks as were fed to the public code of NetCVR."""


def part(
    measure: Callable[[Path, Path, Sequence[str]], Round],
) -> Callable[[Path, Path, Sequence[str]], Round]:
    """Register a part under the name of its function."""
    PARTS[measure.__name__] = measure
    return measure


def called(tree: Path, *words: str | Path) -> tuple[float, float, float]:
    """Call ``sim.py`` in a process; return its seconds of processor time and of wall, and its peak memory in GB."""
    began = time.perf_counter()
    process = Popen([sys.executable, tree / "sim.py", *words], cwd=tree, stdout=DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"sim.py {' '.join(map(str, words))} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, time.perf_counter() - began, used.ru_maxrss * 1024 / 1e9


def settings(overrides: Sequence[str], *, out: str, cache: Path) -> list[str | Path]:
    """Return the options of a run that leaves nothing outside the scratch folder."""
    chosen = [f"output.cache={cache}", *overrides]
    return ["--out", out, "--replace", *(word for text in chosen for word in ("--set", text))]


def scenario(
    path: Path, blocks: dict[str, dict[str, object]], methods: Sequence[str], task: str = ""
) -> Path:
    """Write a scenario."""
    text = ""
    for block, values in blocks.items():
        text += f"[{block}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
    for method in methods:
        text += f'[[method]]\nmethod = "{method}"\n'
        text += f'task = "{task}"\n' if task and not method.startswith("tesla") else ""
    path.write_text(text, encoding="utf-8")
    return path


@part
def double11(tree: Path, scratch: Path, overrides: Sequence[str]) -> Round:
    """Fourteen methods from nothing: no world, no pre-trained model."""
    return _from_nothing(tree, scratch, "double11", overrides)


@part
def minimal(tree: Path, scratch: Path, overrides: Sequence[str]) -> Round:
    """The smallest whole run from nothing."""
    return _from_nothing(tree, scratch, "minimal", overrides)


def _from_nothing(tree: Path, scratch: Path, name: str, overrides: Sequence[str]) -> Round:
    with tempfile.TemporaryDirectory(dir=scratch) as out:
        words = settings(overrides, out=out, cache=Path(out) / "cache")
        cpu, wall, memory = called(tree, tree / "scenarios" / f"{name}.toml", *words)
    return {f"{name}, processor s": cpu, f"{name}, wall s": wall, f"{name}, peak GB": memory}


def _features(rows: int) -> list[int]:
    """Sizes of twenty-two features: two of ids with most of the rows, twenty of up to some thousands."""
    import numpy as np

    small = [int(n) for n in np.geomspace(4, 12_000, 20)]
    users = (rows - sum(small)) // 2
    return [*small, users, rows - sum(small) - users]


def _model(overrides: Sequence[str]):
    """Return a model of 2.6 million rows of sixteen numbers."""
    from learners.model import Model
    from learners.networks import NETWORKS
    from simulator.log.schema import Feature

    with suppress(ImportError):
        from simulator.scenario.model import LearnerBlock
    with suppress(ImportError):
        from simulator.scenario.learner import LearnerBlock
    own = dict(text.removeprefix("learner.").split("=") for text in overrides if text.startswith("learner."))
    learner, network = LearnerBlock(embedding_dim=16, **own), NETWORKS["mlp"]()
    complete = network.completed if hasattr(network, "completed") else network.settled
    features = [Feature(f"f{k}", size) for k, size in enumerate(_features(2_600_000))]
    model = Model(complete(learner), ("cvr",), features, learner, seed=1)
    model.publish()
    return model


def _ids(rng, n: int):
    """Return clicks, shape (n, 22), the ids of small number more frequent."""
    import numpy as np

    return np.ascontiguousarray(rng.random((n, 22)) ** 2 * _features(2_600_000), np.int32)


def _milliseconds(call: Callable[[], object], times: int) -> float:
    """Processor time of one of so many calls, the fastest of three goes; the first call of all is not counted."""
    call()
    found = []
    for _ in range(3):
        began = time.process_time()
        for _ in range(times):
            call()
        found.append((time.process_time() - began) / times * 1e3)
    return min(found)


@part
def step(tree: Path, scratch: Path, overrides: Sequence[str]) -> Round:
    """A step beside the dense layers alone, which are the same for every tree: in float32, forward, backward and Adam."""
    import numpy as np
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)
    model, rng, found = _model(overrides), np.random.default_rng(0), {}
    sizes = (22 * 16, 256, 256, 128)
    stack = [
        layer
        for a, b in pairwise(sizes)
        for layer in (torch.nn.Linear(a, b), torch.nn.BatchNorm1d(b), torch.nn.LeakyReLU())
    ]
    dense = torch.nn.Sequential(*stack, torch.nn.Linear(128, 1))
    adam = torch.optim.Adam(dense.parameters(), fused=True)
    for size in (512, 1024):
        target = torch.from_numpy((rng.random(size) < 0.07).astype(np.float32))
        batches = iter([_ids(rng, size) for _ in range(62)])
        x = torch.randn(size, sizes[0], requires_grad=True)

        def alone(x=x, target=target) -> None:
            adam.zero_grad()
            x.grad = None
            functional.binary_cross_entropy_with_logits(dense(x).squeeze(1), target).backward()
            adam.step()

        def whole(batches=batches, target=target) -> None:
            model.step(
                next(batches),
                lambda outputs: functional.binary_cross_entropy_with_logits(outputs["cvr"], target),
            )

        layers, one = _milliseconds(alone, 20), _milliseconds(whole, 20)
        found |= {f"batch {size}, step ms": one, f"batch {size}, dense layers alone ms": layers}
        found[f"batch {size}, step / dense layers"] = one / layers
    return found


@part
def predict(tree: Path, scratch: Path, overrides: Sequence[str]) -> Round:
    """Predictions, right after a publication and with six steps since."""
    import numpy as np
    import torch

    torch.set_num_threads(1)
    model, rng = _model(overrides), np.random.default_rng(1)
    ids, found = _ids(rng, 40_960), {}
    found["published rows per s"] = len(ids) / _milliseconds(lambda: model.served_outputs(ids), 3) * 1e3
    for _ in range(6):
        model.step(_ids(rng, 512), lambda outputs: outputs["cvr"].square().mean())
    found["between publications rows per s"] = (
        len(ids) / _milliseconds(lambda: model.served_outputs(ids), 3) * 1e3
    )
    found["publication ms"] = _milliseconds(model.publish, 20)
    return found


def _log(folder: Path, rows: int) -> Path:
    """Write a log of sixty thousand clicks over twenty-four days with a vocabulary of so many rows."""
    from datetime import UTC, datetime

    import numpy as np

    from simulator.log.schema import Feature, Kind
    from simulator.log.writer import LogWriter
    from simulator.units import DAY

    if folder.exists():
        return folder
    rng, n, sizes = np.random.default_rng(5), 60_000, _features(rows)
    clicked = np.sort(rng.integers(0, 24 * DAY, n))
    row = np.sort(rng.choice(n, n // 10, replace=False))
    paid = clicked[row] + rng.exponential(DAY / 2, len(row)).astype(np.int64)
    back, again = (rng.random(len(row)) < 0.25 for _ in range(2))
    time = np.concatenate([paid, paid[back] + DAY // 2, paid[again] + DAY // 3])
    times = [len(paid), int(back.sum()), int(again.sum())]
    row = np.concatenate([row, row[back], row[again]])
    kind = np.repeat(np.array([Kind.PAY, Kind.REFUND, Kind.PAY], np.uint8), times)
    order = np.lexsort((kind, time))
    ids = np.ascontiguousarray(rng.random((n, 22)) ** 2 * sizes, np.int32)
    with LogWriter(
        folder,
        name="wide",
        origin=datetime(2025, 1, 1, tzinfo=UTC),
        features=[Feature(f"f{k}", size) for k, size in enumerate(sizes)],
    ) as writer:
        writer.clicks(
            time=clicked,
            user_id=ids[:, 20].astype(np.int64),
            item_id=ids[:, 21].astype(np.int64),
            features=ids,
        )
        writer.events(row=row[order], time=time[order], kind=kind[order], amount=np.full(len(row), 20.0))
        writer.close(int(24 * DAY + 8 * DAY))
    return folder


@part
def memory(tree: Path, scratch: Path, overrides: Sequence[str]) -> Round:
    """Peak memory, with pre-training done before, of thirteen NetCVR methods at CASCADE's vocabulary and of five for GMV at
    TRACE's; and what their pre-trained models take on disk.
    """
    found: Round = {}
    for name, methods, task, rows, dim in (
        ("NetCVR", NETCVR, "netcvr", CASCADE, 32),
        ("GMV", GMV, "", TRACE, 16),
    ):
        blocks = {k: STREAM[k] for k in ("windows", "stream")}
        blocks |= {"data": {"path": str(_log(scratch / name, rows))}, "learner": {"embedding_dim": dim}}
        path, cache = scenario(scratch / f"{name}.toml", blocks, methods, task), scratch / f"{name}.cache"
        words = settings(overrides, out=str(scratch / "runs"), cache=cache)
        if not cache.exists():
            called(tree, path, *words)
        cpu, _, peak = called(tree, path, *words)
        disk = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())
        found |= {f"{name}, peak GB": peak, f"{name}, cache GB": disk / 1e9, f"{name}, processor s": cpu}
    return found


@part
def stream(tree: Path, scratch: Path, overrides: Sequence[str]) -> Round:
    """Processor time of the stream, replay and predictions included, per million samples that are learnt."""
    import sim
    from simulator.pipeline import Pipeline

    found: Round = {}
    run = Pipeline.run
    for method in ("es-dfm", "tesla", "defer"):

        def timed(pipeline: Pipeline, method: str = method) -> None:
            began = time.process_time()
            run(pipeline)
            seconds = time.process_time() - began
            learned = sum(notes["samples_learned"] for notes in pipeline.notes.values())
            found[f"{method}, processor s per million samples"] = seconds / learned * 1e6

        Pipeline.run = timed
        path = scenario(scratch / f"{method}.toml", STREAM, (method,), "netcvr")
        words = settings(overrides, out=str(scratch / "runs"), cache=scratch / "cache")
        with suppress(SystemExit):
            sim.main([*map(str, (path, *words)), "--progress", "none"])
    return found


@part
def start(tree: Path, scratch: Path, overrides: Sequence[str]) -> Round:
    """Help, and a scenario that is read but not run."""
    found: Round = {}
    for words in (("--help",), ("ls",), ("validate", "scenarios/double11.toml")):
        found[f"{words[0]}, processor s"] = min(called(tree, *words)[0] for _ in range(3))
    return found


@part
def resume(tree: Path, scratch: Path, overrides: Sequence[str]) -> Round:
    """The second half of minimal.toml."""
    import sim
    from learners.journal import Journal

    save, saved = Journal.save, []

    def interrupted(journal: Journal) -> None:
        save(journal)
        saved.append(journal)
        if len(saved) == 12:
            raise KeyboardInterrupt

    Journal.save = interrupted
    with tempfile.TemporaryDirectory(dir=scratch) as out:
        words = settings([*overrides, "engine.checkpoint_every=12h"], out=out, cache=scratch / "cache")
        with suppress(SystemExit, KeyboardInterrupt):
            sim.main([*map(str, (tree / "scenarios" / "minimal.toml", *words)), "--progress", "none"])
        (partial,) = Path(out).glob("*/*.partial")
        size = sum(file.stat().st_size for file in partial.rglob("*") if file.is_file())
        cpu, wall, _ = called(tree, "resume", partial, "--progress", "none")
    return {"resume, processor s": cpu, "resume, wall s": wall, "checkpoints MB": size / 1e6}


@part
def audit(tree: Path, scratch: Path, overrides: Sequence[str]) -> Round:
    """The audit of minimal.toml, its world made before."""
    words = ["audit", tree / "scenarios" / "minimal.toml", "--set", f"output.cache={scratch / 'cache'}"]
    if not (scratch / "cache").exists():
        called(tree, *words)
    return {"audit, processor s": called(tree, *words)[0]}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    name, tree, scratch, *overrides = sys.argv[1:]
    measured = PARTS[name](Path(tree), Path(scratch), overrides)
    print()
    print(json.dumps(measured))
