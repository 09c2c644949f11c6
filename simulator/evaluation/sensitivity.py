"""How far hidden confounding could move what clicks say of all impressions: the marginal sensitivity model for V(1), whether
an impression would pay had it been clicked.

The model (Tan, JASA 2006) lets the odds of clicking, V(1) known, differ from those given what can be seen by a factor of at
most Lambda, either way. For an outcome that is 0 or 1 its sharp bounds are closed row by row.
"""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Float64


def unclicked_bounds(clicked: Float64, strength: float | Float64) -> tuple[Float64, Float64]:
    """Return the least and the largest P(V(1) = 1 | x, not clicked).

    Parameters
    ----------
    clicked : q1 = P(V(1) = 1 | x, clicked), shape (n,).
    strength : Lambda, 1 or more: 1 is no confounding; one for all rows, or one a row.
    """
    strength = np.asarray(strength, np.float64)
    if not (strength >= 1).all():
        raise ValueError(f"Lambda is {strength.min():g}; allowed: 1 (no confounding) or more")
    least: Float64 = np.maximum(clicked / strength, 1 - strength * (1 - clicked))
    largest: Float64 = np.minimum(strength * clicked, 1 - (1 - clicked) / strength)
    return least, largest


def bounds(clicked: Float64, chance: Float64, strength: float | Float64) -> tuple[Float64, Float64]:
    """Return the least and the largest P(V(1) = 1 | x), the estimand of entire-space methods.

    Parameters
    ----------
    clicked : q1, shape (n,).
    chance : c = P(click | x), shape (n,).
    strength : Lambda.
    """
    least, largest = unclicked_bounds(clicked, strength)
    return chance * clicked + (1 - chance) * least, chance * clicked + (1 - chance) * largest


def true_strength(clicked: Float64, unclicked: Float64) -> Float64:
    """Return Lambda_V, the smallest Lambda whose bounds hold the truth: one of the two bounds is then the truth.

    The odds of clicking given V(1) = v, over the odds given x alone, are P(v | clicked) / P(v | not clicked).

    Parameters
    ----------
    clicked, unclicked : q1 and q0, above 0 and below 1; shape (n,).
    """
    paying, silent = np.log(clicked / unclicked), np.log((1 - clicked) / (1 - unclicked))
    strength: Float64 = np.exp(np.maximum(np.abs(paying), np.abs(silent)))
    return strength
