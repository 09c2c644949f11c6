"""What follows clicks, and what is true of it: each by the mechanism of the promotions that its item takes part in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from simulator.log.schema import Float64, Int64
from simulator.units import HOUR
from simulator.windows import Windows
from simulator.worlds.affinity import Visit
from simulator.worlds.arrivals import Arrivals, Some
from simulator.worlds.delayed import potential_outcomes
from simulator.worlds.journeys import Events, Journeys
from simulator.worlds.levels import Levels, cart_level, refund_by_item
from simulator.worlds.mechanism import Mechanism
from simulator.worlds.participation import Participation
from simulator.worlds.paying import pay_by_intent
from simulator.worlds.settings import WorldSettings
from simulator.worlds.truth import Truth

Columns = dict[str, Float64]


class Following:
    """Journeys and truth of a world's clicks. ``mechanism`` and ``truth`` are those of items that take part everywhere."""

    def __init__(
        self, settings: WorldSettings, windows: Windows, observation: int | None, levels: Levels, seed: int
    ) -> None:
        self.settings, self.levels = settings, levels
        self.participation = Participation(settings.promotion, seed)
        self._span = windows.span / HOUR

        @cache
        def of(taking_part: tuple[bool, ...]) -> tuple[Mechanism, Truth]:
            mechanism = Mechanism(
                settings, windows, observation, repurchase=levels.repurchase, taking_part=taking_part
            )
            return mechanism, Truth(mechanism, levels)

        self._of = of
        self.mechanism, self.truth = of((True,) * len(settings.promotion))

    def _parts(self, time: Float64, item: Int64) -> Iterator[tuple[Mechanism, Truth, Int64 | slice]]:
        """Yield the mechanisms that clicks at these hours need, each with its truth and its clicks."""
        if self.participation.all_items or not len(time):
            yield self.mechanism, self.truth, slice(None)
            return
        first, last = float(time.min()), float(time.max()) + self._span
        for taking_part, mine in self.participation.groups(first, last, item):
            yield *self._of(taking_part), slice(None) if len(mine) == len(time) else mine

    def pay_by_intent(self, time: Float64, visit: Visit, item: Int64, chances: Sequence[Float64]) -> Float64:
        """Return what `paying.pay_by_intent` does, of clicks on these items."""
        result = np.empty((1 + len(chances), len(time)))
        for mechanism, _, mine in self._parts(time, item):
            some = visit if isinstance(mine, slice) else visit.take(mine)
            result[:, mine] = pay_by_intent(mechanism, self.levels, time[mine], some, chances)
        return result

    def live(
        self, day: int, arrivals: Arrivals, visit: Visit, item: Int64, item_level: Float64, *, truth: bool
    ) -> tuple[Columns, Events]:
        """Return the truth about a day's clicks, and all events that follow them. ``item_level``: `Items.level`, by click."""
        columns: Columns = {}
        events: list[Events] = []
        for mechanism, known, mine in self._parts(arrivals.time / HOUR, item):
            if isinstance(mine, slice):
                columns, own = self._follow(mechanism, known, day, arrivals, visit, item_level, truth=truth)
                events.append(own)
                continue
            draws, some = Some(arrivals, mine), visit.take(mine)
            true, own = self._follow(mechanism, known, day, draws, some, item_level[mine], truth=truth)
            for name, column in true.items():
                columns.setdefault(name, np.empty(len(arrivals)))[mine] = column
            own.row = mine[own.row]
            events.append(own)
        if truth and self.settings.delayed:
            columns["participating"] = self.participation.of_next(arrivals.time, item).astype(np.float64)
        return columns, events[0] if len(events) == 1 else Events.join(events)

    def _follow(
        self,
        mechanism: Mechanism,
        known: Truth,
        day: int,
        draws: Arrivals | Some,
        visit: Visit,
        item_level: Float64,
        *,
        truth: bool,
    ) -> tuple[Columns, Events]:
        settings, levels, time = self.settings, self.levels, draws.time / HOUR
        state = mechanism.considering(time, visit, levels)
        refund = np.exp(levels.refund + visit.refund + refund_by_item(settings, item_level, levels.pay))
        cart = np.exp(levels.cart) * cart_level(settings, mechanism.hidden, visit)
        columns: Columns = {}
        if truth:
            columns = known.columns(day, state, visit, refund, cart)
            columns |= known.hidden_columns(time, visit, levels)
        journeys = Journeys(mechanism, draws, visit)
        events = journeys.events(state, cart, refund)
        if truth and journeys.first_pays is not None:
            columns |= potential_outcomes(known.before_sales, draws.time, journeys.first_pays)
        return columns, events
