"""How well scores rank: AUC, average precision, KS, AUC inside users and concordance, each from one sort.

They are our own for speed. On 300,000 rows both take 0.1 s against 0.68 s of scikit-learn, on 20,000 rows 2.6 ms against
44 ms (a run judges thousands of segments of that size), and ``import sklearn`` takes one to three seconds on top. The
tests compare them with scikit-learn to 1e-12.
"""

from __future__ import annotations

import math

import numpy as np

from simulator.log.schema import Bool, Float64, Int64


def ranking(predictions: Float64, labels: Float64) -> tuple[float, float]:
    """Return (AUC, PR-AUC) of scores against 0/1 labels; see `separation`."""
    return separation(predictions, labels)[:2]


def separation(predictions: Float64, labels: Float64) -> tuple[float, float, float]:
    """Return (AUC, PR-AUC, KS) of scores against 0/1 labels; tied scores count as half a pair.

    PR-AUC is average precision, the step-wise sum over distinct thresholds (not the trapezoid). KS is the Kolmogorov-Smirnov
    distance, the largest |TPR - FPR| over thresholds. NaN where there is no positive, or a score that is not finite; AUC and KS
    also where there is no negative.
    """
    if not labels.any() or not np.isfinite(predictions).all():
        return math.nan, math.nan, math.nan
    gained, lost = _by_score(predictions, labels, 1.0 - labels)
    true, false = np.cumsum(gained), np.cumsum(lost)
    prauc = float(np.sum(gained * true / (true + false)) / true[-1])
    apart = float(np.abs(true / true[-1] - false / false[-1]).max()) if false[-1] else math.nan
    return _area(gained, lost), prauc, apart


def ks(predictions: Float64, labels: Float64) -> float:
    """Return the KS of `separation`; positives are the labels above 0."""
    return separation(predictions, (labels > 0).astype(np.float64))[2]


def of_two_classes(labels: Float64, users: Int64) -> Bool:
    """Return which rows are of a user who has labels above 0 and others."""
    _, user = np.unique(users, return_inverse=True)
    rows, positives = np.bincount(user), np.bincount(user, labels > 0)
    some: Bool = ((positives > 0) & (positives < rows))[user]
    return some


def gauc(predictions: Float64, labels: Float64, users: Int64) -> float:
    """Return the mean of the AUC inside each user, weighted by rows (Zhou et al., KDD 2018); positives are labels above 0.

    Parameters
    ----------
    predictions, labels : rows of `of_two_classes`, shape (n,).
    users : whose each row is, shape (n,).
    """
    if not len(labels) or not np.isfinite(predictions).all():
        return math.nan
    _, user, rows = np.unique(users, return_inverse=True, return_counts=True)
    order = np.lexsort((predictions, user))
    whose, score = user[order], predictions[order]
    new = np.append(True, (whose[1:] != whose[:-1]) | (score[1:] != score[:-1]))
    tie, first = np.cumsum(new) - 1, np.flatnonzero(new)
    last = np.append(first[1:], len(order)) - 1
    before = np.cumsum(rows) - rows
    rank = (0.5 * (first + last))[tie] - before[whose]  # from 0, inside the user; ties share theirs
    positive = (labels[order] > 0).astype(np.float64)
    above = np.bincount(whose, positive)
    won = np.bincount(whose, positive * rank) - above * (above - 1) / 2
    return float(np.average(won / (above * (rows - above)), weights=rows))


def ordered_alike(predictions: Float64, labels: Float64) -> tuple[int, int]:
    """Return, of all pairs of rows, how many more are ordered alike by both than the other way round (the numerator of
    Kendall's tau), and how many have different labels. Exact; scipy.stats takes a second to load.
    """
    order = np.lexsort((labels, predictions))
    score, rank = predictions[order], np.unique(labels, return_inverse=True)[1][order]
    new, other = score[1:] != score[:-1], rank[1:] != rank[:-1]
    all_pairs = len(order) * (len(order) - 1) // 2
    different = all_pairs - _pairs(np.bincount(rank))
    tied, twice = (
        _pairs(np.diff(np.flatnonzero(np.append(last, True)), prepend=-1)) for last in (new, new | other)
    )
    return different - tied + twice - 2 * _inversions(rank), different


def _pairs(counts: Int64) -> int:
    return int((counts * (counts - 1) // 2).sum())


def _inversions(rank: Int64) -> int:
    """Return how often a larger one comes before a smaller one: bit by bit, the two then differ first in one of them."""
    found = 0
    for bit in reversed(range(int(rank.max(initial=0)).bit_length())):
        # Those that are equal in all higher bits lie together, in the order in which they came.
        high = rank >> bit
        larger = np.cumsum(high & 1)
        begin = np.flatnonzero(np.append(True, high[1:] >> 1 != high[:-1] >> 1))
        before = np.repeat((larger - (high & 1))[begin], np.diff(begin, append=len(rank)))
        found += int((larger - before)[high & 1 == 0].sum())
        rank = rank[np.argsort(high, kind="stable")]
    return found


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
