"""A world of one cell in which every click converts with one chance, and pays and carts come at known horizons."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from learners.trajectory import evidence, weights
from learners.trajectory.behaviour import Known
from learners.trajectory.estimator import _each, _shown
from learners.trajectory.horizons import States

LOOKS = 4


@dataclass(frozen=True)
class Cell:
    """``pay``: the horizon of the pay, given a conversion; carts by label, place 0 for none."""

    p: float = 0.2
    pay: tuple[float, ...] = (0.3, 0.3, 0.25, 0.15)
    cart_if_paid: tuple[float, ...] = (0.25, 0.4, 0.2, 0.1, 0.05)
    cart_if_not: tuple[float, ...] = (0.85, 0.06, 0.04, 0.03, 0.02)

    def lives(self) -> list[tuple[float, float, float, float]]:
        """Label, horizons of the first pay and cart (infinite for none), and how likely."""
        found = []
        for (j, share), (c, cart) in product(enumerate(self.pay, 1), enumerate(self.cart_if_paid)):
            found.append((1.0, float(j), float(c or np.inf), self.p * share * cart))
        for c, cart in enumerate(self.cart_if_not):
            found.append((0.0, np.inf, float(c or np.inf), (1 - self.p) * cart))
        return found

    def looks(self) -> tuple[np.ndarray, States, np.ndarray]:
        """Label of every life at every look, what it has shown, how likely it is."""
        label, paid, carted, chance = (np.repeat(v, LOOKS) for v in zip(*self.lives(), strict=True))
        seen = np.tile(np.arange(1.0, LOOKS + 1), len(label) // LOOKS)
        whole = States(np.full(len(label), float(LOOKS)), paid, carted)
        return label, whole.cut(seen), chance

    def known(self, n: int) -> Known:
        """The shares, for n clicks."""
        shares = (self.pay, self.cart_if_paid[1:], self.cart_if_not[1:])
        return Known(*(np.tile(np.array(share), (n, 1)) for share in shares))

    def counts(self) -> weights.Counts:
        """Joint chances of label and state at each horizon."""
        pay, cart = np.zeros((LOOKS, 2, 2)), np.zeros((LOOKS, 2, 2))
        for label, paid, carted, chance in self.lives():
            for h in range(1, LOOKS + 1):
                pay[h - 1, int(paid <= h), int(label)] += chance
                cart[h - 1, int(carted <= h), int(label)] += chance
        return weights.Counts(pay, cart)

    def posterior(self, states: States) -> np.ndarray:
        """P(converts | all that was seen), by adding up the lives that look so."""
        found = []
        for seen, paid, carted in zip(states.seen, states.paid, states.carted, strict=True):
            alike = [
                (label, chance)
                for label, j, c, chance in self.lives()
                if (j if j <= seen else np.inf) == paid and (c if c <= seen else np.inf) == carted
            ]
            found.append(sum(label * chance for label, chance in alike) / sum(chance for _, chance in alike))
        return np.array(found)


def trace_estimates(cell: Cell, states: States) -> dict[str, np.ndarray]:
    """What the auxiliary of TRACE says where all is known."""
    known, eta = cell.known(len(states.seen)), weights.of_trace(cell.counts(), 2.0)
    pay, cart = evidence.marginal(known, states)
    names = {name: tuple(f"{name}_{h}" for h in range(1, 9)) for name in ("evidence", "weight")}
    return {
        **_each(names["evidence"], pay + cart),
        **_each(names["weight"], _shown(eta, states)),
        "chain": evidence.chained(known, states),
        "completed": cell.posterior(states),
        "visible": states.seen / LOOKS,
    }


def gdfm_estimates(cell: Cell, states: States, anchor: float) -> dict[str, np.ndarray]:
    """What the auxiliary of GDFM says where all is known but the model that it is held near."""
    scale = weights.of_gdfm(cell.counts(), (1.0, 2.0, 3.0, 4.0), 2.0, 1.0)
    found = {"q_cvr": np.full(len(states.seen), anchor)}
    for name, values in zip(
        ("pay", "cart"), evidence.marginal(cell.known(len(states.seen)), states), strict=True
    ):
        found |= _each(tuple(f"{name}_evidence_{h}" for h in range(1, 9)), values)
        found |= _each(tuple(f"{name}_weight_{h}" for h in range(1, 9)), _shown(scale[name], states))
    return found
