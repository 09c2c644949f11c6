"""Pre-training on the history with complete labels; what two methods share is trained once and cached."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from learners import checkpoint, tensors
from learners.batch import Batch
from learners.device import PROCESSOR
from learners.finals import Finals
from learners.history import History, Rows, batches
from learners.model import Model, Outputs
from learners.networks import Network
from learners.objectives.base import loss_of
from learners.start import Recipe
from learners.start.objective import OwnObjective
from learners.stopping import enough
from simulator.randomness import generator, torch_seed
from simulator.scenario.learner import LearnerBlock

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pretraining:
    """All that a pre-trained model depends on: methods with equal parts start from the same checkpoint."""

    recipe: Recipe
    network: Network
    extra_heads: tuple[str, ...]
    """Heads that the recipe does not fit; they start at random."""
    learner: LearnerBlock
    history: History
    seed: int

    @property
    def heads(self) -> tuple[str, ...]:
        """All heads of the network, those of the recipe first."""
        return (*self.recipe.heads, *self.extra_heads)

    @property
    def settings(self) -> LearnerBlock:
        """The hyper-parameters with the rates of pre-training."""
        rate = self.learner.pretrain_learning_rate
        if rate is None:
            return self.learner
        rates = {"learning_rate": rate}
        if self.learner.embedding_optimiser == "adam":
            rates["embedding_learning_rate"] = rate
        return self.learner.model_copy(update=rates)

    @property
    def keeps_short(self) -> bool:
        """Whether what is left over after whole batches is a step of its own, however few rows."""
        return self.learner.left_over != "spread"

    def parts(self) -> dict[str, Any]:
        """Return what identifies the checkpoint, as plain values."""
        log, learner = self.history.log, self.settings
        code = {**self.recipe.code(), **self.network.code()}
        names = (
            "embedding_dim",
            "learning_rate",
            "embedding_learning_rate",
            "embedding_optimiser",
            "embedding_deviation",
            "head_start",
            "precision",
            "pretrain_batch_size",
            "pretrain_epochs",
        )
        return {
            "recipe": self.recipe.spec(),
            "network": self.network.spec(),
            "heads": self.heads,
            "learner": {name: getattr(learner, name) for name in names} | {"keeps_short": self.keeps_short},
            "seed": self.seed,
            "log": log.meta.fingerprint,
            "features": [[f.name, f.cardinality, *([f.width] if f.tags else [])] for f in log.features],
            "windows": astuple(self.history.windows),
            "history": [self.history.start, self.history.end],
            **({"calendar": repr(self.history.calendar)} if self.recipe.uses_calendar else {}),
            **({"device": learner.device} if learner.device not in PROCESSOR else {}),
            **({"attention": [b.model_dump() for b in learner.attention]} if learner.attention else {}),
            **({"code": sorted(code.values())} if code else {}),
        }

    def untrained(self) -> Model:
        """Return the model before its first step."""
        seed = torch_seed(self.seed, "learners", self.recipe.kind, "weights")
        inputs = len(self.recipe.inputs)
        return Model(self.network, self.heads, self.history.log.features, self.settings, seed, inputs)


def pretrained(plan: Pretraining, cache: Path) -> Model:
    """Return the model a plan leads to, with its optimisers' state, from the cache where it is there.

    An empty history (``start == end``) leaves the model untrained.

    Raises
    ------
    RunError : the history holds no click that the recipe can learn from.
    """
    model = plan.untrained()
    if plan.history.end <= plan.history.start:
        LOGGER.warning("no history: %r starts untrained", plan.recipe.kind)
        return model
    key = checkpoint.key_of(plan.parts())
    path = checkpoint.path_of(cache, key)
    with checkpoint.held(path):
        found = checkpoint.opened(path, key)
        if found is not None:
            try:
                _start_from(model, *found, path)
            except checkpoint.CORRUPT as error:
                checkpoint.damaged(path, error)
            else:
                return model
            model = plan.untrained()  # what could not be loaded may have been loaded in part
        model.table.own_all()
        _fit(model, plan)
        checkpoint.save(path, key, {**model.dense_state(), "table": model.table.moved()})
        # From here on all that start from it share its rows, the one that trained it among them.
        state, about = tensors.read(path)
        _start_from(model, state, about["digest"], path)
    return model


def _start_from(model: Model, state: Mapping[str, Any], digest: str, path: Path) -> None:
    """Put a model where a checkpoint says, its embeddings over those of the file."""
    model.table.start_from(state["table"], digest, path.parent)
    model.load_state_dict({**state, "table": model.table.state_dict()})


def _fit(model: Model, plan: Pretraining) -> None:
    recipe = plan.recipe
    rng = generator(plan.seed, "learners", recipe.kind, "shuffle")
    if isinstance(recipe, OwnObjective):
        _fit_objective(model, plan, recipe, rng)
        return
    biases = plan.history.biases(recipe)  # asked in any case: it refuses a history without targets
    if plan.learner.head_start == "base-rate":
        model.set_biases(biases)
    passes = plan.learner.pretrain_epochs
    if recipe.held_out and not recipe.rehearsals:
        passes = _enough(plan, biases)
    for _ in range(passes):
        _pass(model, plan, plan.history, rng)


def _pass(model: Model, plan: Pretraining, span: History, rng: np.random.Generator) -> None:
    rows, size = span.rows(plan.recipe), plan.learner.pretrain_batch_size
    for batch in batches(rows, size, rng, keep_short=plan.keeps_short):
        model.step(batch.features, history_loss(plan.recipe, batch), batch.inputs)


def _enough(plan: Pretraining, biases: Mapping[str, float]) -> int:
    """Return how many passes are enough, by a model that is thrown away."""
    trial, rng = plan.untrained(), generator(plan.seed, "learners", plan.recipe.kind, "shuffle")
    if plan.learner.head_start == "base-rate":
        trial.set_biases(biases)

    def loss(span: History) -> float:
        total, count = 0.0, 0
        for rows in span.rows(plan.recipe):
            inputs = rows.inputs if plan.recipe.inputs else None
            total += history_loss(plan.recipe, rows)(trial.tried(rows.features, inputs)).item() * len(rows)
            count += len(rows)
        return total / count if count else np.nan

    most = plan.learner.pretrain_epochs
    return enough(plan.history, most, lambda span, _: _pass(trial, plan, span, rng), loss)


def _fit_objective(model: Model, plan: Pretraining, recipe: OwnObjective, rng: np.random.Generator) -> None:
    objective, learner = recipe.objective, plan.learner
    finals = Finals(plan.history, objective.targets, recipe.net, recipe.which or "impressions")
    biases = finals.biases(recipe.heads)
    if learner.head_start == "base-rate":
        model.set_biases(biases)
    for _ in range(learner.pretrain_epochs):
        for samples in batches(
            finals.samples(), learner.pretrain_batch_size, rng, keep_short=plan.keeps_short
        ):
            batch = Batch(samples, step=model.adam.steps, seed=plan.seed)
            on = f"a batch of {len(batch)} samples of the history"
            model.step(samples.features, partial(loss_of, objective, on, batch))


def history_loss(recipe: Recipe, batch: Rows) -> Callable[[Mapping[str, Tensor]], Tensor]:
    """Return the recipe's loss of a batch of the history."""
    targets = torch.from_numpy(batch.targets)
    told = ~targets.isnan()
    values = targets.nan_to_num()
    columns = {name: (values[:, k], told[:, k]) for k, name in enumerate(recipe.heads)}

    def loss(outputs: Mapping[str, Tensor] | Outputs) -> Tensor:
        return loss_of(recipe, f"a batch of {len(batch)} examples of the history", outputs, columns)

    return loss


def heads_beyond(recipe: Recipe, heads: Sequence[str]) -> tuple[str, ...]:
    """Return the heads that a recipe does not fit, each once, in their order."""
    return tuple(dict.fromkeys(head for head in heads if head not in recipe.heads))
