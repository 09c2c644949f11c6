"""Final labels as samples: what pre-training by a method's own objective and the offline protocol learn from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from learners.carts import Carts
from learners.heads import PROBABILITY
from learners.history import History
from simulator.errors import RunError
from simulator.learning import Clicks
from simulator.log.schema import (
    Bool,
    ClickBatch,
    Float64,
    ImpressionBatch,
    ImpressionLabels,
    Int32,
    Int64,
    Labels,
)
from simulator.pieces import RowQueue, TimeQueue
from simulator.policies.base import Heard
from simulator.prepromotion import OUTCOMES, PrePromotion
from simulator.samples import Samples
from simulator.units import format_duration
from simulator.windows import Windows

ROLE = "final"
RATES: Mapping[str, Callable[[Samples], Float64]] = MappingProxyType(
    {
        "ctr": lambda samples: samples.column("clicked"),
        "cvr": lambda samples: _of_clicks(samples, samples.converted),
        "rfr": lambda samples: samples.refunded,
        "cvrfr": lambda samples: np.where(samples.converted == 0, 0.0, samples.refunded),
        "cart": lambda samples: _of_clicks(samples, samples.column("carted")),
        "ctcvr": lambda samples: np.where(np.isnan(samples.column("clicked")), np.nan, samples.converted),
        "cvr_carted": lambda samples: np.where(samples.column("carted") == 1, samples.converted, np.nan),
        "cvr_uncarted": lambda samples: _of_clicks(
            samples, np.where(samples.column("carted") == 0, samples.converted, np.nan)
        ),
        "delay": lambda samples: samples.column("delayed"),
        "treated": lambda samples: np.where(
            samples.column("same_day_cart") == 1, samples.column("delayed"), np.nan
        ),
        "untreated": lambda samples: np.where(
            samples.column("same_day_cart") == 0, samples.column("delayed"), np.nan
        ),
    }
)
"""Heads whose output is the logit of a rate, and the label whose mean it is: they can start at their base rate."""
Kept = Callable[[Int64], Bool]
"""Which of the rows of a log are meant, given their positions in it."""


@dataclass(frozen=True, slots=True)
class Finals:
    """The final labels of a span of a log, one sample a click; an impression, where ``clicked`` is learnt from.

    Parameters
    ----------
    targets : what is learnt from; samples that are null in all of them are left out.
    net : whether the GMV is what stays after refunds.
    which : of impressions, those that are ordinary; or with them the randomised slice, which alone tells of conversions
        then; or with what would have come of the clicks that were not made (`simulator.policies.Policy.impressions`).
    """

    history: History
    targets: Sequence[str]
    net: bool = False
    which: Heard = "impressions"

    @property
    def what(self) -> str:
        """What a row is: an impression, or a click."""
        return "impression" if "clicked" in self.targets else "click"

    def samples(self, kept: Kept | None = None, *, features: bool = True) -> Iterator[Samples]:
        """Yield samples in replay order, of all rows or of those ``kept``."""
        for rows, samples in self._samples(features=features):
            told = np.zeros(len(samples), np.bool_)
            for target in self.targets:
                told |= ~np.isnan(samples.column(target))
            if kept is not None:
                told &= kept(rows)
            if told.any():
                yield samples[told]

    def labelled(self, kept: Kept | None = None, *, features: bool = True) -> Iterator[tuple[Clicks, Labels]]:
        """Yield what can be asked a learner, and its final labels, of all rows or of those ``kept``."""
        for clicks, labels in self._labelled(features=features):
            mine = slice(None) if kept is None else kept(clicks.row)
            if len(clicks.row[mine]):
                yield clicks[mine], labels[mine]

    def biases(self, among: Collection[str], kept: Kept | None = None) -> dict[str, float]:
        """Return where heads start whose output is the logit of a known target's mean; reads no features.

        Raises
        ------
        RunError : nothing can be learnt from the span.
        """
        heads = {head: label for head, label in RATES.items() if head in among}
        sums, counts = dict.fromkeys(heads, 0.0), dict.fromkeys(heads, 0)
        rows = 0
        for samples in self.samples(kept, features=False):
            rows += len(samples)
            for head, label in heads.items():
                values = label(samples)
                sums[head] += float(np.nansum(values))
                counts[head] += int(np.count_nonzero(~np.isnan(values)))
        if not rows:
            raise RunError(
                f"no {self.what} from {format_duration(self.history.start)} to {format_duration(self.history.end)} has a "
                f"final label of {' or '.join(self.targets)}; lengthen [stream] history"
            )
        return {head: PROBABILITY.bias(sums[head], counts[head]) for head in heads if counts[head]}

    def _samples(self, *, features: bool) -> Iterator[tuple[Int64, Samples]]:
        carts = Carts.of(self.history) if "carted" in self.targets else None
        for rows, samples in self._labels(features=features):
            if carts is not None:
                samples.carried["carted"] = carts.labels(samples)
            yield rows, samples

    def _labels(self, *, features: bool) -> Iterator[tuple[Int64, Samples]]:
        own = self.history
        before = PrePromotion(own.calendar) if set(OUTCOMES) & set(self.targets) else None
        if self.what == "click":
            for clicks, labels in own.log.labelled(own.windows, own.start, own.end, features=features):
                samples = of_clicks(clicks, labels, own.windows, net=self.net)
                if before is not None:
                    samples.carried |= before.outcomes(clicks.time, labels.first_pay, labels.first_cart)
                yield samples.row, samples
            return
        truth = RowQueue("exposure", own.log.exposure(own.start))
        drawn = TimeQueue(own.log.impressions(own.start, own.end, features=features, which="slice"))
        for shown, final in own.log.exposed(own.windows, own.start, own.end, features=features):
            samples = of_impressions(shown, final, own.windows, net=self.net)
            if self.which == "potential":
                would_pay = truth.of(shown.rows)["would_pay"]
                truth.drop(int(shown.rows[-1]))
                samples.converted = np.where(final.clicked, samples.converted, would_pay)
            if self.which == "slice":
                for name in ("converted", "refunded", "gmv"):
                    getattr(samples, name)[final.clicked] = np.nan
                parts = drawn.take(int(shown.time[-1]) + 1)
                samples = Samples.concatenate([samples, *(of_slice(part, own.windows) for part in parts)])
            yield samples.column("impression").astype(np.int64), samples

    def _labelled(self, *, features: bool) -> Iterator[tuple[Clicks, Labels]]:
        own = self.history
        if self.what == "click":
            for clicks, labels in own.log.labelled(own.windows, own.start, own.end, features=features):
                yield (
                    Clicks(np.arange(clicks.row, clicks.row + len(clicks)), clicks.time, clicks.features),
                    labels,
                )
            return
        for shown, final in own.log.exposed(own.windows, own.start, own.end, features=features):
            yield Clicks(shown.rows, shown.time, shown.features), final


def _of_clicks(samples: Samples, label: Float64) -> Float64:
    """Return a label without what is said of impressions that nobody clicked."""
    return np.where(samples.column("clicked") != 0, label, np.nan)


def of_clicks(clicks: ClickBatch, labels: Labels, windows: Windows, *, net: bool = False) -> Samples:
    """Return the final labels of consecutive clicks as samples, delivered when their attribution window has closed.

    Of a click that did not convert, ``refunded`` and ``gmv`` say nothing. The latest pay that is known is the first one.
    """
    samples = Samples.blank(len(clicks), clicks.features.shape[1])
    samples.row[:] = np.arange(clicks.row, clicks.row + len(clicks))
    samples.click_id[:] = clicks.click_id
    samples.click_time[:] = clicks.time
    samples.event_time[:] = clicks.time + windows.closing
    return _labelled(samples, labels, clicks.features, net=net)


def of_impressions(
    shown: ImpressionBatch, labels: ImpressionLabels, windows: Windows, *, net: bool = False
) -> Samples:
    """Return the final labels of impressions as samples: whether each was clicked, and those of its click.

    What nobody clicked did not convert, and is delivered when its click window has closed; its click is none (-1), at the
    time of the impression.
    """
    carries = {"clicked": "float64", "impression": "float64"}
    samples = Samples.blank(len(shown), shown.features.shape[1], carries)
    samples.row[:] = np.where(labels.clicked, shown.click_row, -1)
    samples.click_id[:] = -1
    samples.click_time[:] = np.where(labels.clicked, shown.click_time, shown.time)
    samples.event_time[:] = samples.click_time + np.where(labels.clicked, windows.closing, windows.click)
    samples.carried["clicked"][:] = labels.clicked
    samples.carried["impression"][:] = shown.rows
    return _labelled(samples, labels, shown.features, net=net)


def of_slice(shown: ImpressionBatch, windows: Windows) -> Samples:
    """Return what came of the clicks of the randomised slice as samples: of the click itself, a coin's, they say nothing."""
    shown = shown[shown.coin == 1]
    n = len(shown)
    labels = {name: np.zeros(n, kind) for name, kind in ImpressionLabels.types().items()}
    labels["converted"] = shown.paid == 1
    samples = of_impressions(shown, ImpressionLabels(**labels), windows)
    samples.event_time[:] = samples.visible_time[:] = shown.time + windows.click + windows.closing
    for values in (samples.carried["clicked"], samples.refunded, samples.gmv):
        values[:] = np.nan
    return samples


def _labelled(samples: Samples, labels: Labels, features: Int32, *, net: bool) -> Samples:
    """Write what clicks and impressions have in common."""
    paid = labels.converted
    gmv = np.maximum(labels.gmv - labels.refund_amount, 0.0) if net else labels.gmv
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
    samples.features[:] = features
    return samples
