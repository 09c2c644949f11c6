"""What the raw output of a network's head means: how it starts, how it is fitted, what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from simulator.log.schema import Float64
from simulator.logistic import expit

if TYPE_CHECKING:
    from torch import Tensor

SMALLEST = 1e-6
"""Probabilities that an auxiliary estimates stay inside [1e-6, 1 - 1e-6], as in the public code of ES-DFM."""
LEAST_LOG_AMOUNT, LARGEST_LOG_AMOUNT = 1e-3, 40.0
"""Outputs in log1p space are read inside these bounds where an amount is divided by, or is served: a diverged head then
shows as absurd, not as infinite."""


class Head:
    """A scale of outputs. Heads of one scale share one instance."""

    def bias(self, total: float, count: int) -> float:
        """Return where the head starts: the output that says the mean of ``count`` targets that sum to ``total``."""
        raise NotImplementedError

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each row, shape (B,), with which pre-training fits the head."""
        raise NotImplementedError

    def value(self, output: Float64) -> Float64:
        """Return what an output estimates."""
        raise NotImplementedError


class Probability(Head):
    """The output is a logit, fitted by cross-entropy."""

    def bias(self, total: float, count: int) -> float:
        # Half a positive more keeps the logit finite.
        return float(np.log((total + 0.5) / (count - total + 0.5)))

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        from torch.nn import functional

        return functional.binary_cross_entropy_with_logits(output, target, reduction="none")

    def value(self, output: Float64) -> Float64:
        return np.clip(expit(output), SMALLEST, 1 - SMALLEST)


class Median(Head):
    """The output is in the units of the target, fitted by absolute error: its median."""

    def bias(self, total: float, count: int) -> float:
        return total / count

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).abs()

    def value(self, output: Float64) -> Float64:
        return output


class PositiveMedian(Head):
    """Softplus of the output is in the units of the target, fitted by absolute error: a median above 0."""

    def bias(self, total: float, count: int) -> float:
        mean = max(total / count, SMALLEST)
        return float(mean + np.log(-np.expm1(-mean)))

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        from torch.nn import functional

        return (functional.softplus(output) - target).abs()

    def value(self, output: Float64) -> Float64:
        return np.logaddexp(0.0, output)


class LogMean(Head):
    """The output is log1p of an amount's mean, fitted by the gamma deviance, which is smallest at the mean."""

    def bias(self, total: float, count: int) -> float:
        return float(np.log1p(total / count))

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        mean = output.clamp(LEAST_LOG_AMOUNT, LARGEST_LOG_AMOUNT).expm1()
        return target / mean + mean.log()

    def value(self, output: Float64) -> Float64:
        return np.expm1(np.clip(output, 0.0, LARGEST_LOG_AMOUNT))


class LogRate(Head):
    """The output is the logarithm of the rate of an exponential delay, fitted by its likelihood; targets are delays."""

    def bias(self, total: float, count: int) -> float:
        return float(np.log(count / max(total, SMALLEST)))

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        return output.exp() * target - output

    def value(self, output: Float64) -> Float64:
        return np.exp(output)


class Share(Head):
    """The output is the logarithm of a share, up to what is the same for all shares of one whole: `shares_loss` fits them."""

    def bias(self, total: float, count: int) -> float:
        # Half an example more keeps the logarithm finite.
        return float(np.log((total + 0.5) / (count + 0.5)))

    def value(self, output: Float64) -> Float64:
        return np.exp(output)


def shares_loss(
    outputs: Mapping[str, Tensor], targets: Mapping[str, tuple[Tensor, Tensor]], heads: Sequence[str]
) -> Tensor:
    """Return the cross-entropy of one whole's shares, the softmax of the heads' outputs: a mean over the examples that have it.

    ``targets`` are as in `learners.start.Recipe.loss`; of the heads' targets one is 1 and the others 0.
    """
    import torch

    log_shares = torch.log_softmax(torch.stack([outputs[head] for head in heads]), dim=0)
    value = torch.stack([targets[head][0] for head in heads])
    told = targets[heads[0]][1]
    surprise = -(value * log_shares).sum(dim=0)
    return (surprise * told).sum() / told.sum().clamp(min=1)


PROBABILITY = Probability()
MEDIAN = Median()
POSITIVE_MEDIAN = PositiveMedian()
LOG_MEAN = LogMean()
LOG_RATE = LogRate()
SHARE = Share()
