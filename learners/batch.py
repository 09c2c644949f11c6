"""Delivered samples as tensors: targets, their masks and weights, and the means that losses are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from simulator.log.schema import Float64
from simulator.randomness import torch_seed
from simulator.samples import Samples


@dataclass(frozen=True, slots=True)
class Target:
    """One target column of a batch of B samples.

    ``value`` is 0 where the sample is null and ``weight`` is 0 there, else the sample's weight: 1 by default,
    negative for a retraction. Sums are divided by B, masked rows included, so that an empty mask gives 0
    and never NaN.
    """

    value: Tensor
    weight: Tensor

    def mean(self, losses: Tensor, among: Tensor | None = None) -> Tensor:
        """Return the weighted sum of per-row losses over B, or over the rows ``among`` (0 or 1) that say something."""
        if among is None:
            return (self.weight * losses).sum() / len(self.value)
        count = (among * (self.weight != 0)).sum().clamp(min=1)
        return (self.weight * among * losses).sum() / count

    def cross_entropy(
        self, logit: Tensor, positive: Tensor | float = 1.0, negative: Tensor | float = 1.0
    ) -> Tensor:
        """Return the mean of w+ y softplus(-o) + w- (1 - y) softplus(o); y may be soft.

        ``positive`` and ``negative`` are the importance weights w+ and w-; they must carry no gradient.
        """
        gain = positive * self.value * functional.softplus(-logit)
        return self.mean(gain + negative * (1 - self.value) * functional.softplus(logit))


class Batch:
    """What an objective may read of a batch of delivered samples.

    Parameters
    ----------
    samples : the samples as delivered.
    estimates : per name an auxiliary's estimate for each sample, shape (B,), without gradient.
    step : number of the optimisation step, which with ``seed`` names the random draws of the batch.
    """

    def __init__(
        self,
        samples: Samples,
        estimates: Mapping[str, Tensor] | None = None,
        dtype: torch.dtype = torch.float32,
        *,
        step: int = 0,
        seed: int = 0,
    ) -> None:
        self.samples = samples
        self._step, self._seed = step, seed
        self.estimates: Mapping[str, Tensor] = estimates if estimates is not None else {}
        self._dtype = dtype

    def __len__(self) -> int:
        return len(self.samples)

    def tensor(self, values: Float64) -> Tensor:
        """Return a column as a tensor of the batch's type."""
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._dtype)

    def role(self, *names: str) -> Tensor:
        """Return 1 for the samples that were delivered in one of these roles, 0 for the others."""
        return self.tensor(self.samples.of_role(*names).astype(np.float64))

    def carried(self, name: str) -> Tensor:
        """Return what the policy carries under a name; NaN where it carries no such thing."""
        return self.tensor(self.samples.column(name))

    def generator(self, purpose: str) -> torch.Generator:
        """Return a random generator of this step's own."""
        return torch.Generator().manual_seed(
            torch_seed(self._seed, "learners", "objective", purpose, self._step)
        )

    def target(self, name: str) -> Target:
        """Return ``converted``, ``refunded``, ``gmv`` or what is carried by that name, its mask folded into the weight."""
        values: Float64 = self.samples.column(name)
        null = np.isnan(values)
        if not null.any():
            return Target(self.tensor(values), self.tensor(self.samples.weight))
        return Target(
            self.tensor(np.where(null, 0.0, values)), self.tensor(np.where(null, 0.0, self.samples.weight))
        )
