"""Generate a synthetic marketplace as a log: clicks, events, and the truth about every click."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulator.log.meta import Meta
from simulator.log.schema import Feature, Float64, Int32, Int64, Kind
from simulator.log.writer import LogWriter
from simulator.units import DAY, HOUR, format_duration
from simulator.windows import Windows
from simulator.worlds.affinity import DayMarket, Visit
from simulator.worlds.arrivals import Arrivals
from simulator.worlds.constants import ORIGIN
from simulator.worlds.following import Following
from simulator.worlds.impressions import EXPOSURE, LONGEST_LAG, Clicked, Impressions, Ordered, Shown
from simulator.worlds.journeys import Events
from simulator.worlds.levels import Levels, Reach, solve_levels
from simulator.worlds.mechanism import Mechanism
from simulator.worlds.population import Market, Users
from simulator.worlds.settings import WorldSettings
from simulator.worlds.truth import truth_columns

GENERATOR_VERSION = 4
"""Raised whenever the same settings and seed give another world."""


@dataclass(slots=True)
class WorldDay:
    """One day of a world: its clicks in order, and all events that will follow them."""

    day: int
    time: Int64
    user_id: Int64
    item_id: Int64
    features: Int32
    """Shape (features, n)."""
    truth: dict[str, Float64]
    eta: Float64
    """Log-hazard of paying; never written."""
    events: Events
    shown: Iterator[Shown] | None = None
    """What was shown, hour by hour of the click that came or would have come, where the world is asked for it; to be taken
    before the next day is.
    """


class World:
    """A marketplace ready to be lived through, day by day.

    Users, items, arrivals and draws of a day depend on the seed and that day alone; the base levels
    (`Levels`) are solved on all days, promotions left out.
    """

    def __init__(self, settings: WorldSettings, windows: Windows, observation: int | None, seed: int) -> None:
        self.settings, self.seed = settings, seed
        self._market = Market(settings, seed)
        self._users = Users(settings, self._market, seed)
        ordinary = Mechanism(settings, windows, observation, ordinary=True)
        self.levels: Levels = solve_levels(settings, self._fresh(), _reach(ordinary), seed)
        self.following = Following(settings, windows, observation, self.levels, seed)
        self.mechanism = self.following.mechanism
        self.impressions: Impressions | None = None
        if settings.impressions:
            self.impressions = Impressions(settings, self.following, self._fresh(), seed)

    def _fresh(self) -> DayMarket:
        return DayMarket(self.settings, self._market, self._users, self.seed)

    def days(self, *, truth: bool = True) -> Iterator[WorldDay]:
        """Yield the days in order; memory holds one of them. Without ``truth`` its columns are left out."""
        first = 0
        for day, arrivals, visit, market in self.visits():
            yield self._live(market, day, arrivals, visit, first, truth=truth)
            first += len(arrivals)

    def visits(self) -> Iterator[tuple[int, Arrivals, Visit, DayMarket]]:
        """Yield the clicks of each day and the market as it is on that day; nothing has followed them yet."""
        market, mechanism = self._fresh(), self.mechanism
        for day in range(self.settings.days):
            arrivals = Arrivals(self.settings, mechanism.schedule, self.seed, day)
            visit = market.visit(arrivals, mechanism.schedule.taste[arrivals.time // HOUR])
            if mechanism.hidden.active:
                visit.hidden = mechanism.hidden.of_clicks(arrivals.uniform("hidden"))
            yield day, arrivals, visit, market
            market.advance()

    def _live(
        self, market: DayMarket, day: int, arrivals: Arrivals, visit: Visit, first: int, *, truth: bool
    ) -> WorldDay:
        visit.spending = visit.spending + self.levels.amount
        item, level = market.items.id[visit.slot], market.items.level[visit.slot]
        columns, events = self.following.live(day, arrivals, visit, item, level, truth=truth)
        shown = None
        if truth and self.impressions is not None:
            # No journey has a pay after the attribution window.
            paid = np.zeros(len(arrivals), bool)
            paid[events.row[events.kind == Kind.PAY]] = True
            shown = self.impressions.hours(market, Clicked(arrivals, visit, columns["p_pay"], paid, first))
        return WorldDay(
            day,
            arrivals.time,
            visit.user,
            item,
            visit.features,
            columns,
            self.levels.pay + visit.eta,
            events,
            shown,
        )


def _reach(ordinary: Mechanism) -> Reach:
    """Integrated unit hazards of the world without promotions."""

    def pay(time: Int64, profile: Float64) -> Float64:
        hours = time / HOUR
        mass = ordinary.pay.common.mass(hours, np.full(len(hours), ordinary.attribution))
        total: Float64 = (profile * mass).sum(0)
        return total

    def cart(time: Int64) -> Float64:
        return ordinary.cart.mass(time / HOUR, np.full(len(time), ordinary.attribution))

    refund = ordinary.refund.mass(np.zeros(1), np.full(1, ordinary.refund_window))
    return Reach(pay, cart, float(refund[0]))


class _Pending:
    """Events that are still to come, by the day on which they do."""

    def __init__(self) -> None:
        self._days: dict[int, list[Events]] = {}

    def add(self, events: Events, first_row: int) -> None:
        """Keep a day's events; they are in order of time."""
        events.row = events.row + first_row
        day = events.time // DAY
        for number in np.unique(day):
            low, high = np.searchsorted(day, [number, number + 1])
            self._days.setdefault(int(number), []).append(events[low:high])

    def take(self, day: int) -> Events | None:
        """Hand out the events of a day, in order."""
        parts = self._days.pop(day, None)
        return None if parts is None else Events.join(parts)

    def last_day(self) -> int:
        return max(self._days, default=-1)


def generate(
    settings: WorldSettings,
    windows: Windows,
    observation: int | None,
    seed: int,
    out: Path,
    *,
    progress: Callable[[float], None] | None = None,
) -> Meta:
    """Write a world as a log with truth to ``out``, which must not exist.

    Journeys are complete: events go on until the last click's windows have closed, which is what
    ``observed_until`` says.

    Parameters
    ----------
    observation : the waiting window of `truth.OBSERVED`, microseconds; None leaves those columns out
        (`observed.with_observed` adds them).
    progress : told the finished share after each day.
    """
    features = [Feature(name, size) for name, size in settings.sizes().items()]
    provenance = {
        "format": "world",
        "generator": GENERATOR_VERSION,
        "seed": seed,
        "settings": settings.model_dump_json(),
        "windows": {
            "attribution": format_duration(windows.attribution),
            "refund": format_duration(windows.refund),
            **({} if observation is None else {"observation": format_duration(observation)}),
        },
    }
    world = World(settings, windows, observation, seed)
    with LogWriter(
        out,
        name="world",
        origin=ORIGIN,
        features=features,
        truth=truth_columns(settings, observed=observation is not None),
        exposure=EXPOSURE if settings.impressions else (),
        provenance=provenance,
    ) as writer:
        pending, last_click = _Pending(), 0
        ordered = Ordered(LONGEST_LAG * settings.exposure.lag)
        for day in world.days():
            first = writer.clicks(
                time=day.time,
                user_id=day.user_id,
                item_id=day.item_id,
                features=day.features.T,
                truth=day.truth,
            )
            for hour, shown in enumerate(day.shown or (), start=24 * day.day):
                ordered.take(shown, hour).given_to(writer)
            pending.add(day.events, first)
            last_click = int(day.time[-1]) if len(day.time) else last_click
            _write(writer, pending.take(day.day))
            if progress:
                progress((day.day + 1) / settings.days)
        for number in range(settings.days, pending.last_day() + 1):
            _write(writer, pending.take(number))
        for shown in ordered.rest():
            shown.given_to(writer)
        return writer.close(last_click + windows.lifetime)


def _write(writer: LogWriter, events: Events | None) -> None:
    if events is not None and len(events):
        writer.events(row=events.row, time=events.time, kind=events.kind, amount=events.amount)
