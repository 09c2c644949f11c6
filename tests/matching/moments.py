"""Moments of a world that was lived through, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.log.schema import Bool, Float64, Int64, Kind
from simulator.scenario.model import WindowsBlock
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from simulator.worlds.generate import World, WorldDay
from simulator.worlds.presets import WINDOWS
from simulator.worlds.settings import WorldSettings

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Lived:
    """What came of every click; times in hours, ``inf`` where nothing did."""

    clock: Float64
    """Time of day of the click."""
    user: Int64
    item: Int64
    first_pay: Float64
    """From the click to the first pay."""
    refund: Float64
    """From the first pay to its refund."""
    pays: Int64
    gmv: Float64
    later_click: Int64
    """Click of each pay after the first."""
    later_wait: Float64
    """From the click to that pay."""

    @property
    def paid(self) -> Bool:
        """Whether anything was paid."""
        return np.isfinite(self.first_pay)


def windows_of(preset: str) -> Windows:
    """Return the windows under which a preset's facts were measured."""
    return WindowsBlock.model_validate(WINDOWS[preset]).windows()


def world(preset: str, seed: int, tables: Mapping[str, Any]) -> World:
    """Return a world of the preset with ``tables`` written over it."""
    settings = WorldSettings.model_validate({"preset": preset, **tables})
    return World(settings, windows_of(preset), 864_000_000, seed)


def live(one: World) -> Lived:
    """Live through a world; put its days together."""
    parts = [_lived(day) for day in one.days(truth=False)]
    columns: dict[str, Any] = {}
    first = np.cumsum([0, *(len(part.clock) for part in parts)])
    for name in Lived.__slots__:
        shift = first if name == "later_click" else np.zeros(len(parts) + 1, np.int64)
        columns[name] = np.concatenate(
            [getattr(part, name) + (int(s) if s else 0) for part, s in zip(parts, shift, strict=False)]
        )
    return Lived(**columns)


def _lived(day: WorldDay) -> Lived:
    events, n = day.events, len(day.time)
    pay, back = events.kind == Kind.PAY, events.kind == Kind.REFUND
    first, refund = np.full(n, NEVER), np.full(n, np.inf)
    np.minimum.at(first, events.row[pay], events.time[pay])
    refund[events.row[back]] = (events.time[back] - first[events.row[back]]) / HOUR
    paid = first < NEVER
    wait = np.full(n, np.inf)
    wait[paid] = (first[paid] - day.time[paid]) / HOUR
    order = np.arange(len(events.row))
    lead = np.full(n, NEVER)
    np.minimum.at(lead, events.row[pay], order[pay])
    later = pay & (order != lead[events.row])
    row = events.row[later]
    return Lived(
        day.time % DAY / HOUR,
        day.user_id,
        day.item_id,
        wait,
        refund,
        np.bincount(events.row[pay], minlength=n).astype(np.int64),
        np.bincount(events.row[pay], events.amount[pay], minlength=n).astype(np.float64),
        row,
        (events.time[later] - day.time[row]) / HOUR,
    )


def within(wait: Float64, ages: Sequence[float]) -> Float64:
    """Return the share of finite waits that are at most so many hours."""
    finite = np.sort(wait[np.isfinite(wait)])
    shares: Float64 = np.searchsorted(finite, ages, side="right") / max(len(finite), 1)
    return shares


def by_rate(
    who: Int64, happened: Bool, value: Float64, edges: Sequence[float], counted: Bool | None = None
) -> Float64:
    """Return the mean of ``value`` where something happened, by the empirical rate of ``who`` it happened to.

    ``counted`` says which rows the rate is taken over (all, unless given).
    """
    counted = np.ones(len(who), bool) if counted is None else counted
    _, group = np.unique(who, return_inverse=True)
    trials = np.bincount(group, counted)
    rate = np.bincount(group, counted & happened) / np.maximum(trials, 1)
    place = np.clip(np.searchsorted(edges, rate, side="right") - 1, 0, len(edges) - 2)
    use = counted & happened
    number = np.bincount(place[group[use]], minlength=len(edges) - 1)
    total = np.bincount(place[group[use]], value[use], minlength=len(edges) - 1)
    mean: Float64 = total / np.maximum(number, 1)
    return mean
