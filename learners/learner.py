"""The online learner: a training copy that takes a step per mini-batch, and a serving copy that predicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from learners.auxiliary import Estimator
from learners.batch import Batch
from learners.model import Model
from learners.objectives import Objective
from learners.objectives.base import loss_of
from learners.offsets import KnownOffset
from learners.serve import Link
from simulator.calls import calling, checked
from simulator.learning import PREDICTIONS, Clicks, Predictions, Question
from simulator.log.schema import Float64, Int64
from simulator.samples import Samples
from simulator.units import format_duration


class TorchLearner:
    """Implements `simulator.learning.Learner` for a network, an objective and a link.

    One learner belongs to one thread at a time; different learners share nothing that is written.

    Parameters
    ----------
    estimator : the auxiliary; None where nobody asks for estimates.
    offset : what is known of each click and added to the outputs; None for nothing.
    decay : factor on both learning rates at every publication.
    names : what auxiliary and offset are called in messages.
    seed : names, with the number of the step, what an objective draws at random.
    """

    def __init__(
        self,
        model: Model,
        objective: Objective,
        link: Link,
        estimator: Estimator | None = None,
        offset: KnownOffset | None = None,
        *,
        decay: float = 1.0,
        seed: int = 0,
        names: tuple[str, str] = ("auxiliary", "offset"),
    ) -> None:
        self.tasks = link.tasks
        self._model, self._objective, self._link = model, objective, link
        self._estimator = estimator
        self._offset: KnownOffset = offset if offset is not None else lambda _: {}
        self._decay, self._seed, self._names = decay, seed, names
        self._model.publish()

    @property
    def adapts(self) -> bool:
        """Whether its auxiliary learns from what it is told."""
        return self._estimator is not None and self._estimator.adapts

    @property
    def steps(self) -> int:
        """Optimisation steps taken so far, pre-training included."""
        return self._model.adam.steps

    def learn(self, samples: Samples) -> None:
        """Take one optimisation step on a mini-batch.

        Samples that are null in every target of the objective are left out: what says nothing shall not
        shift the batch's statistics either. A batch of none is no step.
        """
        told = np.zeros(len(samples), bool)
        for target in self._objective.targets:
            told |= ~np.isnan(samples.column(target))
        if not told.all():
            samples = samples[told]
        if len(samples):
            self._model.step(samples.features, self._loss(samples))

    def judged(self, batches: Iterable[Samples]) -> float:
        """Return the mean loss on samples of the weights as they are now, and learn nothing; NaN where there are none."""
        total, count = 0.0, 0
        for samples in batches:
            total += self._loss(samples)(self._model.tried(samples.features)).item() * len(samples)
            count += len(samples)
        return total / count if count else np.nan

    def _loss(self, samples: Samples) -> Callable[[dict[str, Tensor]], Tensor]:
        """Return the objective's loss of a batch, as a function of the network's outputs."""
        batch = Batch(samples, self._estimates(samples), step=self.steps, seed=self._seed)
        clicks = Clicks(samples.row, samples.click_time, samples.features)
        known = {head: torch.from_numpy(values).float() for head, values in self._added(clicks).items()}

        def loss(outputs: dict[str, Tensor]) -> Tensor:
            for head, offset in known.items():
                outputs[head] = outputs[head] + offset
            on = f"a batch of {len(samples)} samples at step {self.steps + 1}"
            return loss_of(self._objective, on, batch, outputs)

        return loss

    def _estimates(self, samples: Samples) -> dict[str, Tensor]:
        if self._estimator is None or not self._objective.estimates:
            return {}
        names = self._objective.estimates
        with calling(self._estimator, "of_samples", f"{len(samples)} samples", self._names[0]):
            found = self._estimator.of_samples(samples)
            checked("of_samples", found, names, len(samples))
        return {name: torch.from_numpy(found[name]).float() for name in names}

    def _added(self, clicks: Clicks) -> Mapping[str, Float64]:
        with calling(self._offset, "offset", f"{len(clicks)} clicks", self._names[1]):
            found = self._offset(clicks)
            checked("offset", found, found, len(clicks))
        return found

    def rehearse(self, batches: Iterable[Samples]) -> None:
        """Take a step on each batch of what was known before the stream, and serve what comes of it."""
        for samples in batches:
            self.learn(samples)
        self._model.publish()

    def publish(self, now: int | None = None) -> None:
        """Make the current weights the served ones, and let the auxiliary see them if that is an instant of the stream."""
        self._model.publish()
        self.slow()
        if self._estimator is not None and now is not None:
            with calling(
                self._estimator, "published", f"the model of {format_duration(now)}", self._names[0]
            ):
                self._estimator.published(self._model, now)

    def notes(self) -> Mapping[str, Any]:
        """Return what the auxiliary found in the stream."""
        return {} if self._estimator is None else self._estimator.notes()

    def slow(self) -> None:
        """Let both learning rates decay, as at a publication."""
        if self._decay != 1:
            self._model.slow(self._decay)

    def predict(self, clicks: Clicks, *, current: bool = False) -> Predictions:
        """Predict with the weights published last, or those of now, in chunks counted from the first row of the call."""
        outputs = (self._model.outputs if current else self._model.served_outputs)(clicks.features)
        for head, offset in self._added(clicks).items():
            outputs[head] = outputs[head] + offset
        if self._link.estimates:
            assert self._estimator is not None, "the catalog gives a link that asks an auxiliary"
            with calling(self._estimator, "of_clicks", f"{len(clicks)} clicks", self._names[0]):
                found = self._estimator.of_clicks(clicks)
                checked("of_clicks", found, self._link.estimates, len(clicks))
            outputs = {**outputs, **found}
        with calling(self._link, "serve", f"{len(clicks)} clicks"):
            served = self._link.serve(outputs)
            checked("serve", served, self.tasks, len(clicks), finite=True)
        return served

    def ask(self, question: Question) -> Mapping[str, Float64]:
        """Predict, or have the auxiliary answer (`simulator.learning.Advisor`)."""
        if question.name == PREDICTIONS:
            return self.predict(question.clicks)
        assert self._estimator is not None, "the catalog gives a policy that asks an auxiliary"
        with calling(self._estimator, "answer", f"{len(question.clicks)} clicks", self._names[0]):
            return self._estimator.answer(question)

    def tell(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64]) -> None:
        """Tell the auxiliary what the policy believes (`simulator.learning.Advisor`)."""
        if self._estimator is not None:
            with calling(self._estimator, "hear", f"{len(clicks)} clicks", self._names[0]):
                self._estimator.hear(clicks, now, known)

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all that the stream changes, as tensors and plain values.

        What is fitted on the history alone is not among it: `learners.build.build_learner` makes the same again.
        """
        estimator = {} if self._estimator is None else self._estimator.state_dict()
        return {**self._model.state_dict(), "estimator": estimator}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises
        ------
        KeyError, ValueError : the state is that of another learner.
        """
        self._model.load_state_dict(state)
        if self._estimator is not None:
            self._estimator.load_state_dict(state["estimator"])
