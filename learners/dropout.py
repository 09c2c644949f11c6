"""Dropout whose draws are its own: a resumed run goes on as an uninterrupted one does."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn


class Dropout(nn.Module):
    """Numbers become 0 with a probability, and the others larger, so that means stay (Srivastava et al., JMLR 2014).

    The draws of a step follow from a seed and the number of steps before it, which are buffers, and so part of any state
    that is saved. ``torch.nn.Dropout`` draws from torch's global generator.
    """

    seed: Tensor
    steps: Tensor

    def __init__(self, rate: float, generator: Generator) -> None:
        super().__init__()
        self.rate = rate
        self.register_buffer("seed", torch.randint(2**62, (), generator=generator))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, hidden: Tensor) -> Tensor:
        if not self.training:
            return hidden
        own = Generator().manual_seed(int(self.seed) + int(self.steps))
        self.steps += 1
        kept = torch.empty_like(hidden, device="cpu").bernoulli_(1 - self.rate, generator=own)
        return hidden * kept.to(hidden.device) / (1 - self.rate)
