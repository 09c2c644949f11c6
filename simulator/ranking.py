"""How well scores rank: AUC and average precision, each from one sort.

They are our own for speed. On 300,000 rows both take 0.1 s against 0.68 s of scikit-learn, on 20,000 rows 2.6 ms against
44 ms (a run judges thousands of segments of that size), and ``import sklearn`` takes one to three seconds on top. The
tests compare them with scikit-learn to 1e-12.
"""

from __future__ import annotations

import math

import numpy as np

from simulator.log.schema import Float64


def ranking(predictions: Float64, labels: Float64) -> tuple[float, float]:
    """Return (AUC, PR-AUC) of scores against 0/1 labels; tied scores count as half a pair.

    PR-AUC is average precision, the step-wise sum over distinct thresholds (not the trapezoid). NaN where there is no
    positive, or a score that is not finite; AUC also where there is no negative.
    """
    if not labels.any() or not np.isfinite(predictions).all():
        return math.nan, math.nan
    gained, lost = _by_score(predictions, labels, 1.0 - labels)
    true, false = np.cumsum(gained), np.cumsum(lost)
    prauc = float(np.sum(gained * true / (true + false)) / true[-1])
    return _area(gained, lost), prauc


def ks(predictions: Float64, labels: Float64) -> float:
    """Return the Kolmogorov-Smirnov distance of scores: the largest |TPR - FPR| over thresholds; NaN with one class only."""
    if not len(labels) or labels.all() or not labels.any() or not np.isfinite(predictions).all():
        return math.nan
    gained, lost = _by_score(predictions, labels, 1.0 - labels)
    return float(np.abs(np.cumsum(gained) / gained.sum() - np.cumsum(lost) / lost.sum()).max())


def weighted_auc(scores: Float64, positives: Float64, negatives: Float64) -> float:
    """Return the AUC of scores, each of which so many positives and so many negatives have (counts or weights)."""
    return _area(*_by_score(scores, positives, negatives))


def _by_score(scores: Float64, positives: Float64, negatives: Float64) -> tuple[Float64, Float64]:
    """Return the positives and negatives of each distinct score, the highest first."""
    order = np.argsort(-scores)
    score = scores[order]
    last = np.append(np.flatnonzero(score[1:] != score[:-1]), len(score) - 1)  # of each group of ties
    gained, lost = (np.diff(np.cumsum(of[order])[last], prepend=0.0) for of in (positives, negatives))
    return gained, lost


def _area(gained: Float64, lost: Float64) -> float:
    below = lost.sum() - np.cumsum(lost) + 0.5 * lost  # negatives under each group of ties, its own by half
    pairs = gained.sum() * lost.sum()
    return float(np.sum(gained * below) / pairs) if pairs else math.nan
