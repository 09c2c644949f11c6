"""Two auxiliaries in the place of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from learners.auxiliary.base import AUXILIARIES, Auxiliary, Estimator
from simulator.composite import Nested, following, union
from simulator.log.schema import Float64, Int64
from simulator.policies import Policy
from simulator.samples import Samples

if TYPE_CHECKING:
    from learners.materials import Materials
    from learners.model import Model
    from simulator.learning import Clicks, Question
    from simulator.scenario.model import Scenario


@AUXILIARIES.register("both")
class Both(Auxiliary):
    """What two auxiliaries estimate and answer: ``first`` what the objective and the policy ask, ``second`` what the link asks.

    With ``second = "direct"`` any method for the conversion rate can be served by the link ``beyond-direct``. The objective may
    ask either; of clicks that are served the second alone is asked.
    """

    first: Annotated[Auxiliary, Nested(AUXILIARIES)] = "delay"  # type: ignore[assignment]
    """Estimates for samples, and answers; any auxiliary."""
    second: Annotated[Auxiliary, Nested(AUXILIARIES)] = "direct"  # type: ignore[assignment]
    """Estimates for samples and for clicks that are served; any auxiliary."""

    estimates = following((), lambda part: union(part.first.estimates, part.second.estimates))
    answers = following((), lambda part: union(part.first.answers, part.second.answers))
    peeks = following(False, lambda part: part.first.peeks or part.second.peeks)

    def completed(self, observation: int) -> Self:
        return self._changed(self.first.completed(observation), self.second.completed(observation))

    def completed_for(self, policy: Policy, observation: int) -> Self:
        parts = (part.completed_for(policy, observation) for part in (self.first, self.second))
        return self._changed(*parts)

    def _changed(self, first: Auxiliary, second: Auxiliary) -> Self:
        return self.model_copy(update={"first": first, "second": second})

    def misfit(self, scenario: Scenario) -> str:
        return self.first.misfit(scenario) or self.second.misfit(scenario)

    def doubt(self, scenario: Scenario) -> str:
        return self.first.doubt(scenario) or self.second.doubt(scenario)

    def reads(self) -> dict[str, str]:
        return {**self.first.reads(), **self.second.reads()}

    def prepare(self, materials: Materials) -> Estimator:
        return _Pair(self, self.first.prepare(materials), self.second.prepare(materials))


class _Pair(Estimator):
    def __init__(self, part: Both, first: Estimator, second: Estimator) -> None:
        self._part, self._first, self._second = part, first, second
        self.adapts = first.adapts or second.adapts

    def of_samples(self, samples: Samples) -> Mapping[str, Float64]:
        pairs = ((self._part.first, self._first), (self._part.second, self._second))
        found = [estimator.of_samples(samples) for part, estimator in pairs if part.estimates]
        return {name: values for values_of in found for name, values in values_of.items()}

    def of_clicks(self, clicks: Clicks) -> Mapping[str, Float64]:
        return self._second.of_clicks(clicks)

    def answer(self, question: Question) -> Mapping[str, Float64]:
        asked = self._first if question.name in self._part.first.answers else self._second
        return asked.answer(question)

    def hear(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64]) -> None:
        self._first.hear(clicks, now, known)
        self._second.hear(clicks, now, known)

    def published(self, model: Model, now: int) -> None:
        self._first.published(model, now)
        self._second.published(model, now)

    def notes(self) -> Mapping[str, Any]:
        return {**self._first.notes(), **self._second.notes()}

    def state_dict(self) -> dict[str, Any]:
        return {"first": self._first.state_dict(), "second": self._second.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._first.load_state_dict(state["first"])
        self._second.load_state_dict(state["second"])
