"""Final labels as samples: what pre-training by a method's own objective and the offline protocol learn from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from learners.heads import PROBABILITY
from learners.history import History
from simulator.errors import RunError
from simulator.log.schema import Bool, ClickBatch, Float64, Int64, Labels
from simulator.samples import Samples
from simulator.units import format_duration
from simulator.windows import Windows

ROLE = "final"
RATES = {"ctr": "clicked", "cvr": "converted", "rfr": "refunded"}
"""Heads whose output is the logit of a known target's mean: they can start at its base rate."""
Kept = Callable[[Int64], Bool]
"""Which of the rows of a log are meant, given their positions in it."""


@dataclass(frozen=True, slots=True)
class Finals:
    """The final labels of a span of a log, one sample a click.

    Parameters
    ----------
    targets : what is learnt from; samples that are null in all of them are left out.
    net : whether the GMV is what stays after refunds.
    """

    history: History
    targets: Sequence[str]
    net: bool = False

    def samples(self, kept: Kept | None = None, *, features: bool = True) -> Iterator[Samples]:
        """Yield samples in replay order, of all rows or of those ``kept``."""
        own = self.history
        for clicks, labels in own.log.labelled(own.windows, own.start, own.end, features=features):
            samples = of_clicks(clicks, labels, own.windows, net=self.net)
            told = np.zeros(len(samples), np.bool_)
            for target in self.targets:
                told |= ~np.isnan(samples.column(target))
            if kept is not None:
                told &= kept(samples.row)
            if told.any():
                yield samples[told]

    def biases(self, among: Collection[str], kept: Kept | None = None) -> dict[str, float]:
        """Return where heads start whose output is the logit of a known target's mean; reads no features.

        Raises
        ------
        RunError : nothing can be learnt from the span.
        """
        heads = {head: target for head, target in RATES.items() if head in among}
        sums, counts = dict.fromkeys(heads, 0.0), dict.fromkeys(heads, 0)
        rows = 0
        for samples in self.samples(kept, features=False):
            rows += len(samples)
            clicked = samples.column("clicked") != 0
            for head, target in heads.items():
                values: Float64 = samples.column(target)[clicked if head == "cvr" else slice(None)]
                sums[head] += float(np.nansum(values))
                counts[head] += int(np.count_nonzero(~np.isnan(values)))
        if not rows:
            raise RunError(
                f"no click from {format_duration(self.history.start)} to {format_duration(self.history.end)} has a "
                f"final label of {' or '.join(self.targets)}; lengthen [stream] history"
            )
        return {head: PROBABILITY.bias(sums[head], counts[head]) for head in heads if counts[head]}


def of_clicks(clicks: ClickBatch, labels: Labels, windows: Windows, *, net: bool = False) -> Samples:
    """Return the final labels of consecutive clicks as samples, delivered when their attribution window has closed.

    Of a click that did not convert, ``refunded`` and ``gmv`` say nothing. The latest pay that is known is the first one.
    """
    samples = Samples.blank(len(clicks), clicks.features.shape[1])
    paid = labels.converted
    gmv = np.maximum(labels.gmv - labels.refund_amount, 0.0) if net else labels.gmv
    samples.row[:] = np.arange(clicks.row, clicks.row + len(clicks))
    samples.click_id[:] = clicks.click_id
    samples.click_time[:] = clicks.time
    samples.event_time[:] = clicks.time + windows.closing
    samples.visible_time[:] = samples.event_time
    samples.role[:], samples.roles = 0, (ROLE,)
    samples.revision[:] = 0
    samples.weight[:] = 1.0
    samples.converted[:] = paid
    samples.refunded[:] = np.where(paid, labels.refunded, np.nan)
    samples.gmv[:] = np.where(paid, gmv, np.nan)
    samples.pay_count[:] = labels.pay_count
    samples.previous_gmv[:] = labels.gmv
    samples.previous_time[:] = labels.first_pay
    samples.features[:] = clicks.features
    return samples
