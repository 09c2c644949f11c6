"""How the share of conversions has shifted, told from scores alone: black-box shift estimation with a ridge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.log.schema import Bool, Float64


def shifted_prior(negatives: float, positives: float, target: float, prior: float, ridge: float) -> float:
    """Return the share of conversions of a target whose labels nobody knows yet (HDR, KDD 2023, eq. 14).

    With C the 2 x 2 matrix of mean scores (1 - f, f) given the label, q their mean on the target and h the known prior,
    it is the second number of y = (C'C + ridge I)^-1 (C'q + ridge h). Only the share of the label is taken to have
    shifted, not what clicks of one label look like.

    Parameters
    ----------
    negatives, positives : mean score of clicks that did not convert, and that did, where labels are known.
    target : mean score of the target's clicks.
    prior : share of conversions where labels are known.
    ridge : how strongly the estimate is drawn to ``prior``, and to being small: at the rates of clicks a ridge of 1 hides the
        shift, and can turn its sign.
    """
    matrix = np.array([[1 - negatives, 1 - positives], [negatives, positives]])
    known, seen = np.array([1 - prior, prior]), np.array([1 - target, target])
    normal = matrix.T @ matrix + ridge * np.eye(2)
    # Equal means and no ridge leave nothing to tell labels by: the smallest solution is taken.
    found: Float64 = np.linalg.lstsq(normal, matrix.T @ seen + ridge * known, rcond=None)[0]
    return float(found[1])


@dataclass(frozen=True, slots=True)
class Shift:
    """What is estimated of a target's share of conversions.

    Parameters
    ----------
    prior : share where labels are known.
    estimate : share of the target.
    apart : how far the mean scores of the two labels lie from each other: what the estimate lives on.
    width : standard deviation of the estimate by the spread of the target's scores, sqrt(var f / n) / apart.
    weight : by how much positives count, ``estimate`` over ``prior``, inside [1 / most, most]; 1 where the estimate is no
        share, below 0 or above 1: more than the label has shifted.
    """

    prior: float
    estimate: float
    apart: float
    width: float
    weight: float

    @classmethod
    def of(cls, scores: Float64, labels: Bool, target: Float64, ridge: float, most: float) -> Shift:
        """Estimate the shift from scores with labels, shapes (n,), to the scores of a target, shape (m,).

        Without scores of both labels, or of the target, nothing is said, and positives weigh 1.
        """
        known = labels.any() and not labels.all() and len(target)
        prior = float(labels.mean()) if len(labels) else np.nan
        if not known:
            return cls(prior, prior, np.nan, np.nan, 1.0)
        negatives, positives = float(scores[~labels].mean()), float(scores[labels].mean())
        estimate = shifted_prior(negatives, positives, float(target.mean()), prior, ridge)
        apart = positives - negatives
        width = float(np.sqrt(target.var() / len(target))) / abs(apart) if apart else np.inf
        weight = float(np.clip(estimate / prior, 1 / most, most)) if 0 <= estimate <= 1 else 1.0
        return cls(prior, estimate, apart, width, weight)


def by_hour(
    scores: Float64,
    labels: Bool,
    target: Float64,
    hour: Float64,
    hours: Sequence[float],
    ridges: Sequence[float],
) -> Float64:
    """Return what would be estimated of a target's share with so many of its hours seen, shape (ridges, hours).

    Parameters
    ----------
    scores, labels : of clicks whose labels are known, shapes (n,).
    target, hour : scores of the target's clicks, and how long after its opening each came, shapes (m,).
    """
    seen = [target[hour < until] for until in hours]
    return np.array(
        [[Shift.of(scores, labels, some, ridge, np.inf).estimate for some in seen] for ridge in ridges]
    )
