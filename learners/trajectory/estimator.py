"""Auxiliaries that say what a trajectory tells of its click."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import NonNegativeFloat

from learners.auxiliary.base import AUXILIARIES, Auxiliary, Estimator
from learners.auxiliary.initial import PREFIX
from learners.heads import PROBABILITY
from learners.trajectory import evidence, weights
from learners.trajectory.behaviour import Behaviour, Known
from learners.trajectory.completer import Completer, told
from learners.trajectory.horizons import AGES, Ages, States, ages_inside, numbered
from simulator.log.schema import Float64
from simulator.policies import Policy
from simulator.samples import Samples

if TYPE_CHECKING:
    from learners.materials import Materials
    from learners.model import Model

EVIDENCE, WEIGHT = numbered("evidence"), numbered("weight")
PAY_EVIDENCE, CART_EVIDENCE = numbered("pay_evidence"), numbered("cart_evidence")
PAY_WEIGHT, CART_WEIGHT = numbered("pay_weight"), numbered("cart_weight")


class PostClick(Auxiliary):
    """An auxiliary of what clicks show at the horizons of the policy ``trajectory``, from a net of how converters behave."""

    ages: Ages = AGES  # type: ignore[assignment]
    """Ages of the horizons before the close; those of the method's policy where it has some."""

    def completed_for(self, policy: Policy, observation: int) -> Self:
        own = super().completed_for(policy, observation)
        ages = policy.setting("ages", None)
        return own if ages is None else own.model_copy(update={"ages": ages})

    def recipe(self, materials: Materials) -> Behaviour:
        """Return what the net is fitted by."""
        return Behaviour(ages=ages_inside(self.ages, materials.history.windows.attribution))


@AUXILIARIES.register("trajectory")
class TrajectoryEvidence(PostClick):
    """What TRACE asks of the history (SIGIR 2026).

    For each visible horizon h ``evidence_h`` is ln p(o_h | x, 1) - ln p(o_h | x, 0) and ``weight_h`` eta_h, both 0 for the
    others; ``chain`` the log likelihood ratio of all visible horizons together; ``completed`` what the completer says;
    ``visible`` the share of the horizons that are.
    """

    estimates = (*EVIDENCE, *WEIGHT, "chain", "completed", "visible")

    beta: NonNegativeFloat = 2.0
    """How fast a horizon's weight falls with what it leaves open of the label."""

    def prepare(self, materials: Materials) -> Estimator:
        recipe = self.recipe(materials)
        eta = weights.of_trace(weights.Counts.of(materials.history, recipe), self.beta)
        completer = materials.pretrained(Completer(ages=recipe.ages))
        return _Trajectories(recipe, materials.pretrained(recipe), completer, eta)


@dataclass(frozen=True, slots=True)
class _Trajectories(Estimator):
    recipe: Behaviour
    behaviour: Model
    completer: Model
    eta: Float64

    def of_samples(self, samples: Samples) -> Mapping[str, Float64]:
        states = States.of_samples(samples)
        known = Known.of_outputs(self.behaviour.outputs(samples.features), self.recipe.horizons)
        pay, cart = evidence.marginal(known, states)
        completed = self.completer.outputs(samples.features, told(states, self.recipe.ages))["completed"]
        return {
            **_each(EVIDENCE, pay + cart),
            **_each(WEIGHT, _shown(self.eta, states)),
            "chain": evidence.chained(known, states),
            "completed": PROBABILITY.value(completed),
            "visible": states.seen / self.recipe.horizons,
        }


@AUXILIARIES.register("post-click")
class PostClickEvidence(PostClick):
    """What GDFM asks of the history (NeurIPS 2022).

    Of pay and of cart, for each visible horizon, the log likelihood ratio of its state and the state's weight, both 0 for the
    others; and ``q_cvr``, what the method's start model says.
    """

    estimates = (*PAY_EVIDENCE, *CART_EVIDENCE, *PAY_WEIGHT, *CART_WEIGHT, f"{PREFIX}cvr")

    alpha: NonNegativeFloat = 2.0
    """How fast a state's weight falls with what it leaves open of the label."""
    beta: NonNegativeFloat = 1.0
    """How fast it falls with the state's age."""

    def prepare(self, materials: Materials) -> Estimator:
        recipe = self.recipe(materials)
        counts = weights.Counts.of(materials.history, recipe)
        ages = (*recipe.ages, materials.history.windows.attribution)
        scale = weights.of_gdfm(counts, ages, self.alpha, self.beta)
        return _Behaviours(recipe, materials.pretrained(recipe), materials.start(), scale)


@dataclass(frozen=True, slots=True)
class _Behaviours(Estimator):
    recipe: Behaviour
    behaviour: Model
    start: Model
    scale: Mapping[str, Float64]

    def of_samples(self, samples: Samples) -> Mapping[str, Float64]:
        states = States.of_samples(samples)
        known = Known.of_outputs(self.behaviour.outputs(samples.features), self.recipe.horizons)
        pay, cart = evidence.marginal(known, states)
        return {
            **_each(PAY_EVIDENCE, pay),
            **_each(CART_EVIDENCE, cart),
            **_each(PAY_WEIGHT, _shown(self.scale["pay"], states)),
            **_each(CART_WEIGHT, _shown(self.scale["cart"], states)),
            f"{PREFIX}cvr": PROBABILITY.value(self.start.outputs(samples.features)["cvr"]),
        }


def _shown(weight: Float64, states: States) -> Float64:
    """Return the weights of the visible horizons, 0 for the others, shape (n, horizons)."""
    return weight * (states.seen[:, None] >= np.arange(1, len(weight) + 1))


def _each(names: tuple[str, ...], values: Float64) -> dict[str, Float64]:
    """Return a column for each horizon, 0 for those that there are not."""
    there = values.shape[1]
    return {name: values[:, h] if h < there else np.zeros(len(values)) for h, name in enumerate(names)}
