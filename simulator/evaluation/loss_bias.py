"""How far estimators of the conversion loss on all impressions are off it, at fixed predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.log.schema import Float64


@dataclass(frozen=True, slots=True)
class Exposed:
    """Impressions at which estimators are tried; labels may be probabilities, and all that follows is then an expectation.

    Parameters
    ----------
    clicked : 0 or 1, or P(click), shape (n,).
    converted : of those that clicked, 0 or 1, or P(conversion | clicked): not read where nobody clicked.
    would_convert : V(1), 0 or 1, or P(V(1) = 1), of all.
    predicted : f, the prediction whose loss is estimated, inside (0, 1).
    """

    clicked: Float64
    converted: Float64
    would_convert: Float64
    predicted: Float64

    @property
    def ideal(self) -> float:
        """L*: the cross-entropy of V(1) over all impressions."""
        return float(np.mean(self.errors(self.would_convert)))

    def errors(self, label: Float64) -> Float64:
        """Return the cross-entropy of each prediction with a label, shape (n,)."""
        f = self.predicted
        losses: Float64 = -label * np.log(f) - (1 - label) * np.log1p(-f)
        return losses

    def observed(self) -> Float64:
        """Return o e, the error of what was clicked, 0 elsewhere."""
        return np.where(self.clicked > 0, self.clicked * self.errors(self.converted), 0.0)


def naive(on: Exposed) -> float:
    """Return the mean error over clicks."""
    return float(on.observed().sum() / on.clicked.sum())


def inverse_propensity(
    on: Exposed, propensity: Float64, clip: float = 0.0, *, normalised: bool = False
) -> float:
    """Return the mean of o e / max(c, clip) over impressions; ``normalised`` divides by the mean of o / max(c, clip)."""
    weight = 1 / np.maximum(propensity, clip)
    estimate = np.mean(weight * on.observed())
    return float(estimate / np.mean(weight * on.clicked) if normalised else estimate)


def doubly_robust(on: Exposed, propensity: Float64, imputed: Float64, clip: float = 0.0) -> float:
    """Return the mean of h + o (e - h) / max(c, clip) over impressions, h being the imputed error of each."""
    weight = 1 / np.maximum(propensity, clip)
    return float(np.mean(imputed + weight * (on.observed() - on.clicked * imputed)))


def loss_biases(
    on: Exposed, propensities: dict[str, Float64], imputed: dict[str, Float64], clip: float = 0.05
) -> dict[str, float]:
    """Return how far each estimate is above L*: the double-robustness grid.

    Parameters
    ----------
    propensities, imputed : by name, arrays of shape (n,): true ones, estimated ones, wrong ones.
    clip : for a second estimate with each propensity, "... clipped".

    Returns
    -------
    By "naive", "ips: NAME" and "dr: NAME, IMPUTED": estimate minus L*.
    """
    found = {"naive": naive(on)}
    for name, c in propensities.items():
        for said, least in ((name, 0.0), (f"{name} clipped", clip)):
            found[f"ips: {said}"] = inverse_propensity(on, c, least)
            for other, h in imputed.items():
                found[f"dr: {said}, {other}"] = doubly_robust(on, c, h, least)
    ideal = on.ideal
    return {name: value - ideal for name, value in found.items()}
