"""The seam of auxiliary estimators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from learners.start import Recipe
from simulator.log.schema import Float64, Int64
from simulator.parts import Part, Registry
from simulator.policies import Policy
from simulator.samples import Samples

if TYPE_CHECKING:
    from learners.materials import Materials
    from learners.model import Model
    from simulator.learning import Clicks, Question
    from simulator.scenario.model import Scenario


class Estimator:
    """An auxiliary made ready for a run: it answers, and hardly ever changes.

    What it is asked for says who asks: the objective for the samples of a batch, the link for the clicks it serves,
    the delay policy for open journeys. An estimator answers the questions that it is made for.
    """

    adapts: bool = False
    """Whether it learns in the stream, from what it hears."""

    def of_samples(self, samples: Samples) -> Mapping[str, Float64]:
        """Return each estimate for delivered samples."""
        raise NotImplementedError

    def of_clicks(self, clicks: Clicks) -> Mapping[str, Float64]:
        """Return each estimate for clicks that are served: nothing is known but their features and time."""
        raise NotImplementedError

    def answer(self, question: Question) -> Mapping[str, Float64]:
        """Answer what a policy asks of open journeys (`simulator.learning.Question`)."""
        raise NotImplementedError

    def hear(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64]) -> None:
        """Take note of what a policy believes at a segment's end (`simulator.learning.Advisor.tell`)."""

    def published(self, model: Model, now: int) -> None:
        """See the method's model as it is served for clicks from ``now`` on; it is not to be changed.

        What was before ``now`` may be read of the log (`learners.past.Past`), and nothing of what comes after.
        """

    def notes(self) -> Mapping[str, Any]:
        """Return what it found in the stream, by name and as plain values, for the method's costs in the summary."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all that the stream changes, as tensors and plain values."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""


class Auxiliary(Part):
    """Estimates what an objective, a link or a delay policy asks for; made on the history, frozen in the stream."""

    estimates: ClassVar[tuple[str, ...]] = ()
    """Names of what it estimates for samples and served clicks, as objectives and links ask."""
    answers: ClassVar[tuple[str, ...]] = ()
    """Questions of policies that it answers (``Policy.asks``)."""
    peeks: ClassVar[bool] = False
    """True for one that reads the truth of a synthetic world. It is marked as such everywhere."""

    def completed(self, observation: int) -> Self:
        """Return a copy in which windows left open are the observation window (of the method's policy)."""
        return self

    def completed_for(self, policy: Policy, observation: int) -> Self:
        """Return a copy in which windows left open are those of the policy, or the observation window where it has none."""
        return self.completed(policy.setting("window", observation))

    def misfit(self, scenario: Scenario) -> str:
        """Say why it cannot serve in a scenario; an empty string where it can. Asked of the settled copy."""
        return ""

    def prepare(self, materials: Materials) -> Estimator:
        """Return the estimator for a run."""
        raise NotImplementedError


class FittedAuxiliary(Auxiliary, Recipe):
    """A network of its own, fitted by a recipe: its heads are what it estimates."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.estimates = tuple(cls.heads)

    def sample_inputs(self, samples: Samples) -> Float64:
        """Return `Recipe.inputs` for delivered samples, shape (n, inputs)."""
        raise NotImplementedError

    def prepare(self, materials: Materials) -> Estimator:
        return materials.fitted(self)


AUXILIARIES: Registry[Auxiliary] = Registry("auxiliary", "auxiliaries", "learners.auxiliary", Auxiliary)
