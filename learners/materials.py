"""What auxiliaries and offsets are made from: the history, the calendar, the model that the method starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from learners.auxiliary import Estimator, FittedAuxiliary
from learners.checkpoint import key_of
from learners.frozen import FrozenModel, FrozenModels
from learners.history import History
from learners.model import Model
from learners.networks import Network
from learners.networks.mlp import MLP
from learners.offsets import KnownOffset
from learners.past import SeenLog
from learners.pretrain import Pretraining, pretrained
from learners.start import Recipe
from simulator.learning import Clicks
from simulator.log.schema import Float64
from simulator.samples import Samples
from simulator.scenario.learner import LearnerBlock


@dataclass(frozen=True, slots=True)
class Materials:
    """One method's workbench.

    Parameters
    ----------
    history : clicks with complete labels; ``history.log`` is the log, ``history.windows`` its windows, ``history.calendar`` the
        promotions, those to come included: they are published in advance.
    observation : observation window of the method's policy in microseconds.
    start : returns the model that the method starts from, as it is before the stream.
    replayed : the log with the times at which the stream learns of its events; None: those that the log says itself.
    recipe : what the method pre-trains; None where it starts at random.
    offset : what the method adds to the outputs; None for nothing (and while the offset itself is made).
    shared : what the method's parts have in common, each under a key of its own.
    frozen : the models that the run's auxiliaries have in common.
    """

    history: History
    observation: int
    learner: LearnerBlock
    seed: int
    cache: Path
    start: Callable[[], Model]
    replayed: SeenLog | None = None
    recipe: Recipe | None = None
    offset: KnownOffset | None = None
    shared: dict[object, Any] = field(default_factory=dict, compare=False)
    frozen: FrozenModels = field(default_factory=FrozenModels, compare=False)

    @property
    def seen(self) -> SeenLog:
        """The log as the stream sees it, the future included: `learners.past.Past` refuses that."""
        return self.history.log if self.replayed is None else self.replayed

    def pretrained(
        self, recipe: Recipe, network: Network | None = None, history: History | None = None
    ) -> Model:
        """Fit a network by a recipe on a history, or load it: equal ones share one.

        Unless given, the network is a perceptron of the learner's sizes, and the history the workbench's.
        """
        return pretrained(self._pretraining(recipe, network, history), self.cache)

    def _pretraining(
        self, recipe: Recipe, network: Network | None = None, history: History | None = None
    ) -> Pretraining:
        network = MLP().completed(self.learner) if network is None else network
        span = self.history if history is None else history
        return Pretraining(recipe, network, (), self.learner, span, self.seed)

    def fitted(self, auxiliary: FittedAuxiliary) -> Estimator:
        """Return the estimator of an auxiliary that is a recipe."""
        plan = self._pretraining(auxiliary)
        model = self.frozen.of(key_of(plan.parts()), lambda: pretrained(plan, self.cache))
        return _FittedEstimator(auxiliary, model)


class _FittedEstimator(Estimator):
    def __init__(self, auxiliary: FittedAuxiliary, model: FrozenModel) -> None:
        self._auxiliary, self._model = auxiliary, model

    def of_samples(self, samples: Samples) -> Mapping[str, Float64]:
        inputs = self._auxiliary.sample_inputs(samples) if self._auxiliary.inputs else None
        return self._values(self._model.outputs(samples.features, inputs))

    def of_clicks(self, clicks: Clicks) -> Mapping[str, Float64]:
        return self._values(self._model.outputs(clicks.features))

    def _values(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        heads = self._auxiliary.heads
        return {head: heads[head].value(output) for head, output in outputs.items()}
