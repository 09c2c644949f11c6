"""Where a policy puts what it delivers and the timers it sets; turns them into samples in their total order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engine.batch import At
from simulator.engine.timers import TimerBatch
from simulator.errors import PolicyError, unknown
from simulator.log.schema import Int64, Kind
from simulator.samples import CAUSE, Samples

Value = NDArray[Any] | float | bool | None


@dataclass(slots=True)
class _Delivery:
    """One call of `Outbox.deliver`: the items and what is said of them (arrays or one value for all)."""

    at: At
    role: int
    order: Int64
    values: dict[str, NDArray[Any] | float]


class Outbox:
    """Collects the deliveries and timers of one policy.

    Parameters
    ----------
    policy : key of the policy, for messages.
    carries : names and types of what its samples carry besides (`Policy.carries`).
    causes : whether samples keep what they were delivered at (`simulator.samples.CAUSE`).
    """

    def __init__(
        self, policy: str, carries: Mapping[str, str] | None = None, *, causes: bool = False
    ) -> None:
        self._policy, self._carries, self._causes = policy, carries or {}, causes
        self._roles: dict[str, int] = {}
        """Code of each role, in the order of first use."""
        self._deliveries: list[_Delivery] = []
        self._timers: list[TimerBatch] = []

    def fork(self) -> Outbox:
        """Return an empty outbox that has used the same roles."""
        twin = Outbox(self._policy, self._carries, causes=self._causes)
        twin._roles = dict(self._roles)
        return twin

    def deliver(
        self,
        at: At,
        *,
        converted: Value = None,
        refunded: Value = None,
        gmv: Value = None,
        weight: NDArray[Any] | float = 1.0,
        order: Int64 | None = None,
        role: str = "label",
        **carried: Value,
    ) -> None:
        """Deliver one sample for each item of ``at``, visible at the item's own time.

        Parameters
        ----------
        converted, refunded : targets in [0, 1] (soft ones are allowed); None or NaN where nothing is said of the task.
        gmv : amount, not negative; None or NaN where nothing is said.
        weight : weight in the loss; negative for a retraction of an earlier sample.
        order : what samples of one instant and cause are ordered by; default: the ids of events or clicks.
        role : name of what this delivery is ("negative", "delayed_positive", ...), for the learner and the report.
        carried : what the policy declares in ``carries``, each a number or one number an item; null where it is not given.

        Raises
        ------
        PolicyError : a target outside its range, a weight that is not finite, an array of the wrong length, or a name that
            is not declared.
        """
        if not len(at):
            return
        values = {
            "converted": self._checked(at, "converted", converted, 1.0),
            "refunded": self._checked(at, "refunded", refunded, 1.0),
            "gmv": self._checked(at, "gmv", gmv, np.inf),
            "weight": self._checked(at, "weight", weight, np.inf, low=-np.inf, null=False),
        }
        for name, value in carried.items():
            if name not in self._carries:
                told = unknown("column", name, self._carries)
                raise PolicyError(f"policy {self._policy!r} delivers an {told} It declares them in carries")
            values[name] = self._shaped(at, name, value)
        code = self._roles.setdefault(role, len(self._roles))
        self._deliveries.append(_Delivery(at, code, at.ids if order is None else order, values))

    def _shaped(self, at: At, name: str, value: Value) -> NDArray[Any] | float:
        if isinstance(value, np.ndarray) and value.shape != (len(at),):
            raise PolicyError(
                f"policy {self._policy!r} delivers {name} of shape {value.shape} for {len(at)} items"
            )
        return np.nan if value is None else value

    def _checked(
        self, at: At, name: str, value: Value, high: float, *, low: float = 0.0, null: bool = True
    ) -> NDArray[Any] | float:
        if value is None:
            return np.nan
        value = self._shaped(at, name, value)
        if isinstance(value, np.ndarray) and value.dtype == np.bool_:
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
        carries = {**self._carries, **CAUSE} if self._causes else self._carries
        samples = Samples.blank(total, deliveries[0].at.features.shape[1], carries)
        samples.roles = tuple(self._roles)
        for delivery, place in zip(deliveries, places, strict=True):
            _write(samples, place, delivery)
            if self._causes:
                samples.carried["cause"][place] = delivery.at.rank
                samples.carried["cause_id"][place] = delivery.order
        return samples


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
    at, journey, values = delivery.at, delivery.at.journey, delivery.values
    pay = at.rank == Kind.PAY  # the previous state of a pay is the state before it
    samples.row[place] = at.row
    samples.click_id[place] = at.click_id
    samples.click_time[place] = at.click_time
    samples.event_time[place] = at.event_time
    samples.visible_time[place] = at.time
    samples.role[place] = delivery.role
    samples.pay_count[place] = journey.pay_count
    samples.previous_gmv[place] = journey.previous_gmv if pay else journey.gmv
    samples.previous_time[place] = journey.previous_pay_time if pay else journey.last_pay_time
    samples.features[place] = at.features
    for name, value in values.items():
        samples.column(name)[place] = value
