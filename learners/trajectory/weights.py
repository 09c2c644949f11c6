"""How much each horizon tells of the label: weights from the history's own counts. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from learners.trajectory.behaviour import CART_IF_NOT, CART_IF_PAID, PAY, Behaviour, shares_of
from simulator.log.schema import Float64

if TYPE_CHECKING:
    from learners.history import History


@dataclass(frozen=True, slots=True)
class Counts:
    """Clicks by label and first horizon: ``pay`` and ``cart`` have shape (horizons, 2, 2), their places being horizon, whether
    known by it, and label, and sum to 1 at each horizon.
    """

    pay: Float64
    cart: Float64

    @classmethod
    def of(cls, history: History, recipe: Behaviour) -> Counts:
        """Count the history; of one without clicks nothing is known, and all is alike."""
        sums, told = dict.fromkeys(recipe.heads, 0.0), dict.fromkeys(recipe.heads, 0)
        for rows in history.rows(recipe, features=False):
            for k, head in enumerate(recipe.heads):
                sums[head] += float(np.nansum(rows.targets[:, k], dtype=np.float64))
                told[head] += int(np.count_nonzero(~np.isnan(rows.targets[:, k])))
        first = {name: shares_of(name, recipe.horizons) for name in (PAY, CART_IF_PAID, CART_IF_NOT)}
        converted, others = told[first[CART_IF_PAID][0]], told[first[CART_IF_NOT][0]]
        if not converted + others:
            alike = np.full((recipe.horizons, 2, 2), 0.25)
            return cls(alike, alike)
        pay, cart, other = (
            np.cumsum([sums[head] for head in heads])[-recipe.horizons :] for heads in first.values()
        )
        cart, other = cart - sums[first[CART_IF_PAID][0]], other - sums[first[CART_IF_NOT][0]]
        total = converted + others
        return cls(
            _joint(np.zeros_like(pay), pay, others, converted) / total,
            _joint(other, cart, others, converted) / total,
        )

    def entropies(self) -> tuple[Float64, Float64]:
        """Return H(label | state at the horizon) for pay and for cart, in nats, each of shape (horizons,)."""
        return _conditional(self.pay), _conditional(self.cart)


def _joint(no: Float64, yes: Float64, others: float, converted: float) -> Float64:
    """Return counts by horizon, state and label, from how many of each label were known by each horizon."""
    known = np.stack([no, yes], axis=1)
    unknown = np.array([others, converted]) - known
    return np.stack([unknown, known], axis=1)


def _conditional(joint: Float64) -> Float64:
    whole = joint.sum(axis=2)
    inner = -(joint * np.log(joint, out=np.zeros_like(joint), where=joint > 0)).sum(axis=(1, 2))
    outer = -(whole * np.log(whole, out=np.zeros_like(whole), where=whole > 0)).sum(axis=1)
    left: Float64 = np.maximum(inner - outer, 0.0)
    return left


def _over_largest(values: Float64) -> Float64:
    largest = values.max()
    scaled: Float64 = values / largest if largest > 0 else np.zeros_like(values)
    return scaled


def of_trace(counts: Counts, beta: float) -> Float64:
    """Return TRACE's eta_h = exp(-h / H) exp(-beta C_h) / (H - h + 1), scaled to a mean of 1, shape (horizons,).

    C_h is H(label | paid by horizon h) over its maximum. A horizon is seen again at each later look: the last factor makes
    that one.
    """
    entropy, _ = counts.entropies()
    horizon, count = np.arange(1, len(entropy) + 1), len(entropy)
    eta = np.exp(-horizon / count - beta * _over_largest(entropy)) / (count - horizon + 1)
    weights: Float64 = eta / eta.mean()
    return weights


def of_gdfm(counts: Counts, ages: Sequence[float], alpha: float, beta: float) -> Mapping[str, Float64]:
    """Return GDFM's weights of pay and of cart at each horizon, shape (horizons,): exp(-alpha H) exp(-beta delay), scaled to a
    mean of 1, over the number of looks at which the horizon is seen.

    H is H(label | the behaviour by the horizon), over the largest of all; the delay is the horizon's age over the last one's.
    """
    entropy = _over_largest(np.stack(counts.entropies()))
    delay = np.asarray(ages, np.float64) / ages[-1]
    informed = np.exp(-alpha * entropy)
    weights = informed / informed.max() * np.exp(-beta * delay)
    pay, cart = weights / weights.mean() / np.arange(len(delay), 0, -1)
    return {"pay": pay, "cart": cart}
