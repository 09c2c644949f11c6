"""Where a policy puts what it delivers and the timers it sets; turns them into samples in their total order."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engine.batch import At
from simulator.engine.timers import TimerBatch
from simulator.errors import PolicyError
from simulator.log.schema import Int64, Kind
from simulator.samples import Samples, role_code

Value = NDArray[Any] | float | bool | None


@dataclass(slots=True)
class _Delivery:
    """One call of `Outbox.deliver`: the items and what is said of them (arrays or one value for all)."""

    at: At
    role: int
    order: Int64
    values: dict[str, NDArray[Any] | float]


class Outbox:
    """Collects the deliveries and timers of one policy during one tick."""

    def __init__(self, policy: str) -> None:
        self._policy = policy
        self._deliveries: list[_Delivery] = []
        self._timers: list[TimerBatch] = []

    def deliver(
        self,
        at: At,
        *,
        converted: Value = None,
        refunded: Value = None,
        gmv: Value = None,
        weight: NDArray[Any] | float = 1.0,
        evidence: Value = None,
        previous_evidence: Value = None,
        prior: Value = None,
        order: Int64 | None = None,
        role: str = "label",
    ) -> None:
        """Deliver one sample for each item of ``at``, visible at the item's own time.

        Parameters
        ----------
        converted, refunded : targets in [0, 1] (soft ones are allowed); None or NaN where nothing is said of the task.
        gmv : amount, not negative; None or NaN where nothing is said.
        weight : weight in the loss; negative for a retraction of an earlier sample.
        evidence, previous_evidence : log likelihood ratios, infinite ones included (see `simulator.samples.SCHEMA`).
        prior : log odds of a conversion as the method served them; None or NaN where they were not asked for.
        order : what samples of one instant and cause are ordered by; default: the ids of events or clicks.
        role : name of what this delivery is ("negative", "delayed_positive", ...), for the learner and the report.

        Raises
        ------
        PolicyError : a target outside its range, a weight that is not finite, or an array of the wrong length.
        """
        if not len(at):
            return
        values = {
            "converted": self._checked(at, "converted", converted, 1.0),
            "refunded": self._checked(at, "refunded", refunded, 1.0),
            "gmv": self._checked(at, "gmv", gmv, np.inf),
            "weight": self._checked(at, "weight", weight, np.inf, low=-np.inf, null=False),
            "evidence": self._ratio(at, evidence),
            "previous_evidence": self._ratio(at, previous_evidence),
            "prior": self._ratio(at, prior),
        }
        self._deliveries.append(_Delivery(at, role_code(role), at.ids if order is None else order, values))

    def _ratio(self, at: At, value: Value) -> NDArray[Any] | float:
        if isinstance(value, np.ndarray) and value.shape != (len(at),):
            raise PolicyError(
                f"policy {self._policy!r} delivers evidence of shape {value.shape} for {len(at)} items"
            )
        return np.nan if value is None else value

    def _checked(
        self, at: At, name: str, value: Value, high: float, *, low: float = 0.0, null: bool = True
    ) -> NDArray[Any] | float:
        if value is None:
            return np.nan
        if isinstance(value, np.ndarray):
            if value.shape != (len(at),):
                raise PolicyError(
                    f"policy {self._policy!r} delivers {name} of shape {value.shape} for {len(at)} items"
                )
            if value.dtype == np.bool_:
                return value
        numbers = np.asarray(value, np.float64)
        allowed = (numbers >= low) & (numbers <= high) & np.isfinite(numbers)
        if null:
            allowed |= np.isnan(numbers)
        if not allowed.all():
            wrong = float(numbers.flat[int(np.argmin(allowed))])
            span = "a finite number" if high == np.inf else f"between {low:g} and {high:g}"
            raise PolicyError(f"policy {self._policy!r} delivers {name} = {wrong}; allowed: {span}")
        return numbers if numbers.ndim else float(numbers)

    def timer(
        self, at: At, *, after: int | Int64 | None = None, until: int | Int64 | None = None, tag: int = 0
    ) -> None:
        """Set a timer for each item: ``after`` this long from the item's time, or ``until`` this instant.

        `Policy.on_timer` is called with the journeys as of that instant; ``tag`` comes back in ``at.tag``.

        Raises
        ------
        PolicyError : no whole number, due before the item itself, at the very time of the timer that sets it, or after the
            journey's lifetime.
        """
        if not len(at):
            return
        if (after is None) == (until is None):
            raise PolicyError(f"policy {self._policy!r} must give a timer either after= or until=")
        if np.asarray(until if after is None else after).dtype.kind not in "iu":
            raise PolicyError(f"policy {self._policy!r} sets a timer that is no whole number of microseconds")
        due = (
            at.time + after
            if after is not None
            else np.broadcast_to(np.asarray(until, np.int64), len(at)).copy()
        )
        if bool(np.any(due <= at.time if at.rank >= Kind.TIMER else due < at.time)):
            raise PolicyError(f"policy {self._policy!r} sets a timer that is not in the future")
        if bool(np.any(due > at.click_time + at.windows.lifetime)):
            raise PolicyError(
                f"policy {self._policy!r} sets a timer after the journey's lifetime (attribution + refund window + lateness)"
            )
        self._timers.append(TimerBatch(at.row, at.click_id, due, np.full(len(at), tag, np.int32)))

    def take_timers(self) -> TimerBatch:
        """Remove and return the timers set since the last call."""
        timers, self._timers = self._timers, []
        return TimerBatch.concatenate(timers)

    def take_samples(self) -> Samples:
        """Remove and return everything delivered, in the order (time, when the cause happened, its kind, its id); revisions
        unset.
        """
        deliveries, self._deliveries = self._deliveries, []
        sizes = [len(d.at) for d in deliveries]
        total = sum(sizes)
        if not total:
            return Samples.empty()
        places = _places(deliveries, sizes)
        samples = Samples(*(np.empty(total, c.dtype) for c in _columns_of(Samples.empty())))
        for delivery, place in zip(deliveries, places, strict=True):
            _write(samples, place, delivery)
        return samples


def _columns_of(samples: Samples) -> list[NDArray[Any]]:
    return [getattr(samples, name) for name in Samples.__dataclass_fields__]


def _places(deliveries: list[_Delivery], sizes: list[int]) -> list[Int64 | slice]:
    """Return where each delivery's samples stand once all are in total order."""
    edges = np.concatenate([[0], np.cumsum(sizes)])
    spans: list[Int64 | slice] = [slice(int(a), int(b)) for a, b in pairwise(edges)]
    time = np.concatenate([d.at.time for d in deliveries])
    if bool(np.all(time[1:] > time[:-1])):
        return spans
    rank = np.repeat([d.at.rank for d in deliveries], sizes)
    keys = [np.concatenate([d.order for d in deliveries]), rank]
    if any(d.at.late for d in deliveries):
        keys.append(np.concatenate([d.at.event_time for d in deliveries]))
    order = np.lexsort((*keys, time))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return [place[span] for span in spans]


def _write(samples: Samples, place: Int64 | slice, delivery: _Delivery) -> None:
    at, journey = delivery.at, delivery.at.journey
    pay = at.rank == Kind.PAY  # the previous state of a pay is the state before it
    samples.row[place] = at.row
    samples.click_id[place] = at.click_id
    samples.event_time[place] = at.event_time
    samples.visible_time[place] = at.time
    samples.role[place] = delivery.role
    samples.weight[place] = delivery.values["weight"]
    samples.converted[place] = delivery.values["converted"]
    samples.refunded[place] = delivery.values["refunded"]
    samples.gmv[place] = delivery.values["gmv"]
    samples.pay_count[place] = journey.pay_count
    samples.previous_gmv[place] = journey.previous_gmv if pay else journey.gmv
    samples.previous_time[place] = journey.previous_pay_time if pay else journey.last_pay_time
    samples.elapsed[place] = at.event_time - at.click_time
    samples.evidence[place] = delivery.values["evidence"]
    samples.previous_evidence[place] = delivery.values["previous_evidence"]
    samples.prior[place] = delivery.values["prior"]
