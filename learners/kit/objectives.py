"""Conformance of objectives: the slope is that of the loss, and nothing but what is told has a say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from learners.batch import Batch
from learners.objectives import Objective
from learners.objectives.entire_space import EntireSpace
from learners.spaces import Space
from simulator.conformance import Checks
from simulator.log.schema import Float64
from simulator.randomness import generator
from simulator.samples import Samples
from simulator.units import DAY, HOUR

ROWS = 48
STEP, TOLERANCE = 1e-5, 1e-4
TARGETS = ("converted", "refunded", "gmv", "clicked", "carted")


class _Asked(Batch):
    """A batch that remembers what it was asked for, so that samples can be made that have it."""

    def __init__(self, samples: Samples, estimates: Mapping[str, Tensor]) -> None:
        super().__init__(samples, estimates, torch.float64)
        self.roles: set[str] = set()
        self.names: set[str] = set()
        self.drew = False

    def role(self, *names: str) -> Tensor:
        self.roles.update(names)
        return super().role(*names)

    def carried(self, name: str) -> Tensor:
        self.names.add(name)
        return super().carried(name)

    def generator(self, purpose: str) -> torch.Generator:
        self.drew = True
        return super().generator(purpose)


class _Held(TorchFunctionMode):
    """Gives ``detach`` the values of the first time again: what carries no gradient stays as it was."""

    def __init__(self) -> None:
        super().__init__()
        self._values: list[Tensor] = []
        self._place: int | None = None

    def again(self) -> _Held:
        self._place = 0
        return self

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not Tensor.detach:
            return func(*args, **(kwargs or {}))
        if self._place is None:
            self._values.append(func(*args, **(kwargs or {})))
            return self._values[-1]
        self._place += 1
        return self._values[self._place - 1]


class _Trial:
    """An objective with samples, outputs and estimates that it can read."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        rng = generator(0, "kit", "objective")
        self.estimates = {name: 0.05 + 0.4 * rng.random(ROWS) for name in objective.estimates}
        self.outputs = {head: rng.normal(0.3, 1.0, ROWS) for head in objective.heads}
        self.own = tuple(name for name in objective.targets if name not in TARGETS)
        self.samples = _samples(rng, (), (), self.own)
        first = self.batch()
        objective.loss(first, self.leaves())
        self.samples = _samples(rng, sorted(first.roles), sorted(first.names), self.own)
        batch = self.batch()
        objective.loss(batch, self.leaves())
        self.draws = batch.drew

    def batch(self, order: Any = slice(None)) -> _Asked:
        return _Asked(self.samples[order], {k: torch.from_numpy(v[order]) for k, v in self.estimates.items()})

    def leaves(self, order: Any = slice(None)) -> dict[str, Tensor]:
        return {k: torch.tensor(v[order], requires_grad=True) for k, v in self.outputs.items()}

    def loss(self, order: Any = slice(None)) -> float:
        return float(self.objective.loss(self.batch(order), self.leaves(order)).item())

    def slopes(self, order: Any = slice(None)) -> dict[str, Float64]:
        leaves = self.leaves(order)
        self.objective.loss(self.batch(order), leaves).backward()  # type: ignore[no-untyped-call]
        return {k: np.zeros(len(v)) if v.grad is None else v.grad.numpy().copy() for k, v in leaves.items()}


def _samples(
    rng: np.random.Generator, roles: tuple[str, ...] | list[str], names: Any, own: tuple[str, ...]
) -> Samples:
    """Return samples with every target told and null, of the given roles, carrying something under the given names, and a label
    under those of an objective's own.
    """
    samples = Samples.blank(ROWS, 1, dict.fromkeys((*names, *own, "clicked", "carted"), "float64"))
    samples.row[:] = samples.click_id[:] = np.arange(ROWS)
    samples.click_time[:] = rng.integers(0, DAY, ROWS)
    samples.event_time[:] = samples.click_time + rng.integers(HOUR, DAY, ROWS)
    samples.visible_time[:] = samples.event_time
    samples.roles = ("label", *roles)
    samples.role[:] = rng.integers(0, len(samples.roles), ROWS)
    samples.revision[:] = samples.features[:] = 0
    samples.weight[:] = rng.choice([1.0, 1.0, -1.0, 0.5], ROWS)
    samples.converted[:] = rng.random(ROWS) < 0.5
    samples.refunded[:] = rng.random(ROWS) < 0.5
    samples.gmv[:] = rng.exponential(20, ROWS) + 1
    samples.pay_count[:] = rng.integers(1, 4, ROWS)
    samples.previous_gmv[:] = rng.exponential(20, ROWS)
    samples.previous_time[:] = np.where(rng.random(ROWS) < 0.5, samples.click_time + HOUR // 2, -1)
    for name in names:
        samples.carried[name][:] = np.where(rng.random(ROWS) < 0.3, np.nan, rng.normal(0, 1, ROWS))
    null = rng.random(ROWS) < 0.2
    # Some rows are impressions, some the labels of clicks, some both.
    samples.column("clicked")[:] = rng.choice([0.0, 1.0, np.nan], ROWS)
    samples.converted[samples.column("clicked") == 0] = 0
    samples.column("carted")[:] = rng.choice([0.0, 1.0, np.nan], ROWS)
    for target in own:
        samples.column(target)[:] = rng.choice([0.0, 1.0, np.nan], ROWS)
    for target in (*TARGETS, *own):
        samples.column(target)[null] = np.nan
    return samples


def checks(objective: Objective) -> Checks:
    """Yield the checks of an objective."""
    trial = _Trial(objective)
    yield "scalar", lambda: _scalar(trial)
    yield "finite", lambda: _finite(trial)
    yield "gradient", lambda: _gradient(trial)
    if not trial.draws:  # which negatives are drawn depends on the order
        yield "row order", lambda: _order(trial)
    yield "nulls", lambda: _nulls(trial)
    yield "empty", lambda: _empty(trial)
    yield "same twice", lambda: "" if trial.loss() == trial.loss() else "two calls give two losses"


def spaces(space: Space) -> Checks:
    """Yield the checks of a space correction: those of the objective that it makes, on plain labels."""
    yield from checks(EntireSpace.model_validate({"space": space}))


def _scalar(trial: _Trial) -> str:
    loss = trial.objective.loss(trial.batch(), trial.leaves())
    if tuple(loss.shape):
        return f"loss has shape {tuple(loss.shape)}; it must be a scalar"
    return "" if loss.requires_grad else "loss is a constant: it depends on no output"


def _finite(trial: _Trial) -> str:
    normal = trial.outputs
    try:
        for scale in (0.0, 1.0, 30.0):
            trial.outputs = {head: scale * values for head, values in normal.items()}
            if not np.isfinite(trial.loss()):
                return f"loss is {trial.loss()} for outputs around {scale:g}"
            for head, slope in trial.slopes().items():
                if not np.isfinite(slope).all():
                    return f"the gradient of {head!r} is not finite for outputs around {scale:g}"
    finally:
        trial.outputs = normal
    return ""


def _gradient(trial: _Trial) -> str:
    """Compare with finite differences; what the loss detaches is held at its values."""
    held = _Held()
    with held:
        trial.loss()

    def loss() -> float:
        with held.again():
            return trial.loss()

    for head, slope in trial.slopes().items():
        values = trial.outputs[head]
        for row in range(ROWS):
            middle = values[row]
            values[row] = middle + STEP
            above = loss()
            values[row] = middle - STEP
            difference = (above - loss()) / (2 * STEP)
            values[row] = middle
            if abs(difference - slope[row]) > TOLERANCE * max(1.0, abs(difference)):
                return (
                    f"the slope of {head!r} at row {row} is {slope[row]:.6g}, but by finite differences {difference:.6g}; "
                    "what shall carry no gradient is taken with .detach()"
                )
    return ""


def _order(trial: _Trial) -> str:
    order = generator(0, "kit", "order").permutation(ROWS)
    there, back = trial.loss(), trial.loss(order)
    if not np.isclose(there, back, rtol=1e-9, atol=1e-12):
        return f"the loss is {there:.9g}, and {back:.9g} with the rows in another order"
    slopes, others = trial.slopes(), trial.slopes(order)
    wrong = [h for h, s in slopes.items() if not np.allclose(s[order], others[h], rtol=1e-9, atol=1e-12)]
    return f"the gradient of {wrong[0]!r} depends on the order of the rows" if wrong else ""


def _nulls(trial: _Trial) -> str:
    null = np.ones(ROWS, np.bool_)
    for target in trial.objective.targets:
        null &= np.isnan(trial.samples.column(target))
    for head, slope in trial.slopes().items():
        if slope[null].any():
            return f"{head!r} is pulled by rows that are null in {', '.join(trial.objective.targets)}"
    return ""


def _empty(trial: _Trial) -> str:
    kept = {target: trial.samples.column(target).copy() for target in (*TARGETS, *trial.own)}
    try:
        for target in kept:
            trial.samples.column(target)[:] = np.nan
        loss = trial.loss()
        pulled = any(slope.any() for slope in trial.slopes().values())
    finally:
        for target, values in kept.items():
            trial.samples.column(target)[:] = values
    if not np.isfinite(loss):
        return f"loss is {loss} for a batch without any label"
    return "a batch without any label pulls at the outputs" if pulled else ""
