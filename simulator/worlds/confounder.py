"""The hidden intent of a visit: a few points with their chances, and what each does to click, cart and pay."""

from __future__ import annotations

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

from simulator.log.schema import Float64, Int64
from simulator.worlds.hidden_settings import Confounder

POINTS = 7


class Hidden:
    """A standard normal on seven points (Gauss and Hermite: moments right up to the 13th), per impression.

    Whoever clicks does so in proportion to exp(strength * click * u), whatever the features, so that the
    intent of a click is independent of its features, and integrating it out is a sum over ``chance``.

    Attributes
    ----------
    value, chance : the points, and their probabilities among clicks; shape (7,).
    pay, cart : what each point adds to the log-hazards.
    deal : by what each multiplies the answer to deals; its mean over clicks is 1.
    """

    def __init__(self, settings: Confounder) -> None:
        self.active = settings.strength > 0
        self.value, weights = hermegauss(POINTS)
        self.shown: Float64 = weights / weights.sum()
        self.pull: Float64 = settings.strength * settings.click * self.value
        tilted = self.shown * np.exp(self.pull)
        self.chance: Float64 = tilted / tilted.sum()
        self.pay: Float64 = settings.strength * settings.pay * self.value
        self.cart: Float64 = settings.strength * settings.cart * self.value
        deal = np.exp(settings.strength * settings.deal * self.value)
        self.deal: Float64 = deal / (deal @ self.chance)

    def of_clicks(self, uniform: Float64) -> Int64:
        """Map uniforms to points, as they are among clicks."""
        return self._points(self.chance, uniform)

    def of_passed(self, uniform: Float64) -> Int64:
        """Map uniforms to points, as they are among impressions that are passed over."""
        return self._points(self.shown, uniform)

    @staticmethod
    def _points(chance: Float64, uniform: Float64) -> Int64:
        found: Int64 = np.searchsorted(np.cumsum(chance)[:-1], uniform, side="right")
        return found
