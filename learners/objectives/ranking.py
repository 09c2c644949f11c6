"""Pairwise ranking of positives over sampled negatives, which TESLA adds to its calibrated losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from simulator.units import HOUR

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from learners.batch import Batch

Negatives = Literal["random", "high", "low", "pairwise-low"]
"""How negatives are drawn, and (the last) whether positives are weighted by their delay."""
LEAST, GAIN = 1.0, 1.0
"""Weights of positives lie in (LEAST, LEAST + GAIN)."""
FLOOR = 1.0
"""Hours: the least scale on which delays are compared."""


def ranking_loss(
    logit: Tensor, label: Tensor, hours: Tensor, draw: Negatives, count: int, generator: Generator
) -> Tensor:
    """Return the mean over positives i of mean_k softplus(-(o_i - o_k)), over ``count`` negatives k each.

    The negatives of a positive are drawn with replacement: uniformly ("random"), or with chances in proportion
    to sigmoid(o_k) ("high": those most like positives, among them the fake ones) or to 1 - sigmoid(o_k) ("low",
    "pairwise-low"). "pairwise-low" is the delay-aware ranking of NetCVR (WWW 2026, eq. 8 to 10): positives are
    weighted by `delay_weights`, and the mean is the weighted one. The paper writes a sum; next to losses that
    are means over the batch, only a mean does not depend on the batch size. Chances and weights carry no
    gradient.

    Parameters
    ----------
    logit, label : of the rows that say something, shape (n,); labels are 0 or 1.
    hours : delay of each positive in hours, shape (n,); that of negatives is not read.
    """
    import torch
    from torch.nn import functional

    positive, negative = logit[label == 1], logit[label == 0]
    if not len(positive) or not len(negative):
        return logit.sum() * 0
    chance = _chances(negative.detach(), draw)
    drawn = torch.multinomial(chance, len(positive) * count, replacement=True, generator=generator)
    margin = positive[:, None] - negative[drawn].view(len(positive), count)
    losses = functional.softplus(-margin).mean(1)
    if draw != "pairwise-low":
        return losses.mean()
    weight = delay_weights(hours[label == 1])
    return (weight * losses).sum() / weight.sum()


def _chances(logit: Tensor, draw: Negatives) -> Tensor:
    import torch

    if draw == "random":
        return torch.ones_like(logit)
    chance = (logit if draw == "high" else -logit).sigmoid()
    return chance if chance.sum() > 0 else torch.ones_like(logit)


def delay_weights(hours: Tensor) -> Tensor:
    """Return 1 + sigmoid((median - delay) / scale): who acts fast shows more clearly what he wants.

    The scale is the standard deviation of the delays, but an hour at least. The median of an even number is the
    lower one.
    """
    scale = hours.std() if len(hours) > 1 else hours.new_zeros(())
    scale = scale if scale > FLOOR else hours.new_full((), FLOOR)
    return LEAST + GAIN * ((hours.median() - hours) / scale).sigmoid()


def pay_hours(batch: Batch) -> Tensor:
    """Return the time from click to pay of each converted sample, in hours.

    A sample caused by the pay itself has it as ``elapsed``; one that the end of a window caused has the time
    of the pay before it (with several inside the window, of the last).
    """
    samples = batch.samples
    known = samples.previous_time >= 0
    delay = samples.elapsed.astype(float)
    delay[known] = (samples.previous_time - samples.click_time)[known]
    return batch.tensor(delay / HOUR)


def refund_hours(batch: Batch) -> Tensor:
    """Return the time from pay to refund of each sample caused by a refund, in hours (with several pays, from the last).

    It is 0 for samples that name no pay before their cause.
    """
    samples = batch.samples
    delay = (samples.event_time - samples.previous_time).astype(float)
    delay[samples.previous_time < 0] = 0.0
    return batch.tensor(delay / HOUR)
