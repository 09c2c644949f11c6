"""Effects by an instrument: something that moves the treatment, and the outcome through the treatment alone."""

from __future__ import annotations

import numpy as np

from simulator.evaluation.causal.effects import Statistic
from simulator.evaluation.causal.least_squares import residual, with_constant
from simulator.evaluation.causal.observed import Observed
from simulator.log.schema import Float64


def wald(observed: Observed, instrument: Float64) -> Statistic:
    """Return what takes weights of rows to the Wald estimate, shape (1,): the effect among those whose treatment an instrument
    of two values changes (Imbens and Angrist, Econometrica 1994).

    Parameters
    ----------
    instrument : z, 0 or 1, shape (n,).

    Raises
    ------
    ValueError : it has other values, or only one.
    """
    if set(np.unique(instrument).tolist()) != {0.0, 1.0}:
        raise ValueError("the Wald estimate needs an instrument of the two values 0 and 1")

    def statistic(weight: Float64) -> Float64:
        on, off = weight * instrument, weight * (1 - instrument)
        moved = [
            on @ column / on.sum() - off @ column / off.sum()
            for column in (observed.outcome, observed.treatment)
        ]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.array([np.divide(*moved)])

    return statistic


def two_stage(observed: Observed, instruments: Float64) -> Statistic:
    """Return what takes weights of rows to the two-stage least squares estimate given the covariates, shape (1,).

    Parameters
    ----------
    instruments : shape (n,) or (n, q).
    """
    common = with_constant(observed.covariates)
    given = np.column_stack([instruments, common])
    explained = np.column_stack([observed.treatment, common])

    def statistic(weight: Float64) -> Float64:
        weighted = given * weight[:, None]
        first, *_ = np.linalg.lstsq(weighted.T @ given, weighted.T @ explained, rcond=None)
        fitted = given @ first
        second, *_ = np.linalg.lstsq(
            (fitted * weight[:, None]).T @ explained, fitted.T @ (weight * observed.outcome), rcond=None
        )
        return np.array(second[:1])

    return statistic


def first_stage(observed: Observed, instruments: Float64) -> float:
    """Return the F statistic of the instruments in the regression of the treatment; below 10 they are weak (Staiger and Stock,
    Econometrica 1997).
    """
    instruments = instruments.reshape(len(observed), -1)
    common = with_constant(observed.covariates)
    without = residual(observed.treatment, common)
    within = residual(observed.treatment, np.column_stack([common, instruments]))
    count = instruments.shape[1]
    free = len(observed) - common.shape[1] - count
    left = float(within @ within)
    return float((without @ without - left) / count / (left / free)) if left > 0 else float("inf")
