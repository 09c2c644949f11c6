"""The hazards of one world, ready to be integrated and inverted."""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Float64
from simulator.units import HOUR
from simulator.windows import Windows
from simulator.worlds.affinity import Visit
from simulator.worlds.constants import (
    CART_SCALES,
    CART_WEIGHTS,
    LOYALTY_LEVELS,
    PAY_SCALES,
    REFUND_SCALES,
    REFUND_WEIGHTS,
    REPLENISHABLE_SHARE,
    REPURCHASE_SCALES,
    REPURCHASE_WEIGHTS,
)
from simulator.worlds.hazards import CalendarHazard, Considering, MixtureHazard, PayHazards
from simulator.worlds.levels import Levels, profile
from simulator.worlds.promotion import Schedule
from simulator.worlds.settings import WorldSettings


class Mechanism:
    """Hazards, calendar and windows of a world. Lengths of time are in hours here.

    With ``ordinary`` set it is the same world without its promotions.
    """

    def __init__(
        self, settings: WorldSettings, windows: Windows, observation: int, *, ordinary: bool = False
    ) -> None:
        self.settings, self.windows = settings, windows
        self.attribution, self.refund_window = windows.attribution / HOUR, windows.refund / HOUR
        self.observation = observation / HOUR
        self.cells = 24 * settings.days + int(np.ceil(windows.lifetime / HOUR)) + 24
        schedule = Schedule.of(() if ordinary else settings.promotion, self.cells, settings.delay.rhythm)
        self.schedule = schedule
        self.pay = PayHazards(
            CalendarHazard(schedule.pay_common, PAY_SCALES),
            CalendarHazard(schedule.pay_deal, PAY_SCALES),
            schedule.deal_cells(),
        )
        self.cart = MixtureHazard(schedule.cart, CART_WEIGHTS, CART_SCALES)
        self.refund = MixtureHazard(schedule.refund, REFUND_WEIGHTS, REFUND_SCALES)
        self.repurchase = MixtureHazard(schedule.repurchase, REPURCHASE_WEIGHTS, REPURCHASE_SCALES)
        self.first_repurchase = _repurchase_levels(settings)

    def considering(self, time: Float64, visit: Visit, levels: Levels) -> Considering:
        """Return the state of clicks that may still pay."""
        level = np.exp(levels.pay + visit.eta)
        weights = profile(self.settings, visit.eta)
        return Considering(
            self.pay,
            time,
            level=level,
            profile=weights,
            response=visit.response,
            longest=self.attribution,
        )


def _repurchase_levels(settings: WorldSettings) -> Float64:
    """Return the level of the first repurchase by class (2 * loyalty of the tier + replenishable), about
    ``first`` on average.
    """
    loyalty = np.array(LOYALTY_LEVELS) / np.std(LOYALTY_LEVELS)
    spread = settings.repurchase.loyalty
    tiers = np.exp(spread * loyalty - 0.5 * spread**2)
    ratio = settings.repurchase.replenishable
    kinds = np.array([1.0, ratio]) / (REPLENISHABLE_SHARE * ratio + 1 - REPLENISHABLE_SHARE)
    result: Float64 = settings.repurchase.first * np.outer(tiers, kinds).ravel()
    return result
