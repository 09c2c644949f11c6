"""The logistic function and its inverse, from scipy.special, which is loaded at first use: it takes a quarter of a second."""

from __future__ import annotations

from simulator.log.schema import Float64


def expit(logit: Float64) -> Float64:
    """Return 1 / (1 + exp(-logit)) without overflow."""
    from scipy import special

    result: Float64 = special.expit(logit)
    return result


def logit(chance: Float64) -> Float64:
    """Return ln(chance / (1 - chance)); -inf of 0, inf of 1, NaN of what is no chance."""
    from scipy import special

    result: Float64 = special.logit(chance)
    return result
