"""The online learner: a training copy that takes a step per mini-batch, and a serving copy that predicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from learners.auxiliary import Auxiliary
from learners.batch import Batch
from learners.links import Link
from learners.model import Model
from learners.objectives import Objective
from simulator.learning import Predictions
from simulator.log.schema import Int32
from simulator.samples import Samples

SMALLEST = 1e-6
"""Probabilities that an auxiliary estimates stay inside [1e-6, 1 - 1e-6], as in the public code of ES-DFM."""


class Estimator:
    """A frozen auxiliary: the probabilities it estimates for delivered rows."""

    def __init__(self, auxiliary: Auxiliary, model: Model) -> None:
        self._auxiliary, self._model = auxiliary, model

    def estimates(self, samples: Samples, features: Int32) -> dict[str, Tensor]:  # noqa: ARG002
        """Return one value a sample per head of the auxiliary, without gradient."""
        estimates = {}
        for head, output in self._model.outputs(features).items():
            values = torch.from_numpy(output).float()
            logit = self._auxiliary.scales[head] == "logit"
            estimates[head] = values.sigmoid().clamp(SMALLEST, 1 - SMALLEST) if logit else values
        return estimates


class TorchLearner:
    """Implements `simulator.learning.Learner` for a network, an objective and a link.

    One learner belongs to one thread at a time; different learners share nothing that is written.
    """

    def __init__(
        self, model: Model, objective: Objective, link: Link, estimator: Estimator | None = None
    ) -> None:
        self.tasks = link.tasks
        self._model, self._objective, self._link, self._estimator = model, objective, link, estimator
        self._model.publish()

    @property
    def steps(self) -> int:
        """Optimisation steps taken so far, pre-training included."""
        return self._model.adam.steps

    def learn(self, samples: Samples, features: Int32) -> None:
        """Take one optimisation step on a mini-batch; ``features[i]`` belongs to sample ``i``.

        Samples that are null in every target of the objective are left out: what says nothing shall not
        shift the batch's statistics either. A batch of none is no step.
        """
        told = np.zeros(len(samples), bool)
        for target in self._objective.targets:
            told |= ~np.isnan(getattr(samples, target))
        if not told.all():
            samples, features = samples[told], features[told]
        if not len(samples):
            return
        estimates = self._estimator.estimates(samples, features) if self._estimator is not None else {}
        batch = Batch(samples, estimates)
        self._model.step(features, lambda outputs: self._objective.loss(batch, outputs))

    def publish(self) -> None:
        """Make the current weights the served ones."""
        self._model.publish()

    def predict(self, features: Int32) -> Predictions:
        """Predict with the weights published last, in chunks counted from the first row of the call."""
        return self._link.serve(self._model.served_outputs(features))

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all that the stream changes, as tensors and plain values.

        A frozen auxiliary is not among it: `learners.build.build_learner` makes the same one again.
        """
        return self._model.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises
        ------
        KeyError, ValueError : the state is that of another learner.
        """
        self._model.load_state_dict(state)
