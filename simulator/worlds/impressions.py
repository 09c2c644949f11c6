"""What was shown: every click's impression, those that nobody clicks (`clicking`), and the randomised slice.

All that is true of an impression is true at the instant at which it is, or would be, clicked; it was shown a short lag
before, clicked or not, which depends on nothing. So the lag costs no exactness.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator.log.schema import Bool, Columns, Float64, Int8, Int32, Int64
from simulator.log.writer import LogWriter
from simulator.randomness import generator
from simulator.units import HOUR
from simulator.worlds.affinity import DayMarket, Visit
from simulator.worlds.arrivals import Arrivals, Sampled
from simulator.worlds.clicking import Clicking
from simulator.worlds.following import Following
from simulator.worlds.positions import uniform_of
from simulator.worlds.settings import WorldSettings

EXPOSURE = ("would_pay", "p_click", "p_pay", "hidden", "c", "q1", "q0", "q")
"""Columns of ``exposure/``. ``would_pay``: whether a pay comes, or would have come, inside the attribution window of a click
(drawn once; on clicked rows what happened). ``p_click``, ``p_pay``: the probabilities, the ``hidden`` intent known; the
others as in `Clicking.given_features`.
"""
SAMPLE = 50_000
LONGEST_LAG = 10
"""In means of the lag."""


@dataclass(slots=True)
class Shown(Columns):
    """Impressions: the columns of ``impressions/`` (``features`` has shape (n, features)), and then those of ``exposure/``."""

    time: Int64
    user_id: Int64
    item_id: Int64
    features: Int32
    click_row: Int64
    click_time: Int64
    coin: Int8
    paid: Int8
    would_pay: Float64
    p_click: Float64
    p_pay: Float64
    hidden: Float64
    c: Float64
    q1: Float64
    q0: Float64
    q: Float64

    def in_order(self) -> Shown:
        """Return them by time."""
        return self[np.argsort(self.time, kind="stable")]

    def given_to(self, writer: LogWriter) -> None:
        """Append them to a log."""
        arrays = self.arrays()
        exposure = {name: arrays.pop(name) for name in EXPOSURE}
        writer.impressions(**arrays, exposure=exposure)


@dataclass(slots=True)
class Clicked:
    """The clicks of one day; ``paid``: inside the attribution window; ``first``: the row of the first one in the log."""

    arrivals: Arrivals
    visit: Visit
    p_pay: Float64
    paid: Bool
    first: int


class Candidates:
    """Candidates for the impressions of one hour that have no click of their own, with the draws that make them.

    ``means`` (2,) is how many are expected that would click what they see, and that may pass over it; ``positions`` (2,
    positions) how often each of the two is shown where.
    """

    def __init__(self, seed: int, part: str, hour: int, means: Float64, positions: Float64) -> None:
        self._streams = seed, "world", part, hour
        # Where all are seen alike nobody is of the first kind.
        total = np.maximum(positions.sum(1, keepdims=True), np.finfo(float).tiny)
        self._cumulative: Float64 = np.cumsum(positions, axis=1) / total
        rng = generator(seed, "world", part, "arrivals", hour)
        self.time: Int64 = np.sort(hour * HOUR + rng.integers(HOUR, size=rng.poisson(means.sum())))
        self.passing: Bool = self._random("kind") * means.sum() >= means[0]

    def __len__(self) -> int:
        return len(self.time)

    def _random(self, part: str) -> Float64:
        seed, world, kind, hour = self._streams
        return generator(seed, world, kind, part, hour).random(len(self))

    def uniform(self, part: str) -> Float64:
        """Draw one uniform a candidate from the stream of this part; that of the position as often as it is shown."""
        uniform = self._random(part)
        if part != "position":
            return uniform
        count = self._cumulative.shape[1]
        there = [np.searchsorted(row[:-1], uniform, side="right") for row in self._cumulative]
        return uniform_of(np.where(self.passing, there[1], there[0]), count)

    def normal(self, part: str) -> Float64:
        """Draw one standard normal a candidate."""
        seed, world, kind, hour = self._streams
        return generator(seed, world, kind, part, hour).standard_normal(len(self))


class Impressions:
    """Make the impressions of a world, hour by hour. ``market`` is used up to solve for the base rate."""

    def __init__(self, settings: WorldSettings, following: Following, market: DayMarket, seed: int) -> None:
        self._following, self._mechanism, self._seed = following, following.mechanism, seed
        self._exposure = settings.exposure
        per_day = max(SAMPLE // settings.days, 200)

        def visits() -> Iterator[Visit]:
            for day in range(settings.days):
                yield market.visit(Sampled(settings, seed, day, per_day), np.zeros(per_day))
                market.advance()

        self.clicking = Clicking(settings, self._mechanism.hidden, visits())

    def hours(self, market: DayMarket, clicked: Clicked) -> Iterator[Shown]:
        """Yield the impressions whose clicks fall, or would fall, into each hour of a day; each hour's by time.

        The market must stand on that day until the last hour is taken.
        """
        time, positions = clicked.arrivals.time, self.clicking.positions
        lag, share = self._lag(clicked.arrivals.uniform("impressions lag")), self._exposure.randomised
        for hour, rate in enumerate(clicked.arrivals.rate, start=24 * market.day):
            row = np.arange(*np.searchsorted(time, np.array([hour, hour + 1]) * HOUR))
            own = self._shown(market, time[row], lag[row], clicked.visit.take(row))
            own.p_pay, own.would_pay = clicked.p_pay[row], clicked.paid[row].astype(np.float64)
            own.click_row, own.click_time = row + clicked.first, time[row]
            parts = [own, self._drawn(market, "impressions", hour, rate, positions[[0, 1]])]
            if share:
                parts.append(self._flipped(market, hour, rate * share, positions[[2, 1]]))
            yield Shown.concatenate(parts).in_order()

    def _flipped(self, market: DayMarket, hour: int, rate: float, positions: Float64) -> Shown:
        """Return the randomised slice: impressions as all are, clicked by a fair coin."""
        shown = self._drawn(market, "randomised", hour, rate, positions)
        coin = generator(self._seed, "world", "randomised", "coin", hour).integers(2, size=len(shown))
        shown.coin = coin.astype(np.int8)
        shown.paid = np.where(coin, shown.would_pay, -1).astype(np.int8)
        return shown

    def _drawn(self, market: DayMarket, part: str, hour: int, rate: float, positions: Float64) -> Shown:
        """Return the impressions without a click that belong to ``rate`` clicks."""
        hidden, clicking = self._mechanism.hidden, self.clicking
        means = rate * np.array([positions[0].sum(), clicking.passed])
        draws = Candidates(self._seed, part, hour, means, positions)
        visit = market.visit(draws, np.full(len(draws), self._mechanism.schedule.taste[hour]))
        kept = np.flatnonzero(~draws.passing | (draws.uniform("shown") < clicking.kept(visit)))
        visit, passing = visit.take(kept), draws.passing[kept]
        if hidden.active:
            uniform = draws.uniform("hidden")[kept]
            visit.hidden = np.where(passing, hidden.of_passed(uniform), hidden.of_clicks(uniform))
        shown = self._shown(market, draws.time[kept], self._lag(draws.uniform("lag")[kept]), visit)
        shown.would_pay = (draws.uniform("would pay")[kept] < shown.p_pay).astype(np.float64)
        return shown

    def _shown(self, market: DayMarket, time: Int64, lag: Int64, visit: Visit) -> Shown:
        """Return impressions as if nobody had clicked, and paid."""
        hidden, n, item = self._mechanism.hidden, len(time), market.items.id[visit.slot]
        p_pay, would_click, passes = self._following.pay_by_intent(
            time / HOUR, visit, item, (hidden.chance, hidden.shown)
        )
        given = self.clicking.given_features(visit, would_click, passes)
        none, outside = np.full(n, -1), np.full(n, -1, np.int8)
        return Shown(
            np.maximum(time - lag, 0),
            visit.user,
            item,
            visit.features.T,
            none,
            none,
            outside,
            outside,
            np.zeros(n),
            self.clicking.p_click(visit),
            p_pay,
            np.zeros(n) if visit.hidden is None else hidden.value[visit.hidden],
            *(given[name] for name in ("c", "q1", "q0", "q")),
        )

    def _lag(self, uniform: Float64) -> Int64:
        lag: Int64 = np.rint(np.minimum(-np.log1p(-uniform), LONGEST_LAG) * self._exposure.lag).astype(
            np.int64
        )
        return lag


class Ordered:
    """Put hours of impressions in order of time: what was shown before an hour may be clicked in it."""

    def __init__(self, longest_lag: int) -> None:
        self._longest = longest_lag
        self._held: list[Shown] = []

    def take(self, shown: Shown, hour: int) -> Shown:
        """Return what no later hour than this one precedes."""
        both = Shown.concatenate([*self._held, shown]).in_order()
        end = int(np.searchsorted(both.time, (hour + 1) * HOUR - self._longest))
        self._held = [both[end:]]
        return both[:end]

    def rest(self) -> list[Shown]:
        """Return what is left."""
        return self._held
