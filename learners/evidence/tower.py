"""What single features mean in a promotion: a first-order term, learnt on an earlier one, and on in the stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from learners.evidence.progressive import WithJourney, surprised
from learners.offsets.base import KnownOffset, Served
from learners.pretrain import Pretraining
from simulator.calendar import Calendar
from simulator.learning import Clicks
from simulator.log.schema import Bool, Feature, Float64, Int32, Int64, column_slices
from simulator.units import DAY, HOUR

EPSILON = 1e-10
BATCH = 512
"""Clicks of a step on the history."""


class Tower(KnownOffset):
    """The sum over features j of v[j, x_j], for clicks in a promotion; learnt by Adagrad.

    Tastes shift in a promotion, and shift back: what its clicks teach a network is wrong the day after. This keeps a part
    of it apart, where the next promotion finds it.

    Parameters
    ----------
    features : all features of the log.
    largest : those of at most so many categories are read (tags are not).
    calendar : the promotions.
    rate : of the steps in the stream.
    head : output that is moved.
    """

    adapts = True

    def __init__(
        self,
        features: Sequence[Feature],
        largest: int,
        calendar: Calendar,
        rate: float,
        head: str = "cvr",
    ) -> None:
        self.calendar, self._rate, self._head = calendar, rate, head
        read = [
            (part.start, feature.cardinality)
            for feature, part in zip(features, column_slices(features), strict=True)
            if feature.cardinality <= largest and not feature.tags
        ]
        self._columns, sizes = [column for column, _ in read], [size for _, size in read]
        self._begin = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])
        total = int(self._begin[-1])
        self._weight, self._squares, self._served = np.zeros(total), np.zeros(total), np.zeros(total)

    def __call__(self, clicks: Clicks) -> Mapping[str, Float64]:
        return {self._head: self._sums(clicks, self._served)}

    def training(self, clicks: Clicks) -> Mapping[str, Float64]:
        return {self._head: self._sums(clicks, self._weight)}

    def learn(self, clicks: Clicks, slopes: Mapping[str, Float64]) -> None:
        self.step(clicks, slopes[self._head], self._rate)

    def step(self, clicks: Clicks, slope: Float64, rate: float) -> None:
        """Take an Adagrad step by the loss's slope in each click's term."""
        inside = self._inside(clicks)
        if not inside.any():
            return
        places = self._places(clicks.features[inside])
        each = np.repeat(slope[inside], len(self._columns))
        total = np.bincount(places.ravel(), each, minlength=len(self._weight))
        self._squares += total**2
        self._weight -= rate * total / (np.sqrt(self._squares) + EPSILON)

    def publish(self, served: Served) -> None:  # noqa: ARG002
        self._served = self._weight.copy()

    def _inside(self, clicks: Clicks) -> Bool:
        inside: Bool = self.calendar.around(clicks.time) == 1
        return inside

    def _places(self, features: Int32) -> Int64:
        places: Int64 = features[:, self._columns] + self._begin[:-1]
        return places

    def _sums(self, clicks: Clicks, weight: Float64) -> Float64:
        sums, inside = np.zeros(len(clicks)), self._inside(clicks)
        sums[inside] = weight[self._places(clicks.features[inside])].sum(axis=1)
        return sums

    def state_dict(self) -> dict[str, Any]:
        arrays = {"weight": self._weight, "squares": self._squares, "served": self._served}
        return {name: torch.from_numpy(values.copy()) for name, values in arrays.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if len(state["weight"]) != len(self._weight):
            raise ValueError(f"the state has {len(state['weight'])} weights, not {len(self._weight)}")
        self._weight, self._squares, self._served = (
            state[name].numpy().copy() for name in ("weight", "squares", "served")
        )


def learnt_before(
    tower: Tower, plan: Pretraining, known: KnownOffset, *, skipped: float, rate: float
) -> None:
    """Teach a tower the promotions of the history, in one pass over logits that did not know their labels.

    Parameters
    ----------
    plan : a pre-training of the conversion rate; its model is made here and thrown away.
    known : what is added to those logits besides.
    skipped : share of the pass before which the logits are too raw.
    rate : of the Adagrad steps.
    """
    clicks, logits, labels, seen = [], [], [], []
    total = 0
    for batch, logit in surprised(plan, WithJourney()):
        time = (batch.inputs[:, 0].astype(np.float64) * DAY + batch.inputs[:, 1] * HOUR).astype(np.int64)
        inside = np.flatnonzero(tower.calendar.around(time) == 1)
        clicks.append(Clicks(inside, time[inside], batch.features[inside]))
        logits.append(logit[inside])
        labels.append(np.isfinite(batch.inputs[inside, 2]))
        seen.append(total + inside)
        total += len(logit)
    if not total:
        return
    late = np.concatenate(seen) >= skipped * total
    everyone = Clicks.concatenate(clicks)[late]
    logit, label = np.concatenate(logits)[late], np.concatenate(labels)[late]
    for begin in range(0, len(everyone), BATCH):
        part = slice(begin, begin + BATCH)
        some = everyone[part]
        z = logit[part] + known(some)["cvr"] + tower.training(some)["cvr"]
        tower.step(some, (1 / (1 + np.exp(-z)) - label[part]) / len(some), rate)
