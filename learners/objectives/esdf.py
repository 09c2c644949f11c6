"""ESDF: click rate, rate of "clicked and converted", and delays in slots, by expectation maximisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from learners.objectives.base import OBJECTIVES, Objective
from learners.objectives.ranking import pay_hours
from simulator.composite import following
from simulator.units import HOUR, PositiveDuration

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch

RATES = ("ctr", "ctcvr")
OVER = ("final", "real_negative")
"""Roles of labels that nothing can change any more."""
NEAREST = 1e-6
"""f = g / c is taken to be at least this far below 1: two towers may say more conversions than clicks."""


def _delay_heads(slots: int) -> tuple[str, ...]:
    return tuple(f"delay_{k}" for k in range(1, slots + 2))


@OBJECTIVES.register("esdf")
class EntireSpaceDelay(Objective):
    """Entire space with delayed feedback (ESDF: Wang et al., AAAI 2021): towers for c and g = c f, a softmax for the delay.

    Its likelihood has three groups: c f s_d of a click that converted in slot d, c (1 - f + f S_e) of one that had not after a
    time e, and 1 - c of what nobody clicked, with S_e = P(delay > e). The second group converts later with chance
    w = f S_e / (1 - f + f S_e), f = g / c, without gradient (E); in a step (M) it counts w as converted and 1 - w as not, in
    the cross-entropy of "clicked and converted" at g, and w log S_e joins the delays. Log(1 - g) stands for the
    likelihood's log(c - g), which is not finite where g > c; both settle at g = c f.

    What is delivered must be whole looks at all clicks, each at one age, or the likelihood is none. Policy ``duplicate`` is
    the smallest that does so: each click at the age of its window and when its label is final (S = 0), and so each row
    counts a half. The window should end with a slot; inside one, delays count as evenly spread.
    """

    slots: Annotated[int, Field(ge=1, le=100)] = 7
    """Number of slots (T); what comes after them is one more, which lasts until the label is final."""
    slot: PositiveDuration = "1d"  # type: ignore[assignment]
    """How long a slot is. A delay of exactly that is inside."""

    heads = following((*RATES, *_delay_heads(7)), lambda part: (*RATES, *_delay_heads(part.slots)))
    unserved = following(_delay_heads(7), lambda part: _delay_heads(part.slots))
    targets = ("clicked", "converted")

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        import torch
        from torch.nn.functional import softplus

        from learners.impressions import Rows, told_of_clicks

        converted, clicks = batch.target("converted"), told_of_clicks(batch)
        over = batch.role(*OVER)
        share = (converted.weight / (2 - batch.role("final"))).where(clicks, converted.weight.new_zeros(()))
        delays = torch.stack([outputs[head] for head in self.heads[len(RATES) :]], dim=1).log_softmax(dim=1)
        beyond = (delays + self._beyond(batch).log()).logsumexp(dim=1)
        paid, unpaid = share * converted.value, share * (1 - converted.value)
        later = unpaid * (1 - over) * self._later(outputs, beyond.detach())
        rows = Rows(batch, outputs, paid + later, unpaid - later, clicks.to(share.dtype))
        logit = outputs["ctcvr"]
        joint = rows.up * softplus(-logit) + (rows.down + rows.unclicked) * softplus(logit)
        when = delays.gather(1, self._slot_of(batch)[:, None])[:, 0]
        return rows.ctr() + rows.mean(joint - paid * when - later * beyond)

    def _later(self, outputs: Mapping[str, Tensor], beyond: Tensor) -> Tensor:
        """Return the chance of each row to convert yet, if it is of an unconverted click."""
        from torch.nn.functional import logsigmoid

        click, joint = (outputs[head].detach() for head in RATES)
        rate = (logsigmoid(joint) - logsigmoid(click)).exp().clamp(max=1 - NEAREST)
        open_still = rate * beyond.exp()
        return open_still / (1 - rate + open_still)

    def _beyond(self, batch: Batch) -> Tensor:
        """Return how much of each slot lies beyond the age of a row, shape (B, slots + 1); the last one always does."""
        age = batch.samples.elapsed / self.slot
        left = np.clip(np.arange(1, self.slots + 2) - age[:, None], 0.0, 1.0)
        left[:, -1] = 1.0
        return batch.tensor(left)

    def _slot_of(self, batch: Batch) -> Tensor:
        """Return the slot of each row's conversion, shape (B,)."""
        return ((pay_hours(batch) * (HOUR / self.slot)).ceil() - 1).clamp(0, self.slots).long()
