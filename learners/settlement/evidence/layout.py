"""What the evidence net is told of an open click, as numbers. Loads no torch.

All of it is known at the instant ``now`` that is asked about, and every number that moves with ``now`` moves
continuously, across the opening and the end of a sale too: a posterior must not jump at an instant that was known in
advance, since whoever it jumps for has shown nothing. Where many pay at one delay, silence at that delay shows
something, and the posterior falls: that step is no number here (`learners.settlement.evidence.atoms`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.calendar import Calendar
from simulator.log.schema import Columns, Feature, Float64, Int32, column_slices
from simulator.units import HOUR

Float32 = NDArray[np.float32]

FORGOTTEN = 96.0
"""Hours after its end until which a sale is the relevant one of a click; then the next one is."""
NOTICED = 264.0
"""Hours before its opening from which shoppers may be waiting for a sale."""
DEALS = ("deal_sensitivity", "deal_depth")
"""Features whose product says how much a click gains from a sale."""
DENSE = (*DEALS, "propensity", "price_level", "item_quality")
"""Features that the shipped worlds publish as ordered buckets of a score."""


@dataclass(slots=True)
class OpenClicks(Columns):
    """Clicks without a pay so far, each as of an instant of its own. Times are hours from the log's origin.

    ``cart`` is the time of the first cart, infinite where none is known by ``now``. ``logit`` is the network's own
    output for the click, ``dense`` the scores of the dense fields, shape (n, number of fields).
    """

    click: Float64
    now: Float64
    cart: Float64
    logit: Float64
    dense: Float32

    @property
    def age(self) -> Float64:
        """Hours since the click; 0 is the click itself, before whatever else happens at its instant."""
        hours: Float64 = self.now - self.click
        return hours

    def at_click(self) -> OpenClicks:
        """Return the clicks as they were at their own time."""
        nothing = np.full(len(self), np.inf)
        return OpenClicks(self.click, self.click, nothing, self.logit, self.dense)


@dataclass(frozen=True, slots=True)
class Layout:
    """Which numbers there are.

    Parameters
    ----------
    window : attribution window in hours.
    sales : opening and end of each sale in hours, in order; empty for a net without calendar.
    carts : whether carts are observed.
    fields : names of the features that are read as ordered buckets.
    """

    window: float
    sales: tuple[tuple[float, float], ...] = ()
    carts: bool = True
    fields: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Return the name of each number, in order."""
        none = np.empty(0)
        nobody = OpenClicks(none, none, none, none, np.empty((0, len(self.fields)), np.float32))
        return tuple(self._columns(nobody))

    def numbers(self, clicks: OpenClicks) -> Float32:
        """Return them, shape (number of names, n)."""
        return np.stack(list(self._columns(clicks).values())).astype(np.float32, copy=False)

    def _columns(self, clicks: OpenClicks) -> dict[str, Float32]:
        age = clicks.age.astype(np.float32)
        columns = {
            "logit": clicks.logit.astype(np.float32),
            "ln age": np.log(age + np.float32(0.03)),
            "root age": np.sqrt(age),
            "age": age / np.float32(24),
            "ln rest": np.log(np.maximum(np.float32(self.window) - age, 0) + np.float32(0.3)),
            "new": (age == 0).astype(np.float32),
            **_hours("now", clicks.now),
            **_hours("click", clicks.click),
        }
        carted = np.isfinite(clicks.cart).astype(np.float32)
        if self.carts:
            since = np.where(carted > 0, clicks.now - clicks.cart, 0).astype(np.float32)
            columns |= {
                "cart": carted,
                "cart ln since": carted * np.log(np.maximum(since, 0) + np.float32(0.05)),
                "cart root age": carted * columns["root age"],
            }
        dense = {name: np.ascontiguousarray(clicks.dense[:, k]) for k, name in enumerate(self.fields)}
        if set(DEALS) <= set(dense):
            gain = dense[DEALS[0]] + dense[DEALS[1]]
            dense["deal"] = np.log1p(np.exp(np.float32(0.8) * gain - np.float32(0.54)))
        columns |= dense
        if self.sales:
            columns |= self._calendar(clicks, dense.get("deal"))
        return columns

    def _relevant(self, click: Float64) -> tuple[Float64, Float64]:
        """Return opening and end of each click's sale: the first that is not yet forgotten; else one far away."""
        far = 1e9
        sales = np.array([*self.sales, (far, far + 24)])
        forgotten = np.maximum.accumulate(sales[:, 1] + FORGOTTEN)
        place = np.searchsorted(forgotten, click, side="right")
        return sales[place, 0], sales[place, 1]

    def _calendar(self, clicks: OpenClicks, deal: Float32 | None) -> dict[str, Float32]:
        opening, end = self._relevant(clicks.click)
        length = (end - opening).astype(np.float32)
        of_click = (clicks.click - opening).astype(np.float32)
        of_now = (clicks.now - opening).astype(np.float32)
        before = ((of_click > -NOTICED) & (of_click < 0)).astype(np.float32)
        during = ((of_click >= 0) & (of_click < length)).astype(np.float32)
        after = ((of_click >= length) & (of_click < length + FORGOTTEN)).astype(np.float32)
        window = np.float32(self.window)
        gone = np.clip(of_now, 0, length)
        rest = np.clip(np.minimum(length, of_click + window) - np.maximum(of_now, 0), 0, length)
        early = np.minimum(of_now, 0)
        times = {
            "gone": gone / length,
            "gone .7": 1 - _decay(gone, 0.7),
            "gone 6": 1 - _decay(gone, 6),
            "rest": rest / length,
            "rest 6": 1 - _decay(rest, 6),
        }
        inside = before * (1 - _decay(np.clip(of_click + window, 0, length), 6))
        columns = {
            "before": before,
            "before 33": before * _decay(-np.minimum(of_click, 0), 33.6),
            "before 8": before * _decay(-np.minimum(of_click, 0), 8),
            "during": during,
            "during 4": during * _decay(np.clip(of_click, 0, length), 4),
            "during last 4": during * _decay(np.clip(length - of_click, 0, length), 4),
            "after 29": after * _decay(np.maximum(of_click - length, 0), 29),
            "reaches": inside,
            "over 29": (before + during) * (1 - _decay(np.maximum(of_now - length, 0), 29)),
            "nearing 33": before * _decay(-early, 33.6) * times["rest 6"],
            "nearing 6": before * _decay(-early, 6) * times["rest 6"],
        }
        for name, values in times.items():
            columns[f"before {name}"] = before * values
            columns[f"during {name}"] = during * values
        if deal is not None:
            columns |= {
                "deal rest": deal * times["rest"],
                "deal gone": deal * times["gone"],
                "deal during": deal * during,
            }
        if self.carts:
            ahead = np.where(np.isfinite(clicks.cart), opening - clicks.cart, 0).astype(np.float32)
            waiting = before * (ahead > 0)
            near = waiting * _decay(np.maximum(ahead, 0), 33.6)
            for name, kept in (("carted before", waiting), ("carted near", near)):
                columns |= {
                    name: kept,
                    f"{name} reaches": kept * inside,
                    f"{name} rest 6": kept * times["rest 6"],
                    f"{name} reaches gone .7": kept * inside * times["gone .7"],
                }
            columns["carted near reaches gone 6"] = near * inside * times["gone 6"]
            columns["carted near reaches gone"] = near * inside * times["gone"]
        return columns


def _decay(time: Float32, scale: float) -> Float32:
    decayed: Float32 = np.exp(time * np.float32(-1 / scale))
    return decayed


def _hours(name: str, time: Float64) -> dict[str, Float32]:
    angle = (np.fmod(time, 24) * (np.pi / 12)).astype(np.float32)
    return {f"{name} sin": np.sin(angle), f"{name} cos": np.cos(angle)}


def sales_of(calendar: Calendar) -> tuple[tuple[float, float], ...]:
    """Return opening and end of every promotion, in hours."""
    return tuple((p.start / HOUR, p.end / HOUR) for p in calendar.promotions)


class DenseFields:
    """Reads ordered buckets as scores: the normal score of the middle of each bucket's share.

    Parameters
    ----------
    features : all features of the log.
    names : those that are read; none of them of tags.
    """

    def __init__(self, features: Sequence[Feature], names: Sequence[str]) -> None:
        known = {f.name: (f, part.start) for f, part in zip(features, column_slices(features), strict=True)}
        self._places = [known[name][1] for name in names]
        self._scores = [_scores(known[name][0].cardinality) for name in names]

    def __call__(self, features: Int32) -> Float32:
        """Return the scores of clicks, shape (n, number of names); ``features`` has shape (n, all columns)."""
        scores = [table[features[:, k]] for k, table in zip(self._places, self._scores, strict=True)]
        return np.stack(scores, axis=1) if scores else np.empty((len(features), 0), np.float32)


def _scores(buckets: int) -> Float32:
    # The logistic stands for the normal distribution, as in `simulator.worlds.population.bucket`.
    share = (np.arange(buckets) + 0.5) / buckets
    return (np.log(share / (1 - share)) / 1.702).astype(np.float32)
