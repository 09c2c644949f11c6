"""What ``precision = "auto"`` comes to on the processor at hand. Loads torch where that is asked, and nowhere else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

from learners.catalog import ResolvedMethod
from simulator.scenario.learner import LearnerBlock
from simulator.scenario.load import Loaded

SHAPE = (512, 352, 256)
"""A batch, and the first of the hidden layers, of the default sizes and 22 features."""
ROUNDS = 7
LEAST = 1.5
"""By how much bfloat16 must be the faster one; the products are about half of a step."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A precision, and why."""

    precision: str
    why: str

    @property
    def sentence(self) -> str:
        """Say both, for the one who runs a scenario."""
        return f'precision = "auto" is {self.precision} here: {self.why}'


def has_instructions() -> bool:
    """Return whether the processor multiplies numbers of bfloat16 itself."""
    import torch

    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16"))


@cache
def best_precision() -> Choice:
    """Return the faster one, found out once a process: by the processor's instructions, and by some products."""
    if not has_instructions():
        return Choice("float32", "the processor has no instructions for products in bfloat16")
    times = speedup()
    if times < LEAST:
        return Choice("float32", f"products in bfloat16 are only {times:.1f} times as fast")
    return Choice("bfloat16", f"products are {times:.1f} times as fast as in float32")


def speedup() -> float:
    """Return how many times as fast products in bfloat16 are: the best of some rounds each, in turn."""
    import torch

    rows, inputs, outputs = SHAPE
    best: dict[torch.dtype, float] = {}
    pairs = {
        dtype: (torch.ones(rows, inputs, dtype=dtype), torch.ones(inputs, outputs, dtype=dtype))
        for dtype in (torch.float32, torch.bfloat16)
    }
    for _ in range(ROUNDS):
        for dtype, (left, right) in pairs.items():
            begin = time.perf_counter()
            torch.mm(left, right)
            took = time.perf_counter() - begin
            best[dtype] = min(took, best.get(dtype, took))
    return best[torch.float32] / best[torch.bfloat16]


def settled(learner: LearnerBlock) -> LearnerBlock:
    """Return hyper-parameters in which the precision is one that numbers can have."""
    if learner.precision != "auto":
        return learner
    return learner.model_copy(update={"precision": best_precision().precision})


def settled_scenario(loaded: Loaded) -> tuple[Loaded, Choice | None]:
    """Return a scenario without ``precision = "auto"``, and what it came to, where it stood.

    What is found is then written into the resolved scenario, and tells the run from others as if it had been written.
    """
    scenario = loaded.scenario
    learner = settled(scenario.learner)
    methods = tuple(
        block.model_copy(update={"learner": {**block.learner, "precision": best_precision().precision}})
        if block.learner.get("precision") == "auto"
        else block
        for block in scenario.method
    )
    if learner is scenario.learner and all(a is b for a, b in zip(methods, scenario.method, strict=True)):
        return loaded, None
    found = scenario.model_copy(update={"learner": learner, "method": methods})
    whole = replace(loaded, scenario=found, resolved=found.model_dump(mode="json"))
    return whole, best_precision()


def recorded(methods: Sequence[ResolvedMethod], chosen: Choice | None) -> dict[str, Any]:
    """Return what the manifest says: the precision of each method, and what "auto" came to, where it stood."""
    said = {} if chosen is None else {"precision_auto": asdict(chosen)}
    return {"precision": {m.name: m.learner.precision for m in methods}, **said}
