"""Conformance of pre-training recipes: targets of each click alone, NaN where there is none."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch

from learners.heads import Probability
from learners.history import events_inside
from learners.kit.ground import CALENDAR, HISTORY, OBSERVATION, WINDOWS, trial_log
from learners.start import Recipe
from learners.start.base import Examples
from simulator.conformance import Checks
from simulator.log.schema import EventBatch


def checks(recipe: Recipe) -> Checks:
    """Yield the checks of a recipe."""
    recipe = recipe.completed(OBSERVATION).on(CALENDAR, HISTORY[1])
    yield "heads", lambda: _heads(recipe)
    yield "shapes", lambda: _shapes(recipe)
    yield "values", lambda: _values(recipe)
    yield "click alone", lambda: _alone(recipe)
    yield "loss", lambda: _loss(recipe)


def _examples(recipe: Recipe, part: slice = slice(None)) -> tuple[Examples, int]:
    log = trial_log()
    clicks, labels = next(iter(log.labelled(WINDOWS, *HISTORY)))
    clicks, labels = clicks[part], labels[part]
    events = EventBatch.empty()
    if recipe.uses_events:
        known = next(iter(log.events())).in_time_order()
        known = known[np.argsort(known.row, kind="stable")]
        first = clicks.row
        own = known[(known.row >= first) & (known.row < first + len(clicks))]
        events = events_inside(own, clicks, labels, WINDOWS)
    return recipe.examples(clicks, labels, events), len(clicks)


def _heads(recipe: Recipe) -> str:
    found, _ = _examples(recipe)
    if set(found.targets) != set(recipe.heads):
        return f"examples have targets {', '.join(found.targets)}; declared heads: {', '.join(recipe.heads)}"
    never = [head for head, target in found.targets.items() if np.isnan(target).all()]
    return f"no click of a whole log has a target for {never[0]!r}" if never else ""


def _shapes(recipe: Recipe) -> str:
    found, clicks = _examples(recipe)
    rows = clicks if found.click is None else len(found.click)
    for head, target in found.targets.items():
        if np.shape(target) != (rows,):
            return f"targets of {head!r} have shape {np.shape(target)}; it must be ({rows},)"
    if found.click is not None and rows and not 0 <= found.click.min() <= found.click.max() < clicks:
        return f"examples name clicks {found.click.min()} to {found.click.max()}; there are {clicks}"
    shape = (rows, 0) if found.inputs is None else np.shape(found.inputs)
    return "" if shape == (rows, len(recipe.inputs)) else f"inputs have shape {shape}, for {recipe.inputs}"


def _values(recipe: Recipe) -> str:
    found, _ = _examples(recipe)
    for head, target in found.targets.items():
        told = np.asarray(target, np.float64)
        told = told[~np.isnan(told)]
        if np.isinf(told).any():
            return f"targets of {head!r} are infinite; where there is none it is NaN"
        if isinstance(recipe.heads[head], Probability) and ((told < 0) | (told > 1)).any():
            return f"targets of {head!r}, a probability, go from {told.min():g} to {told.max():g}"
    return ""


def _alone(recipe: Recipe) -> str:
    whole, clicks = _examples(recipe)
    edges = (0, clicks // 3, clicks)
    parts = [_examples(recipe, slice(a, b))[0] for a, b in pairwise(edges)]
    for head, target in whole.targets.items():
        joined = np.concatenate([part.targets[head] for part in parts])
        if not np.array_equal(np.asarray(target, np.float64), joined.astype(np.float64), equal_nan=True):
            return f"targets of {head!r} depend on the other clicks of a batch"
    return ""


def _loss(recipe: Recipe) -> str:
    found, _ = _examples(recipe)
    rng = torch.Generator().manual_seed(0)
    targets, outputs = {}, {}
    for head, values in found.targets.items():
        value = torch.from_numpy(np.asarray(values, np.float32))
        targets[head] = value.nan_to_num(), (~value.isnan()).float()
        outputs[head] = torch.randn(len(value), generator=rng, requires_grad=True)
    loss = recipe.loss(outputs, targets)
    if tuple(loss.shape) or not torch.isfinite(loss):
        return f"loss is {loss}; it must be a finite scalar"
    loss.backward()  # type: ignore[no-untyped-call]
    for head, output in outputs.items():
        if output.grad is not None and bool((output.grad * (1 - targets[head][1])).any()):
            return f"{head!r} is pulled by examples without a target"
    return ""
