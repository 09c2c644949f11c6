"""Clicks of the history with the logits of a model that had not yet learnt them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from learners.history import Rows, batches
from learners.model import Outputs
from learners.pretrain import Pretraining, history_loss
from learners.settlement.evidence.layout import DenseFields, Float32
from learners.start import Recipe
from learners.start.base import Examples
from learners.start.cascade import CascadeRates
from learners.start.cvr import ConversionRate
from simulator.log.schema import ClickBatch, Columns, EventBatch, Float64, Int64, Kind, Labels
from simulator.randomness import generator
from simulator.units import DAY, HOUR


@dataclass(slots=True)
class KnownClicks(Columns):
    """Clicks of the history whose journeys are over.

    ``click`` is their time in hours from the log's origin; ``pay`` and ``cart`` are the delays of the first pay and
    the first cart in hours, infinite where there is none. ``logit`` was said before the label was learnt. Where it is
    the refund stage that is learnt, the pay stands for the click and the refund for the pay, and there are no carts.
    """

    click: Float64
    pay: Float64
    cart: Float64
    logit: Float64
    dense: Float32


class WithJourney(ConversionRate):
    """The conversion label, with what happened in the journey beside it."""

    inputs = ("day", "hour", "pay", "cart")
    uses_events = True

    def examples(self, clicks: ClickBatch, labels: Labels, events: EventBatch) -> Examples:
        pay = np.where(labels.converted, (labels.first_pay - clicks.time) / HOUR, np.inf)
        carted = events[events.kind == Kind.CART]
        place: Int64
        place, first = np.unique(carted.row - clicks.row, return_index=True)
        cart = np.full(len(clicks), np.inf)
        cart[place] = (carted.time[first] - clicks.time[place]) / HOUR
        # Hours of a long log would not fit single precision: day and hour do.
        day, hour = clicks.time // DAY, clicks.time % DAY / HOUR
        return Examples(self.targets(clicks, labels), inputs=np.stack([day, hour, pay, cart], axis=1))


class _WithRefund(CascadeRates):
    """The labels of both stages; beside them when the click paid, and how long after it the refund came."""

    inputs = ("day", "hour", "refund", "cart")

    as_of_click: bool = False
    """Give the time of the click, not of the pay."""

    def examples(self, clicks: ClickBatch, labels: Labels, events: EventBatch) -> Examples:
        pay = np.where(labels.converted, labels.first_pay, 0)
        refund = np.where(labels.refunded, (labels.first_refund - pay) / HOUR, np.inf)
        told = clicks.time if self.as_of_click else pay
        numbers = [told // DAY, told % DAY / HOUR, refund, np.full(len(clicks), np.inf)]
        return Examples(self.targets(clicks, labels), inputs=np.stack(numbers, axis=1))


def progressive(
    plan: Pretraining, fields: DenseFields, *, skipped: float, most: int, as_of_click: bool = False
) -> KnownClicks:
    """Pre-train once over the history, and return its clicks with the logits of just before each one's own step.

    The logits of a finished model would not do: it knows the labels of its history, and a net fitted on them would
    learn to trust it more than the stream can.

    Parameters
    ----------
    plan : a pre-training of the conversion rate, or of the cascade: then it is the pays of the history that are
        returned, with logits of the refund rate. Its model is made here and thrown away.
    skipped : share of the pass before which the logits are left out, being too raw.
    most : clicks to return at most.
    as_of_click : of the cascade, return the clicks of those pays.
    """
    refunds = "rfr" in plan.recipe.heads
    parts: list[KnownClicks] = []
    for batch, logit in _surprised(plan, _WithRefund(as_of_click=as_of_click) if refunds else WithJourney()):
        known = _known(batch, logit, fields)
        parts.append(known[~np.isnan(batch.targets[:, -1])] if refunds else known)
    clicks = KnownClicks.concatenate(parts) if parts else _nobody(fields)
    clicks = clicks[int(skipped * len(clicks)) :]
    if len(clicks) <= most:
        return clicks
    rng = generator(plan.seed, "learners", "evidence", "clicks")
    return clicks[np.sort(rng.choice(len(clicks), most, replace=False))]


def _surprised(plan: Pretraining, recipe: Recipe) -> Iterator[tuple[Rows, Float64]]:
    """Pre-train once over the history, and yield its batches with the logits of just before each one's own step.

    ``recipe`` says what the batches hold beside the targets of the plan's own.
    """
    model = plan.untrained()
    model.set_biases(plan.history.biases(plan.recipe))
    rng = generator(plan.seed, "learners", "evidence", "shuffle")
    for batch in batches(plan.history.rows(recipe), plan.learner.pretrain_batch_size, rng):
        listener = _Listener(history_loss(plan.recipe, batch), "rfr" if "rfr" in plan.recipe.heads else "cvr")
        model.step(batch.features, listener)
        yield batch, listener.logit


class _Listener:
    """A loss that remembers the logits it was shown: those before the step that it causes."""

    def __init__(self, loss: Callable[[Outputs], Tensor], head: str) -> None:
        self._loss, self._head = loss, head
        self.logit: Float64 = np.empty(0)

    def __call__(self, outputs: Outputs) -> Tensor:
        self.logit = outputs[self._head].detach().numpy().astype(np.float64)
        return self._loss(outputs)


def _known(batch: Rows, logit: Float64, fields: DenseFields) -> KnownClicks:
    day, hour, pay, cart = batch.inputs.astype(np.float64).T
    return KnownClicks(24 * day + hour, pay, cart, logit, fields(batch.features))


def _nobody(fields: DenseFields) -> KnownClicks:
    none = np.empty(0)
    return KnownClicks(none, none, none, none, fields(np.empty((0, 0), np.int32)))
