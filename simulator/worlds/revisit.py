"""Who comes back when a sale opens: those who still consider what they clicked on, the likelier with a cart.

Given features and intent, the hazards of carts and of leaving "considering" are independent: of those who still consider at
the opening, e^-K had no cart on the click's day, K being the integrated hazard of carts on it. So all that follows has a closed
form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from simulator.log.schema import Bool, Float64, Int64
from simulator.logistic import expit
from simulator.units import HOUR
from simulator.worlds.promotion_settings import RevisitEffect, WorldPromotion


class Openings:
    """The openings that clicks may be followed by a revisit at, in the order of their sales.

    As waiting does, it begins ``waiting.onset`` before an opening, not before the sale preceding it ends: so a click has one
    such opening at most. ``promotions`` are those that the item takes part in.
    """

    def __init__(self, promotions: Sequence[WorldPromotion], taking_part: Sequence[bool]) -> None:
        effects = [p.revisit or RevisitEffect() for p in promotions]
        self.opening: Float64 = np.array([p.start / HOUR for p in promotions])
        ends = np.array([-np.inf, *(p.end / HOUR for p in promotions)])[:-1]
        self._first: Float64 = np.maximum(
            self.opening - [p.waiting.onset / HOUR for p in promotions], ends[: len(promotions)]
        )
        self._active: Bool = np.array(
            [part and p.revisit is not None for part, p in zip(taking_part, promotions, strict=True)], bool
        )
        self._level, self._slope, self._deal, self._cart = (
            np.array([getattr(e, name) for e in effects]) for name in ("level", "slope", "deal", "cart")
        )

    def of(self, time: Float64) -> Int64:
        """Return which sale's opening each click may be followed by a revisit at; -1: none."""
        if not self._active.any():
            return np.full(len(time), -1)
        coming = np.searchsorted(self.opening, time, side="right")
        sale = np.minimum(coming, len(self.opening) - 1)
        inside = (coming < len(self.opening)) & (time >= self._first[sale]) & self._active[sale]
        return np.where(inside, sale, -1)

    def chances(self, sale: Int64, eta: Float64, depth: Float64) -> tuple[Float64, Float64]:
        """Return the chance to come back without a cart and with one, given the log-hazard of paying (base left out) and the
        item's depth of deals in standard deviations; 0 where there is no sale.
        """
        level = self._level[sale] + self._slope[sale] * eta + self._deal[sale] * depth
        without, with_cart = expit(level), expit(level + self._cart[sale])
        return np.where(sale < 0, 0.0, without), np.where(sale < 0, 0.0, with_cart)


@dataclass(slots=True)
class Revisit:
    """What a click's opening means for it; arrays of shape (n,). Chances are those of who still considers at the opening.

    A click's day ends at the opening, if the sale opens on that day.
    """

    sale: Int64
    """Index by start; -1: no opening follows, and all chances are 0."""
    opening: Float64
    """Hours from the log's origin; infinite without one."""
    leaving: Float64
    """Integrated hazard of leaving "considering" from the click to the opening; infinite without one."""
    today: Float64
    """Integrated hazard of carts up to the end of the click's day."""
    none: Float64
    """Chance to come back without a cart on that day."""
    some: Float64
    """Chance to come back with one."""

    def take(self, index: Int64 | Bool | slice) -> Revisit:
        """Return the same for some of the clicks."""
        return Revisit(*(getattr(self, f.name)[index] for f in fields(self)))

    @property
    def still(self) -> Float64:
        """P(still considering at the opening)."""
        result: Float64 = np.exp(-self.leaving)
        return result

    @property
    def chance(self) -> Float64:
        """Chance to come back, whatever the carts."""
        return self.chance_without(np.zeros_like(self.today))

    def chance_without(self, carts: Float64) -> Float64:
        """Return the chance to come back if no cart came as long as the hazard of carts grew to ``carts``."""
        none = np.exp(-np.maximum(self.today - carts, 0.0))
        result: Float64 = self.some + none * (self.none - self.some)
        return result
