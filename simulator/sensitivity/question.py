"""What is asked of a log: what a treatment does to an outcome, with all that the log has to say on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from simulator.evaluation.causal.observed import Observed
from simulator.log.schema import Bool, Float64

FEWEST = 30
"""Rows of either treatment, and of the outcome, without which nothing is estimated."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """A feature that moves the treatment, and the outcome through it alone; ``known`` where a world makes it so."""

    name: str
    values: Float64
    """Its values as columns, shape (n, q); of a coin one column of 0 and 1."""
    known: bool

    @property
    def coin(self) -> bool:
        """Whether it has two values."""
        return bool(self.values.shape[1] == 1)


@dataclass(frozen=True, slots=True)
class Question:
    """A treatment and an outcome in a log.

    Parameters
    ----------
    name : "carts" or "clicks".
    treatment, outcome, rows : in words.
    controls : by their words, what must show no effect where nothing is hidden.
    potential : chances (or draws) of Y(1) and Y(0) of each row, where a world says them.
    hidden : whether a world has a hidden intent, so that ignorability fails; None where nobody knows.
    randomised : estimate of E[Y(1)] by rows whose treatment a coin decided, and its standard error.
    parts : by name, rows of which the effect is also given alone.
    notes : what else has to be said of the rows.
    """

    name: str
    treatment: str
    outcome: str
    rows: str
    observed: Observed
    instrument: Instrument | None = None
    controls: Mapping[str, Observed] = field(default_factory=dict)
    potential: tuple[Float64, Float64] | None = None
    hidden: bool | None = None
    randomised: tuple[float, float] | None = None
    parts: Mapping[str, Bool] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def lacking(self) -> str:
        """Why nothing can be estimated; empty where it can."""
        treated, untreated, outcomes = _counts(self.observed)
        if min(treated, untreated, outcomes) >= FEWEST:
            return ""
        return (
            f"{len(self.observed):,} {self.rows}: {treated:,} treated, {untreated:,} not, {outcomes:,} with the outcome; at "
            f"least {FEWEST} of each are needed"
        )


def _counts(observed: Observed) -> tuple[int, int, int]:
    treated = int(observed.treatment.sum())
    return treated, len(observed) - treated, int(observed.outcome.sum())
