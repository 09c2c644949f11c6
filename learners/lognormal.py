"""The log-normal density of amounts, as raw outputs of two heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.log.schema import Float64

if TYPE_CHECKING:
    from torch import Tensor

LEAST_SIGMA = 0.05
"""Below it a single amount repeated by many clicks would have an infinite density."""
LARGEST_EXPONENT = 40.0


def nll(mu: Tensor, spread: Tensor, log_amount: Tensor) -> Tensor:
    """Return the negative log likelihood of each amount, up to a constant; sigma = softplus(spread)."""
    from torch.nn import functional

    sigma = functional.softplus(spread) + LEAST_SIGMA
    return sigma.log() + 0.5 * ((log_amount - mu) / sigma).square()


def mean(mu: Float64, spread: Float64) -> Float64:
    """Return the expected amount, exp(mu + sigma^2 / 2)."""
    sigma = np.logaddexp(0.0, spread) + LEAST_SIGMA
    return np.exp(np.minimum(mu + 0.5 * sigma**2, LARGEST_EXPONENT))
