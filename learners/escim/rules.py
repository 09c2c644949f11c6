"""From scores of what a click would have come to, to labels of what nobody clicked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulator.log.schema import Bool, Float64

Rule = Literal["max", "ratio", "soft", "random"]


@dataclass(frozen=True, slots=True)
class Shown:
    """The impressions of a batch: arrays of shape (n,).

    ``score`` is the conversion rate that a labeler gives each, ``clicked`` says which were clicked.
    """

    score: Float64
    clicked: Bool


def by_maximum(shown: Shown, converted: Float64) -> Float64:
    """Label 1 what scores at least as high as the best of the batch's conversions, whose scores are ``converted``; without
    any, nothing (ESCIM, ICDM 2025, "max").
    """
    if not len(converted):
        return np.zeros(len(shown.score))
    labels: Float64 = (shown.score >= converted.max()).astype(np.float64)
    return labels


def ratio(conversions: int, clicks: int, impressions: int) -> int:
    """Return how many of a batch are labelled 1: its conversions times the whole number of impressions per click."""
    return conversions * (impressions // clicks) if clicks else 0


def by_rank(shown: Shown, count: int) -> Float64:
    """Label 1 the ``count`` highest scores of clicked and unclicked impressions together ("ratio"); of equal ones the first."""
    labels = np.zeros(len(shown.score))
    labels[np.argsort(-shown.score, kind="stable")[: max(count, 0)]] = 1.0
    return labels


def at_random(shown: Shown, count: int, rng: np.random.Generator) -> Float64:
    """Label 1 as many of the impressions as "ratio", whichever."""
    labels = np.zeros(len(shown.score))
    labels[rng.permutation(len(labels))[: max(count, 0)]] = 1.0
    return labels


class Counts:
    """Conversions, clicks and impressions so far: the ratio that does not depend on how batches are cut.

    ``take`` says how many of the next impressions are labelled 1, were all of them clicked: their number times conversions
    per click. What is less than one is carried over.
    """

    def __init__(self) -> None:
        self.conversions = self.clicks = 0
        self.carried = 0.0

    def take(self, conversions: int, clicks: int, impressions: int) -> int:
        """Count a batch, and return how many of its impressions are labelled 1."""
        self.conversions += conversions
        self.clicks += clicks
        if self.clicks:
            self.carried += impressions * self.conversions / self.clicks
        whole = int(self.carried)
        self.carried -= whole
        return whole

    def state_dict(self) -> dict[str, float]:
        """Return the counts."""
        return {"conversions": self.conversions, "clicks": self.clicks, "carried": self.carried}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Restore what `state_dict` returned."""
        self.conversions, self.clicks = int(state["conversions"]), int(state["clicks"])
        self.carried = float(state["carried"])
