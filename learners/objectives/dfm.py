"""DFM: the likelihood of a label and its delay, the delay exponential."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from learners.objectives.base import OBJECTIVES, Objective
from learners.objectives.ranking import pay_hours
from simulator.units import HOUR

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("dfm")
class DelayedFeedback(Objective):
    """Delayed feedback model (Chapelle, KDD 2014), for clicks delivered once.

    A click that paid d hours after it loses -log p - log r + r d; one that has not paid in e hours loses
    -log(1 - p + p exp(-r e)). r = exp(``log_rate``) per hour; p and r are trained together. Of several
    pays inside the window the last one's time is taken: samples tell no earlier one.

    From labels as young as a short window shows, p r can be told, p hardly: this is a method for labels of all ages.
    """

    heads = ("cvr", "log_rate")
    unserved = ("log_rate",)
    targets = ("converted",)

    rate: Literal["exp", "softplus"] = "exp"
    """How the head gives the rate; the public code of ES-DFM takes softplus."""
    delay: Literal["pay", "elapsed"] = "pay"
    """What d is: from click to pay, or, as in the public code's stream, from click to delivery."""

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        import torch
        from torch.nn.functional import logsigmoid, softplus

        logit, raw = outputs["cvr"], outputs["log_rate"]
        target = batch.target("converted")
        rate = raw.exp() if self.rate == "exp" else softplus(raw)
        log_rate = raw if self.rate == "exp" else rate.log()
        elapsed = batch.tensor(batch.samples.elapsed / HOUR)
        delay = pay_hours(batch) if self.delay == "pay" else elapsed
        paid = -logsigmoid(logit) - log_rate + rate * delay
        unpaid = -torch.logaddexp(logsigmoid(-logit), logsigmoid(logit) - rate * elapsed)
        return target.mean(target.value * paid + (1 - target.value) * unpaid)
