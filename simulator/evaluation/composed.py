"""Methods that are made of others: what they serve follows from their members' predictions, and their costs are those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.evaluation.costs import CostMeter
from simulator.evaluation.metrics import TINY
from simulator.evaluation.tasks import TASKS
from simulator.log.schema import Float64
from simulator.logistic import expit, logit

_SURE = np.finfo(np.float64).eps
"""Chances of 0 and 1 are taken to be this far from them: one member alone is never certain for all."""
_SUMS = ("samples", "retractions", "judged", "unjudged", "steps", "samples_learned", "samples_waiting")
"""What several methods cost together, of `CostMeter.summary` and of what training cost."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A method without a model of its own: in each phase it serves the mean of what some members serve.

    Parameters
    ----------
    members : who serves, by phase.
    """

    members: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """Its members in any phase, once each."""
        return tuple(dict.fromkeys(name for names in self.members.values() for name in names))

    def serve(
        self, tasks: Sequence[str], phase: str, predicted: Mapping[str, Mapping[str, Float64]]
    ) -> dict[str, Float64]:
        """Return its predictions of clicks of one phase, from those of its members, by task."""
        return {task: mean(task, [predicted[name][task] for name in self.members[phase]]) for task in tasks}


def mean(task: str, predictions: Sequence[Float64]) -> Float64:
    """Return the mean of several methods' predictions of one task, each of shape (n,); one alone is returned as it is.

    It is taken where the loss of the task is convex, so that it never loses more than the members do on average: of chances
    the mean of their logits (the logarithmic opinion pool: Genest and Zidek, Statistical Science 1986), since log loss is
    convex in the logit; of amounts that gamma deviance judges the mean of their logarithms, for the same reason. What is
    judged by a metric of one's own has the plain mean.
    """
    if len(predictions) == 1:
        return predictions[0]
    several, judged = np.stack(predictions), TASKS[task]
    if judged.binary:
        return expit(logit(np.clip(several, _SURE, 1.0 - _SURE)).mean(axis=0))
    if judged.regret == "regret_gamma":
        amounts: Float64 = np.exp(np.log(np.maximum(several, TINY)).mean(axis=0))
        return amounts
    plain: Float64 = several.mean(axis=0)
    return plain


def costs_of(members: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what methods cost together, from the costs of each: sums, and their names; shares and ages are each member's."""
    parts = list(members.values())
    found = {key: sum(part[key] for part in parts) for key in _SUMS}
    clicks = max(part["clicks"] for part in parts)
    per_click = found["samples"] / clicks if clicks else np.nan
    return {
        **CostMeter().summary(),
        **found,
        "clicks": clicks,
        "duplication_factor": per_click,
        "members": list(members),
    }
