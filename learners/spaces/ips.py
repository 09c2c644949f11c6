"""Inverse propensity scoring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import NonNegativeFloat

from learners.spaces.base import SPACES
from learners.spaces.propensity import Weighing

if TYPE_CHECKING:
    from torch import Tensor

    from learners.impressions import Rows


@SPACES.register("ips")
class InversePropensity(Weighing):
    """Multi-IPS (Zhang et al., Large-scale causal approaches to debiasing post-click CVR, WWW 2020): L_cvr = mean of o e / c.

    e is the conversion loss of a click. The mean is that over all impressions if c = P(click | x) and clicks depend
    on nothing else that conversions do.
    """

    def cvr(self, rows: Rows) -> Tensor:
        return rows.mean(self.inverse(rows) * rows.observed_errors())


@SPACES.register("escm2-ips")
class CounterfactualInversePropensity(InversePropensity):
    """ESCM2-IPS (Wang et al., SIGIR 2022): ESMM with the loss of Multi-IPS as a regulariser."""

    weight_cvr: NonNegativeFloat = 0.1
    """Weight of the regulariser (lambda_c); the paper's sweep is from 0.1 to 1, Paddle's code has 0.5."""
    weight_ctcvr: NonNegativeFloat = 1.0
    """Weight of L_ctcvr (lambda_g); Paddle's code has 0.5."""
