"""Draw what happens after each click: carts, the first pay (at once or at the sale), its refund, and
repurchases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.log.schema import Bool, Columns, Float64, Int64, Kind, UInt8
from simulator.units import HOUR
from simulator.worlds.affinity import Visit
from simulator.worlds.arrivals import Arrivals, Some
from simulator.worlds.constants import PARTIAL_REFUND_POWER
from simulator.worlds.hazards import Considering, invert
from simulator.worlds.mechanism import Mechanism
from simulator.worlds.revisit import Revisit
from simulator.worlds.spending import later

CENT = 0.01
NEVER = np.iinfo(np.int64).max
"""Time of what does not happen."""


@dataclass(slots=True)
class Events(Columns):
    """Events as columns; ``row`` counts from the first click of the day."""

    row: Int64
    time: Int64
    kind: UInt8
    amount: Float64

    @classmethod
    def of(cls, kind: Kind, row: Int64, time: Int64, amount: Float64 | None = None) -> Self:
        """Return events of one kind."""
        return cls(
            row, time, np.full(len(row), kind, np.uint8), np.zeros(len(row)) if amount is None else amount
        )

    @classmethod
    def join(cls, parts: list[Self]) -> Self:
        """Put events together, in order of (time, kind, row)."""
        both = cls.concatenate(parts)
        return both[np.lexsort((both.row, both.kind, both.time))]


@dataclass(slots=True)
class _Pays:
    """First pays of a day: positions of their clicks, and times in microseconds."""

    click: Int64
    time: Int64

    def without(self, clicks: Bool) -> _Pays:
        """Return those of other clicks."""
        kept = ~clicks[self.click]
        return _Pays(self.click[kept], self.time[kept])


class Journeys:
    """Draw the events that follow one day's clicks."""

    def __init__(self, mechanism: Mechanism, draws: Arrivals | Some, visit: Visit) -> None:
        self._mechanism, self._draws, self._visit = mechanism, draws, visit
        self._journey = draws.normal("journey amount")
        plain = mechanism.settings.amount.plain
        self._residual = np.full(len(draws), mechanism.settings.amount.residual)
        if plain:
            self._residual[draws.uniform("plain journey") < plain] = 0.0
        self.first_pays: tuple[Int64, Int64] | None = None
        """When each click pays first if it has a cart on its day, and if it has none; `NEVER` if it does not. Known once the
        events are drawn, in worlds with a revisit.
        """

    def events(self, state: Considering, cart_level: Float64, refund_level: Float64) -> Events:
        """Draw all events of the day's journeys, up to the end of their windows, in order."""
        left, waits_at, pays = self._leave(state)
        if state.revisit is not None:
            left, waits_at, pays = self._revisit(state.revisit, state.time, left, waits_at, pays)
        amount = self._amount(pays.click, pays.time, self._draws.normal("first amount")[pays.click], 0.0)
        parts = [
            self._carts(state.time, cart_level, left),
            Events.of(Kind.CART, waits_at.click, waits_at.time),
            Events.of(Kind.PAY, pays.click, pays.time, amount),
            self._refunds(pays, amount, refund_level),
            *self._repurchases(pays),
        ]
        return Events.join(parts)

    def _leave(self, state: Considering) -> tuple[Float64, _Pays, _Pays]:
        """Leave "considering": return when (hours, inf for never), the carts of those who wait, and the first
        pays.
        """
        draws, waiting, window = (
            self._draws,
            self._mechanism.schedule.waiting,
            self._mechanism.windows.longest_pay,
        )
        target = draws.exponential("pay")
        gone = np.flatnonzero(target < state.whole)
        part = state.take(gone)
        elapsed = invert(part.cumulative, target[gone], np.full(len(gone), self._mechanism.attribution))
        left = np.full(len(target), np.inf)
        left[gone] = elapsed
        at = draws.time[gone] + self._whole(elapsed, window)
        nobody = _Pays(gone[:0], at[:0])
        if not len(gone) or not waiting.between(float(part.time.min()), float((part.time + elapsed).max())):
            return left, nobody, _Pays(gone, at)
        entry = waiting.entry(part.time + elapsed)
        waits = draws.uniform("wait")[gone] < waiting.chance[entry]
        sale, click = waiting.sale[entry[waits]], gone[waits]
        back = draws.uniform("return")[click] < waiting.returns[sale]
        uniform, comes = draws.uniform("return time")[click], np.zeros(len(click))
        for number, times in enumerate(waiting.times):
            mine = sale == number
            comes[mine] = waiting.opening[number] + times.sample(uniform[mine])
        then = np.rint(comes * HOUR).astype(np.int64)
        back &= then <= draws.time[click] + window
        pay_click = np.concatenate([gone[~waits], click[back]])
        pay_time = np.concatenate([at[~waits], np.maximum(then[back], at[waits][back] + 1)])
        return left, _Pays(click, at[waits]), _Pays(pay_click, pay_time)

    def _revisit(
        self, revisit: Revisit, time: Float64, left: Float64, waits: _Pays, pays: _Pays
    ) -> tuple[Float64, _Pays, _Pays]:
        """Let some of those who still consider at an opening come back there, and not leave as they would have."""
        draws, waiting = self._draws, self._mechanism.schedule.waiting
        considers = (revisit.sale >= 0) & (left >= revisit.opening - time)
        carted, uniform = draws.exponential("cart") < revisit.today, draws.uniform("revisit")
        if_cart, if_none = considers & (uniform < revisit.some), considers & (uniform < revisit.none)
        back = np.where(carted, if_cart, if_none)
        since = draws.uniform("revisit time")
        then = np.full(len(time), NEVER)
        for number, times in enumerate(waiting.times):
            mine = np.flatnonzero(revisit.sale == number)
            at = waiting.opening[number] + times.sample(since[mine])
            then[mine] = np.maximum(np.rint(at * HOUR).astype(np.int64), draws.time[mine] + 1)
        then[then - draws.time > self._mechanism.windows.longest_pay] = NEVER
        otherwise = np.full(len(time), NEVER)
        otherwise[pays.click] = pays.time
        self.first_pays = np.where(if_cart, then, otherwise), np.where(if_none, then, otherwise)
        left = np.where(back, revisit.opening - time, left)
        waits, pays = waits.without(back), pays.without(back)
        came = np.flatnonzero(back & (then < NEVER))
        click, at = np.concatenate([pays.click, came]), np.concatenate([pays.time, then[came]])
        return left, waits, _Pays(click, at)

    def _carts(self, time: Float64, level: Float64, left: Float64) -> Events:
        """Draw ordinary carts; considering must still last when they come."""
        mechanism, n = self._mechanism, len(time)
        target = self._draws.exponential("cart")
        longest = np.minimum(left, mechanism.attribution)
        reached = level * mechanism.cart.mass(time, longest) if n else level
        who = np.flatnonzero(target < reached)
        elapsed = mechanism.cart.times(time[who], level[who], target[who], longest[who])
        at = self._draws.time[who] + self._whole(elapsed, mechanism.windows.longest_pay)
        return Events.of(Kind.CART, who, at)

    def _amount(self, click: Int64, time: Int64, own: Float64, shift: float) -> Float64:
        """Draw amounts of pays, to the cent (rounding shifts the mean by less than one in a million)."""
        mechanism = self._mechanism
        hours = (time - self._draws.time[click]) / HOUR
        price = mechanism.schedule.price[time // HOUR]
        settings = mechanism.settings.amount
        noise = np.sqrt(settings.shared) * self._journey[click] + np.sqrt(1 - settings.shared) * own
        log = settings.level + shift + self._visit.spending[click] + self._residual[click] * noise
        whole = np.rint(np.exp(log) * later(settings.growth, hours) * price / CENT)
        amount: Float64 = np.maximum(whole, 1) * CENT
        return amount

    def _refunds(self, pays: _Pays, amount: Float64, level: Float64) -> Events:
        """Draw the refund of each first pay, of all of it or of a part."""
        mechanism, draws = self._mechanism, self._draws
        target = draws.exponential("refund")[pays.click]
        paid, own = pays.time / HOUR, level[pays.click]
        longest = np.full(len(paid), mechanism.refund_window)
        who = np.flatnonzero(target < own * mechanism.refund.mass(paid, longest))
        elapsed = mechanism.refund.times(paid[who], own[who], target[who], longest[who])
        click = pays.click[who]
        at = pays.time[who] + self._whole(elapsed, mechanism.windows.longest_refund)
        full = draws.uniform("refund kind")[click] < mechanism.settings.refund.full_share
        share = 1 - draws.uniform("refund share")[click] ** (1 / PARTIAL_REFUND_POWER)
        part = np.maximum(np.floor(share * amount[who] / CENT), 1) * CENT
        return Events.of(Kind.REFUND, click, at, np.where(full, amount[who], np.minimum(part, amount[who])))

    def _repurchases(self, pays: _Pays) -> list[Events]:
        """Draw pay after pay, each from the hazard that starts at the one before, inside the window."""
        mechanism, window = self._mechanism, self._mechanism.windows.longest_pay
        click, last = pays.click, pays.time
        level = mechanism.first_repurchase[self._visit.loyalty[click]]
        events: list[Events] = []
        while len(click):
            target = self._draws.exponential(f"repurchase {len(events)}")[click]
            own = self._draws.normal(f"repurchase amount {len(events)}")
            since, rest = last / HOUR, (self._draws.time[click] + window - last) / HOUR
            elapsed, coupon = np.full(len(click), np.inf), mechanism.coupon(since)
            for number, hazard in enumerate(mechanism.repurchases):
                mine = np.flatnonzero(coupon == number)
                mine = mine[target[mine] < level[mine] * hazard.mass(since[mine], rest[mine])]
                elapsed[mine] = hazard.times(since[mine], level[mine], target[mine], rest[mine])
            again = np.flatnonzero(np.isfinite(elapsed))
            limit = self._draws.time[click[again]] + window - last[again]
            click, last = click[again], last[again] + np.minimum(self._whole(elapsed[again], window), limit)
            amount = self._amount(click, last, own[click], mechanism.settings.amount.again)
            events.append(Events.of(Kind.PAY, click, last, amount))
            level = np.full(len(click), mechanism.settings.repurchase.further)
        return events

    @staticmethod
    def _whole(hours: Float64, longest: int) -> Int64:
        """Return hours as microseconds, at least one and at most ``longest``."""
        return np.clip(np.rint(hours * HOUR).astype(np.int64), 1, longest)
