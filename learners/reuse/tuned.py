"""A copy of a served model, fine-tuned on past days, with a transition block on its last hidden layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from learners.adam import FlatAdam
from learners.model import CHUNK, Model, Outputs
from learners.offsets import KnownOffset
from learners.serve.probability import HEAD
from simulator.learning import Clicks
from simulator.log.schema import Float64
from simulator.samples import Samples
from simulator.scenario.learner import LearnerBlock

Transition = Literal["signed", "raising", "plain", "none"]
NEAREST = 1e-6
"""Probabilities stay this far inside 0 and 1, so that every loss is finite."""
LOW = -6.0
"""Where w starts if it can only raise the rate: sigmoid(-6) is .0025."""


def transition(p: Tensor, w: Tensor, b: Tensor, form: Transition) -> Tensor:
    """Return p' = clip(p + w' (1 - p) + b, 0, 1): w' is the chance that a click that would not convert now does (HDR).

    ``form`` says what w' is: 2 sigmoid(w) - 1 ("signed"), sigmoid(w) ("raising"), w ("plain"); "none" leaves p.
    """
    if form == "none":
        return p.clamp(NEAREST, 1 - NEAREST)
    gain = {"signed": 2 * w.sigmoid() - 1, "raising": w.sigmoid(), "plain": w}[form]
    return (p + gain * (1 - p) + b).clamp(NEAREST, 1 - NEAREST)


def reweighted(p: Tensor, label: Tensor, weight: float) -> Tensor:
    """Return the mean cross-entropy in which positives count ``weight`` times, and negatives once (HDR, eq. 6)."""
    return -(weight * label * p.log() + (1 - label) * (1 - p).log()).mean()


class TunedCopy:
    """What is served while a sale lasts.

    Parameters
    ----------
    model : is copied, and not changed.
    learner : its hyper-parameters.
    rate, block_rate : of Adam for the copied layers, and for the block; embeddings slow down as the layers do.
    """

    def __init__(
        self, model: Model, learner: LearnerBlock, form: Transition, rate: float, block_rate: float
    ) -> None:
        slower = {
            "learning_rate": rate,
            "embedding_learning_rate": learner.embedding_learning_rate * rate / learner.learning_rate,
            "fresh_moments": True,
        }
        self._form = form
        self._model = model.twin(learner.model_copy(update=slower))
        head: nn.Linear = self._model.layers["heads"][HEAD]  # type: ignore[index]
        self._hidden: Tensor | None = None
        head.register_forward_pre_hook(self._see)
        self._block = nn.Linear(head.in_features, 2)
        with torch.no_grad():  # no transition to begin with
            self._block.weight.zero_()
            self._block.bias.copy_(torch.tensor([LOW if form == "raising" else 0.0, 0.0]))
        self._adam = FlatAdam(self._block, block_rate)

    def _see(self, _: nn.Module, given: tuple[Tensor, ...]) -> None:
        self._hidden = given[0]

    def _moved(self, outputs: Mapping[str, Tensor], known: Mapping[str, Float64]) -> Tensor:
        assert self._hidden is not None, "the head has just been asked"
        logit = outputs[HEAD]
        if HEAD in known:
            logit = logit + torch.from_numpy(known[HEAD]).float()
        w, b = self._block(self._hidden.float()).unbind(1)
        return transition(logit.sigmoid(), w, b, self._form)

    def fit(self, batches: Iterator[Samples], weight: float, offset: KnownOffset) -> int:
        """Take a step on each batch of final labels; return how many there were."""
        steps = 0
        for samples in batches:
            known = offset(Clicks(samples.row, samples.click_time, samples.features))
            label = torch.from_numpy(samples.converted).float()

            def loss(outputs: Outputs, label: Tensor = label, known: Mapping[str, Float64] = known) -> Tensor:
                return reweighted(self._moved(outputs, known), label, weight)

            self._model.step(samples.features, loss)
            self._adam.step()
            steps += 1
        return steps

    def predict(self, clicks: Clicks, offset: KnownOffset) -> Float64:
        """Return the conversion rate of clicks, shape (n,)."""
        served = np.empty(len(clicks))
        for begin in range(0, len(clicks), CHUNK):
            part = clicks[begin : begin + CHUNK]
            outputs = self._model.outputs(part.features)
            with torch.inference_mode():
                said = {HEAD: torch.from_numpy(outputs[HEAD]).float()}
                served[begin : begin + CHUNK] = self._moved(said, offset(part)).numpy()
        return served

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all state."""
        return {"model": self._model.state_dict(), "block": self._adam.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._model.load_state_dict(state["model"])
        self._adam.load_state_dict(state["block"])
