"""Tasks whose label is 0 or 1."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from simulator.evaluation import metrics
from simulator.evaluation.task import Outcome, Task, Truth
from simulator.log.schema import Bool, Float64, Labels
from simulator.ranking import ranking, separation


def probability(served: Float64, judged: Outcome) -> dict[str, float]:
    """Measure probabilities against labels, and against the truth where it is known."""
    return curves(served, judged, *ranking(served, judged.label))


def curves(served: Float64, judged: Outcome, auc: float, prauc: float) -> dict[str, float]:
    """Measure probabilities whose AUC and PR-AUC are known."""
    label = judged.label
    nll = metrics.nll(served, label)
    regret = math.nan if judged.truth is None else nll - metrics.nll(judged.truth, label)
    return {"auc": auc, "prauc": prauc, "nll": nll, "regret_nll": regret, "pcoc": metrics.pcoc(served, label)}


CHANCE = ("auc", "prauc", "nll", "regret_nll", "pcoc", "ks", "ece", "ece_truth", "rmse_truth")
"""What `chance` measures."""


def chance(served: Float64, judged: Outcome) -> dict[str, float]:
    """Measure also how far probabilities are from what is observed, and from the truth where it is known."""
    truth = judged.truth
    order = np.argsort(served, kind="stable")  # once: to sort what is sorted costs a fifth
    score, label = served[order], judged.label[order]
    auc, prauc, ks = separation(score, label)
    return {
        **curves(served, judged, auc, prauc),
        "ks": ks,
        "ece": metrics.ece(score, label),
        "ece_truth": math.nan if truth is None else metrics.ece(score, truth[order]),
        "rmse_truth": math.nan if truth is None else metrics.rmse(served, truth),
    }


def binary(
    title: str,
    of: str,
    kept: Callable[[Labels], Bool],
    label: Callable[[Labels], Float64],
    truth: Callable[[Truth], Float64 | None],
    *,
    scaled: bool = True,
) -> Task:
    """Return a task whose label is 0 or 1, judged as a probability."""
    return Task(
        title=title,
        of=of,
        kept=kept,
        label=label,
        truth=truth,
        measure=probability,
        measured=("auc", "prauc", "nll", "regret_nll", "pcoc"),
        primary="nll",
        regret="regret_nll",
        headline="regret_nll",
        further=("nll", "prauc"),
        binary=True,
        scaled=scaled,
    )
