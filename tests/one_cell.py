"""Worlds of one cell with a hidden intent of two values, known in closed form: what click models and losses must reproduce."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

INTENTS = (-1, 1)


def sigmoid(x: float) -> float:
    return 1 / (1 + float(np.exp(-x)))


@dataclass(frozen=True)
class OneCell:
    """u is -1 or +1 with equal chances; logit P(click) = -3 + click * u, logit P(V(1) = 1) = -2.5 + pay * u."""

    click: float
    pay: float

    def joint(self) -> dict[tuple[int, int], float]:
        """P(o, V(1)), the intent summed out."""
        table = dict.fromkeys(product((0, 1), repeat=2), 0.0)
        for u in INTENTS:
            o, v = sigmoid(-3 + self.click * u), sigmoid(-2.5 + self.pay * u)
            for clicked, paying in table:
                table[clicked, paying] += 0.5 * (o if clicked else 1 - o) * (v if paying else 1 - v)
        return table

    @property
    def c(self) -> float:
        return self.joint()[1, 0] + self.joint()[1, 1]

    @property
    def q1(self) -> float:
        return self.joint()[1, 1] / self.c

    @property
    def q0(self) -> float:
        return self.joint()[0, 1] / (1 - self.c)

    @property
    def q(self) -> float:
        return self.joint()[0, 1] + self.joint()[1, 1]

    @property
    def lambda_u(self) -> float:
        """How far the odds of clicking given u are from those without it, at most."""
        odds = self.c / (1 - self.c)
        given = [np.exp(-3 + self.click * u) / odds for u in INTENTS]
        return float(max(max(g, 1 / g) for g in given))

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return n draws of (o, V(1)), as 0 and 1."""
        cells = list(self.joint().items())
        found = rng.choice(len(cells), n, p=[chance for _, chance in cells])
        clicked, paying = np.array([cell for cell, _ in cells])[found].T
        return clicked, paying
