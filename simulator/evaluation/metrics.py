"""Metrics of one block of predictions against final labels. What is undefined is NaN, never an exception."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simulator.log.schema import Float64
from simulator.ranking import ordered_alike

LOG_FLOOR = -100.0
"""Logarithms of probabilities are clamped here, as in the reference implementations."""
TINY = 1e-8
"""Predicted amounts below this are read as this where a ratio is taken."""


def log_loss(probabilities: Float64, labels: Float64) -> Float64:
    """Binary cross-entropy of each row, shape (n,); labels may be soft. NaN probabilities stay NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        log_p = np.maximum(np.log(probabilities), LOG_FLOOR)
        log_q = np.maximum(np.log1p(-probabilities), LOG_FLOOR)
    return -(labels * log_p + (1.0 - labels) * log_q)


def nll(probabilities: Float64, labels: Float64) -> float:
    """Mean negative log likelihood."""
    return _mean(log_loss(probabilities, labels))


def pcoc(predictions: Float64, labels: Float64) -> float:
    """Predicted over observed: sum of predictions / sum of labels; above 1 is over-prediction."""
    total = float(labels.sum())
    return float(predictions.sum()) / total if total else math.nan


def concordance(predictions: Float64, labels: Float64) -> float:
    """GMV AUC: share of the pairs with different labels that are ordered alike; equal predictions count half.

    Exact: 1/2 + S / (2 * pairs with different labels), with S = concordant - discordant pairs, the numerator of Kendall's
    tau (TRACE benchmark, WWW 2026, metric AUC).
    """
    if not _finite(predictions):
        return math.nan
    surplus, different = ordered_alike(predictions, labels)
    return 0.5 + surplus / (2 * different) if different else math.nan


def acc(predictions: Float64, labels: Float64, tolerance: float = 0.2) -> float:
    """Share of rows with ``|prediction - label| / label <= tolerance`` (ACC@20%)."""
    if not _finite(predictions):
        return math.nan
    return _mean((np.abs(predictions - labels) <= tolerance * np.maximum(labels, TINY)).astype(np.float64))


def log_ratio(predictions: Float64, labels: Float64) -> Float64:
    """``|log2(prediction / label)|`` of each row; NaN where the label is no positive amount."""
    ratio = np.abs(np.log2(np.maximum(predictions, TINY)) - np.log2(np.maximum(labels, TINY)))
    return np.where(labels > 0, ratio, np.nan)


def alpr(predictions: Float64, labels: Float64) -> float:
    """Mean absolute log2 ratio over rows with a positive label; 0 is perfect, 1 is a factor of two."""
    return _mean(log_ratio(predictions, labels)[labels > 0])


def log_bias(predictions: Float64, labels: Float64) -> float:
    """Mean log2(prediction / label) over rows with a positive label: -1 is half of what was paid, on the geometric mean.

    Unlike PCOC it is a mean over rows, so cells and groups of rows add up.
    """
    paid = labels > 0
    return _mean(np.log2(np.maximum(predictions[paid], TINY)) - np.log2(np.maximum(labels[paid], TINY)))


def rmse(predictions: Float64, labels: Float64) -> float:
    """Root of the mean squared error, in the currency."""
    return math.sqrt(_mean((predictions - labels) ** 2)) if len(labels) else math.nan


def calibration(
    predictions: Float64, labels: Float64, bins: int = 10
) -> tuple[Float64, Float64, NDArray[np.int64]]:
    """Return (sum of predictions, sum of labels, rows) of each of ``bins`` equal shares of the rows by prediction.

    Rows of equal predictions keep their order. Fewer rows than bins give empty bins.
    """
    order = np.argsort(predictions, kind="stable")
    edges = np.linspace(0, len(order), bins + 1).round().astype(np.int64)
    up, down = (
        np.concatenate([np.zeros(1), np.cumsum(values[order], dtype=np.float64)])
        for values in (predictions, labels)
    )
    return np.diff(up[edges]), np.diff(down[edges]), np.diff(edges)


def decile_error(predictions: Float64, labels: Float64) -> float:
    """Calibration by decile in one number: sum over deciles of |predicted - observed| / sum of labels.

    0 is calibrated at every level; |PCOC - 1| is its lower bound. Small blocks add noise: compare methods on equal ones.
    """
    total = float(labels.sum())
    if not total or not _finite(predictions):
        return math.nan
    predicted, observed, _ = calibration(predictions, labels)
    return float(np.abs(predicted - observed).sum()) / total


def ece(predictions: Float64, labels: Float64) -> float:
    """Expected calibration error: mean |predicted - observed| of ten bins of equal size by prediction, weighted by rows.

    Against the true probabilities as ``labels`` it has no noise of labels in it.
    """
    if not len(labels) or not _finite(predictions):
        return math.nan
    predicted, observed, _ = calibration(predictions, labels)
    return float(np.abs(predicted - observed).sum()) / len(labels)


def brier(predictions: Float64, labels: Float64) -> float:
    """Brier score: the mean squared difference of probabilities and labels of 0 or 1 (Brier, Monthly Weather Review 1950)."""
    return float(np.square(predictions - labels).mean()) if len(labels) else math.nan


def top_value(scores: Float64, worth: Float64, share: float = 0.1) -> float:
    """Worth of the rows that score highest, over the most that as many rows can hold: 1 ranks as well as the truth.

    Parameters
    ----------
    scores : what rows are ranked by, shape (n,). Of equal scores at the border each row is in with the same chance.
    worth : what a row brings, shape (n,).
    share : of the rows, rounded, at least one row.
    """
    n = len(scores)
    if not n or not _finite(scores):
        return math.nan
    top = max(round(share * n), 1)
    best = float(np.partition(worth, n - top)[n - top :].sum())
    border = np.partition(scores, n - top)[n - top]
    above, at = scores > border, scores == border
    held = float(worth[above].sum()) + (top - int(above.sum())) * float(worth[at].mean())
    return held / best if best else math.nan


def log_mae(predictions: Float64, labels: Float64) -> float:
    """Mean ``|ln(1 + prediction) - ln(1 + label)|``."""
    return _mean(np.abs(np.log1p(np.maximum(predictions, 0.0)) - np.log1p(np.maximum(labels, 0.0))))


def gamma_loss(predictions: Float64, labels: Float64) -> Float64:
    """Half gamma deviance of each row up to a constant, ``label / prediction + ln(prediction)``.

    Its expectation is smallest at the expected label, whatever the label's distribution: a proper score of a
    mean.
    """
    mean = np.maximum(predictions, TINY)
    return labels / mean + np.log(mean)


def gamma(predictions: Float64, labels: Float64) -> float:
    """Mean `gamma_loss`."""
    return _mean(gamma_loss(predictions, labels))


def regret_gamma(predictions: Float64, labels: Float64, truth: Float64) -> float:
    """Gamma loss minus that of the true expectations, on the same labels; does not depend on the currency."""
    return _mean(gamma_loss(predictions, labels)) - _mean(gamma_loss(truth, labels))


def _mean(values: Float64) -> float:
    return float(values.mean()) if len(values) else math.nan


def _finite(values: Float64) -> bool:
    return bool(np.isfinite(values).all())
