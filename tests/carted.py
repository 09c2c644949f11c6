"""Pre-promotion worlds of one covariate and a hidden intent, in closed form: carts, and delayed pays with and without one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.evaluation.causal.marginal import true_strength
from simulator.evaluation.causal.observed import Observed
from simulator.logistic import expit

INTENTS = (-1, 1)


@dataclass(frozen=True)
class Carted:
    """x ~ N(0, 1) and u = -1 or 1; logit a = -1.5 + .8 x + cart u (+- prominence); logit Y(0) = -4 + .7 x + pay u, and
    logit Y(1) is ``effect`` above it.
    """

    cart: float
    pay: float
    effect: float
    base: float = -4.0
    prominence: float = 0.0

    def chances(self, x: np.ndarray, u: int | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """P(a = 1), P(Y(1) = 1), P(Y(0) = 1) given x and u."""
        eta = self.base + 0.7 * x + self.pay * u
        return expit(-1.5 + 0.8 * x + self.cart * u), expit(eta + self.effect), expit(eta)

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Observed, np.ndarray, np.ndarray, np.ndarray]:
        """n rows, each of a user of its own, with Y(1), Y(0) and the instrument."""
        x, u = rng.normal(size=n), rng.choice(INTENTS, n)
        z = rng.integers(0, 2, n)
        e, one, none = self.chances(x, u)
        e = expit(np.log(e / (1 - e)) + self.prominence * (2 * z - 1))
        a = (rng.random(n) < e).astype(float)
        uniform = rng.random(n)
        y1, y0 = (uniform < one).astype(float), (uniform < none).astype(float)
        design = np.column_stack([x, x**2])
        y = np.where(a == 1, y1, y0)
        return Observed(design, a, y, np.arange(n), {"x": (0, 1)}), y1, y0, z.astype(float)

    def strength(self, x: np.ndarray) -> float:
        """Lambda_V: the largest over rows and over both potential outcomes."""
        found = 1.0
        for outcome in (1, 2):
            mean = np.zeros((2, 2, len(x)))  # arm, outcome
            for u in INTENTS:
                given = self.chances(x, u)
                for arm, chance in enumerate((1 - given[0], given[0])):
                    mean[arm, 1] += chance * given[outcome] / 2
                    mean[arm, 0] += chance * (1 - given[outcome]) / 2
            rate = mean[:, 1] / mean.sum(1)
            found = max(found, float(true_strength(rate[1], rate[0]).max()))
        return found
