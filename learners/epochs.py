"""Training in epochs on final labels, with a validation share to stop by: the offline protocol of one method."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from learners.finals import Finals, Kept
from learners.history import batches, in_batches
from learners.learner import TorchLearner
from learners.model import Model
from learners.networks import Network
from learners.start import Recipe
from learners.start.objective import OwnObjective
from simulator.errors import RunError
from simulator.evaluation.task import lower_is_better, values_of
from simulator.evaluation.tasks import TASKS, outcome
from simulator.log.schema import ImpressionLabels
from simulator.randomness import draws, generator, torch_seed
from simulator.samples import Samples
from simulator.scenario.learner import LearnerBlock
from simulator.scenario.offline import OfflineBlock

FIRST = "ctcvr"
"""The task by which epochs are compared where it is served."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training rows.

    Parameters
    ----------
    steps, samples : optimisation steps, and the samples they were taken on.
    value : the metric on the validation share; NaN where there is none.
    best : whether it is the best so far, and was published.
    """

    number: int
    steps: int
    samples: int
    value: float
    best: bool


def compared_by(learner: TorchLearner) -> str:
    """Return the task by which a method's epochs are compared."""
    return FIRST if FIRST in learner.tasks else learner.tasks[0]


@dataclass(frozen=True, slots=True)
class Trial:
    """What one method is trained on, and how.

    Parameters
    ----------
    finals : the training span.
    block : hyper-parameters; of them the batches' size and what becomes of what is left over.
    seed : of the run: the same rows are held out, and come in the same order, whatever the method.
    """

    finals: Finals
    offline: OfflineBlock
    block: LearnerBlock
    seed: int

    def model(self, network: Network, heads: Sequence[str], start: Recipe | None) -> Model:
        """Return a model at random weights, whose heads say what the history does on the mean, as far as ``start`` knows."""
        finals, seed = self.finals, torch_seed(self.seed, "learners", "offline", "weights")
        model = Model(network, heads, finals.history.log.features, self.block, seed)
        if start is not None and self.block.head_start == "base-rate":
            own = isinstance(start, OwnObjective)
            biases = finals.biases(start.heads, self.trained_on()) if own else finals.history.biases(start)
            model.set_biases({head: bias for head, bias in biases.items() if head in model.heads})
        return model

    def trained_on(self) -> Kept:
        """Return which rows are trained on."""
        held = self.held_out()
        return lambda rows: ~held(rows)

    def held_out(self) -> Kept:
        """Return which rows are held out."""
        share = self.offline.validation
        if self.offline.held_out == "random":
            return lambda rows: draws(rows, "learners", "offline", "validation", self.seed) < share
        sizes = [(clicks.row[-1], len(clicks)) for clicks, _ in self.finals.labelled(features=False)]
        last, count = (sizes[-1][0], sum(size for _, size in sizes)) if sizes else (0, 0)
        cut = last + 1 - round(share * count)
        return lambda rows: rows >= cut

    def samples(self, kept: Kept, rng: np.random.Generator) -> Iterator[Samples]:
        """Yield the batches of one epoch."""
        size, left_over = self.block.batch_size, self.block.left_over
        cut = partial(batches, rng=rng) if self.offline.shuffle else in_batches
        drawn = cut(self.finals.samples(kept), size, keep_short=left_over != "spread")
        return (batch for batch in drawn if left_over != "drop" or len(batch) == size)

    def value(self, learner: TorchLearner, kept: Kept) -> float:
        """Return the metric of the model as it is now on the rows held out; NaN where it is undefined."""
        task, metric = compared_by(learner), self.offline.metric
        served, labels = [np.empty(0)], [np.empty(0)]
        on_clicks = TASKS[task].population == "clicks"
        for rows, final in self.finals.labelled(kept):
            of = final.clicked if on_clicks and isinstance(final, ImpressionLabels) else slice(None)
            judged = outcome(task, final[of], None, rows.time[of], calendar=self.finals.history.calendar)
            served.append(learner.predict(rows[of], current=True)[task][judged.kept])
            labels.append(judged.label)
        return values_of((metric,), np.concatenate(served), np.concatenate(labels))[metric]


def train(learner: TorchLearner, trial: Trial, tell: Callable[[Epoch], None] = lambda _: None) -> list[Epoch]:
    """Train until the epochs are over or no longer get better; what is served then is the best epoch's model.

    Raises
    ------
    RunError : there is nothing to learn from, or nothing to compare epochs by.
    """
    offline = trial.offline
    kept, held = trial.trained_on(), trial.held_out()
    rng = generator(trial.seed, "learners", "offline", "shuffle")
    sign = -1.0 if lower_is_better(offline.metric) else 1.0
    epochs: list[Epoch] = []
    reached, worse = -math.inf, 0
    while len(epochs) < offline.epochs and worse < offline.patience:
        before, samples = learner.steps, 0
        for batch in trial.samples(kept, rng):
            learner.learn(batch)
            samples += len(batch)
        if not samples:
            raise RunError(
                f"no {trial.finals.what} of the history is left to train on: there is none with a label of "
                f"{' or '.join(trial.finals.targets)} that is not held out, or fewer than batch_size "
                f'({trial.block.batch_size}) with left_over = "drop"; lengthen [stream] history'
            )
        value = trial.value(learner, held) if offline.validation else math.nan
        if offline.validation and math.isnan(value):
            raise RunError(
                f"stream.offline.metric = {offline.metric!r} of {compared_by(learner)} is undefined on the validation share: "
                f"it has too few labels, or labels of one class. Raise stream.offline.validation ({offline.validation:g}), or "
                "set it to 0 to keep the last epoch"
            )
        best = not offline.validation or sign * value > reached
        worse = 0 if best else worse + 1
        if best:
            reached = sign * value
            learner.publish()
        else:
            learner.slow()
        epochs.append(Epoch(len(epochs) + 1, learner.steps - before, samples, value, best))
        tell(epochs[-1])
    return epochs
