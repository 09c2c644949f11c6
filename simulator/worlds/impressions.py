"""What was shown: every click's impression, and those that nobody clicked.

An impression of features x and hidden intent u is clicked with logit base + b(x) + c u. Clicks come from a
Poisson process of intensity f(x) g(u), so that, their odds being known, the unclicked impressions are a second
one, independent of the clicks, of intensity f(x) g(u) e^-(base + b(x) + c u): f is drawn from as for clicks,
thinned by e^-b(x), and g(u) e^-cu is the intent before the tilt of clicking. So the stream adds impressions
to the clicks and changes none of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from simulator.log.dayfiles import DayFiles
from simulator.log.schema import Float64, Int32, Int64
from simulator.logistic import expit
from simulator.randomness import generator
from simulator.units import HOUR
from simulator.worlds.affinity import DayMarket, Visit
from simulator.worlds.arrivals import Sampled
from simulator.worlds.levels import Levels
from simulator.worlds.mechanism import Mechanism
from simulator.worlds.paying import pay_probabilities
from simulator.worlds.settings import CARDINALITIES, WorldSettings

FOLDER = "impressions"
CONTEXT = tuple(CARDINALITIES)[14:]
POSITION = tuple(CARDINALITIES).index("position")
SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.int64(), nullable=False) for name in ("time", "click_id", "user_id", "item_id")),
        *(pa.field(name, pa.int32(), nullable=False) for name in ("clicked", *CONTEXT)),
        *(pa.field(name, pa.float64(), nullable=False) for name in ("p_click", "p_pay", "hidden")),
    ]
)
"""``click_id`` is -1 where ``clicked`` is 0; ``p_pay`` is the probability of paying inside the attribution
window had the impression been clicked.
"""
CUT = 2.0
"""Log-hazards beyond this click no more, and no less."""
SAMPLE = 50_000


@dataclass(slots=True)
class Shown:
    """Impressions in order of time; arrays of shape (n,), ``context`` (8, n)."""

    time: Int64
    row: Int64
    """Row of the click within its day, or -1."""
    user_id: Int64
    item_id: Int64
    context: Int32
    p_click: Float64
    p_pay: Float64
    hidden: Float64

    def table(self, first_click: int) -> pa.Table:
        """Return the rows of the file. ``first_click`` is the id of the day's first click."""
        clicked = self.row >= 0
        click_id = np.where(clicked, self.row + first_click, -1)
        ids = [self.time, click_id, self.user_id, self.item_id, clicked.astype(np.int32)]
        columns = [*ids, *self.context, self.p_click, self.p_pay, self.hidden]
        return pa.Table.from_arrays([pa.array(column) for column in columns], schema=SCHEMA)


class Unclicked:
    """Candidates for the unclicked impressions of one hour, with the draws that make them."""

    def __init__(self, seed: int, hour: int, mean: float) -> None:
        self._seed, self._hour = seed, hour
        rng = generator(seed, "world", FOLDER, "arrivals", hour)
        offset = rng.integers(HOUR, size=rng.poisson(mean))
        self.time: Int64 = np.sort(hour * HOUR + offset)

    def __len__(self) -> int:
        return len(self.time)

    def uniform(self, part: str) -> Float64:
        """Draw one uniform a candidate from the stream of this part."""
        return generator(self._seed, "world", FOLDER, part, self._hour).random(len(self))

    def normal(self, part: str) -> Float64:
        """Draw one standard normal a candidate."""
        return generator(self._seed, "world", FOLDER, part, self._hour).standard_normal(len(self))


class Impressions:
    """Make the impressions of a world, hour by hour. ``market`` is used up to solve for the base rate."""

    def __init__(
        self, settings: WorldSettings, mechanism: Mechanism, levels: Levels, market: DayMarket, seed: int
    ) -> None:
        self._settings, self._mechanism, self._levels, self._seed = settings, mechanism, levels, seed
        self._deepest = settings.sizes()["position"] - 1
        exposure, hidden = settings.exposure, mechanism.hidden
        self._least = -CUT * abs(exposure.slope) - exposure.position
        per_day, total = max(SAMPLE // settings.days, 200), 0.0
        for day in range(settings.days):
            draws = Sampled(settings, seed, day, per_day)
            total += float(np.exp(-self._appeal(market.visit(draws, np.zeros(per_day)))).mean())
            market.advance()
        # Unclicked impressions per click, at base 0, over how many there shall be.
        untilted = float(hidden.chance @ np.exp(-hidden.pull))
        ratio = total / settings.days * untilted / (1 / exposure.rate - 1)
        self.base = float(np.log(ratio))
        self._candidates = float(np.exp(-self.base - self._least)) * untilted

    def _appeal(self, visit: Visit) -> Float64:
        """Return b(x)."""
        exposure = self._settings.exposure
        depth = visit.features[POSITION] / max(self._deepest, 1)
        appeal: Float64 = exposure.slope * np.clip(visit.eta, -CUT, CUT) - exposure.position * depth
        return appeal

    def _p_click(self, visit: Visit) -> Float64:
        logit = self.base + self._appeal(visit)
        if visit.hidden is not None:
            logit = logit + self._mechanism.hidden.pull[visit.hidden]
        chance: Float64 = expit(logit)
        return chance

    def hours(
        self, market: DayMarket, rate: Float64, time: Int64, visit: Visit, p_pay: Float64
    ) -> Iterator[Shown]:
        """Yield the impressions of a day, for whose clicks ``time``, ``visit`` and ``p_pay`` are given.

        ``rate`` (24,) is the mean number of clicks by hour. The market must stand on that day until the last
        hour is taken.
        """
        first = 24 * market.day
        for hour in range(24):
            low, high = np.searchsorted(time, (first + hour + np.arange(2)) * HOUR)
            row = np.arange(low, high)
            clicked = self._shown(market, time[row], row, visit.take(row), p_pay[row])
            yield _together(clicked, self._unclicked(market, first + hour, rate[hour]))

    def _unclicked(self, market: DayMarket, hour: int, rate: float) -> Shown:
        mechanism = self._mechanism
        draws = Unclicked(self._seed, hour, rate * self._candidates)
        visit = market.visit(draws, np.full(len(draws), mechanism.schedule.taste[hour]))
        chance = np.exp(self._least - self._appeal(visit))
        kept = np.flatnonzero(draws.uniform("shown") < chance)
        visit, time = visit.take(kept), draws.time[kept]
        if mechanism.hidden.active:
            visit.hidden = mechanism.hidden.of_unclicked(draws.uniform("hidden")[kept])
        state = mechanism.considering(time / HOUR, visit, self._levels)
        paying = pay_probabilities(state, mechanism.attribution, mechanism.schedule.waiting)
        return self._shown(market, time, np.full(len(time), -1), visit, paying.total)

    def _shown(self, market: DayMarket, time: Int64, row: Int64, visit: Visit, p_pay: Float64) -> Shown:
        hidden = np.zeros(len(time)) if visit.hidden is None else self._mechanism.hidden.value[visit.hidden]
        item, context = market.items.id[visit.slot], visit.features[-len(CONTEXT) :]
        return Shown(time, row, visit.user, item, context, self._p_click(visit), p_pay, hidden)


def _together(one: Shown, other: Shown) -> Shown:
    order = np.argsort(np.concatenate([one.time, other.time]), kind="stable")
    names = ("time", "row", "user_id", "item_id", "context", "p_click", "p_pay", "hidden")
    return Shown(*(np.concatenate([getattr(one, n), getattr(other, n)], axis=-1)[..., order] for n in names))


class ImpressionFiles:
    """Write ``impressions/day=NNNN.parquet`` under ``root``."""

    def __init__(self, root: Path) -> None:
        self._files = DayFiles(root, SCHEMA, {FOLDER: SCHEMA.names})

    def write(self, hours: Iterator[Shown], first_click: int) -> None:
        """Append a day."""
        for shown in hours:
            self._files.write(shown.table(first_click))

    def close(self) -> None:
        """Finish the last file."""
        self._files.close()
