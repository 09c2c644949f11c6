"""TWICE: the click clock teaches the rate, the conversion clock teaches the delays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from learners.heads import SMALLEST
from learners.objectives.base import OBJECTIVES, Objective
from learners.twice.delays import BUCKETS, DELAYS, RATES, bucket, passed
from simulator.composite import following

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch
    from simulator.log.schema import Float64


@OBJECTIVES.register("two-clocks")
class TwoClocks(Objective):
    """Click clock and conversion clock (TWICE, Kuaishou 2026), as a third party describes it.

    p is the sigmoid of ``cvr``, f the softmax of the delay buckets, F its prefix sums. A click that is delivered at age t loses
    the cross-entropy of the pay seen by then with p F(t), F without gradient: so it teaches p alone. A conversion loses
    -ln [r_k f_k / sum_j r_j f_j], k the bucket of its delay, and teaches f alone. r_j is the rate of pCVR mass of the cohort
    that a conversion arriving now in bucket j would be from: among arrivals, delays are mixed by what their cohorts hold, and
    this likelihood takes that out again. The two are means over their own rows, added up.

    The page says that cohorts weigh by their historical pCVR mass, not by their clicks; the likelihood given the arrival is
    our reading of it.
    """

    heads = ("cvr", *DELAYS)
    unserved = DELAYS
    targets = ("converted",)
    estimates = following(RATES, lambda part: RATES if part.cohorts else ())

    cohorts: bool = True
    """Take out how much each cohort holds; without it arrivals are taken as they come."""

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        import torch
        from torch.nn.functional import logsigmoid

        logit, target = outputs["cvr"], batch.target("converted")
        logs = torch.stack([outputs[head] for head in DELAYS])
        arrived, final = batch.role("conversion"), batch.role("final")
        # Of a final label nothing is still to come.
        age = np.where(batch.samples.of_role("final"), np.inf, batch.samples.elapsed)
        offset = torch.stack([batch.estimates[name].detach() for name in RATES]) if self.cohorts else 0.0
        shares = (logs.detach() + offset).softmax(0)
        seen = (shares * batch.tensor(passed(age))).sum(0).clamp(SMALLEST, 1.0)
        paid = logsigmoid(logit) + seen.log()
        unpaid = torch.logaddexp(logsigmoid(-logit), logsigmoid(logit) + (1 - seen).clamp(min=1e-30).log())
        observed = -(target.value * paid + (1 - target.value) * unpaid)
        clicks = target.mean(observed, 1 - arrived)
        delay = _delays(batch)
        told = batch.tensor(np.isfinite(delay).astype(np.float64)) * (arrived + final * target.value)
        logs = logs + offset
        place = bucket(np.nan_to_num(delay, nan=0.0))
        own = batch.tensor((place == np.arange(BUCKETS)[:, None]).astype(np.float64))
        surprise = logs.logsumexp(0) - (own * logs).sum(0)
        return clicks + target.mean(surprise, told)

    def on_finals(self) -> Objective:
        return self.model_copy(update={"cohorts": False})


def _delays(batch: Batch) -> Float64:
    """Return each conversion's delay (microseconds), of a final label that of the pay it names; NaN where none is known."""
    samples = batch.samples
    named = np.where(samples.previous_time >= 0, samples.previous_time - samples.click_time, np.nan)
    delay: Float64 = np.where(samples.of_role("final"), named, samples.column("delay"))
    return delay
