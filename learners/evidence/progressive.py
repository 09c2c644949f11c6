"""Clicks of the history with the logits of a model that had not yet learnt them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from learners.evidence.layout import DenseFields, Float32
from learners.history import Rows, batches
from learners.model import Outputs
from learners.pretrain import Pretraining, history_loss
from learners.recipes.base import Examples
from learners.recipes.cvr import ConversionRate
from simulator.log.schema import ClickBatch, Columns, EventBatch, Float64, Int64, Kind, Labels
from simulator.randomness import generator
from simulator.units import DAY, HOUR


@dataclass(slots=True)
class KnownClicks(Columns):
    """Clicks of the history whose journeys are over.

    ``click`` is their time in hours from the log's origin; ``pay`` and ``cart`` are the delays of the first pay and
    the first cart in hours, infinite where there is none. ``logit`` was said before the label was learnt.
    """

    click: Float64
    pay: Float64
    cart: Float64
    logit: Float64
    dense: Float32


class _WithJourney(ConversionRate):
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


def progressive(plan: Pretraining, fields: DenseFields, *, skipped: float, most: int) -> KnownClicks:
    """Pre-train once over the history, and return its clicks with the logits of just before each one's own step.

    The logits of a finished model would not do: it knows the labels of its history, and a net fitted on them would
    learn to trust it more than the stream can.

    Parameters
    ----------
    plan : a pre-training of the conversion rate; its model is made here and thrown away.
    skipped : share of the pass before which the logits are left out, being too raw.
    most : clicks to return at most.
    """
    model = plan.untrained()
    model.set_biases(plan.history.biases(plan.recipe))
    rows = plan.history.rows(_WithJourney())
    shuffled = batches(
        rows, plan.learner.pretrain_batch_size, generator(plan.seed, "learners", "evidence", "shuffle")
    )
    parts: list[KnownClicks] = []
    for batch in shuffled:
        listener = _Listener(history_loss(plan.recipe, batch))
        model.step(batch.features, listener)
        parts.append(_known(batch, listener.logit, fields))
    clicks = KnownClicks.concatenate(parts) if parts else _nobody(fields)
    clicks = clicks[int(skipped * len(clicks)) :]
    if len(clicks) <= most:
        return clicks
    rng = generator(plan.seed, "learners", "evidence", "clicks")
    return clicks[np.sort(rng.choice(len(clicks), most, replace=False))]


class _Listener:
    """A loss that remembers the logits it was shown: those before the step that it causes."""

    def __init__(self, loss: Callable[[Outputs], Tensor]) -> None:
        self._loss = loss
        self.logit: Float64 = np.empty(0)

    def __call__(self, outputs: Outputs) -> Tensor:
        self.logit = outputs["cvr"].detach().numpy().astype(np.float64)
        return self._loss(outputs)


def _known(batch: Rows, logit: Float64, fields: DenseFields) -> KnownClicks:
    day, hour, pay, cart = batch.inputs.astype(np.float64).T
    return KnownClicks(24 * day + hour, pay, cart, logit, fields(batch.features))


def _nobody(fields: DenseFields) -> KnownClicks:
    none = np.empty(0)
    return KnownClicks(none, none, none, none, fields(np.empty((0, 0), np.int32)))
