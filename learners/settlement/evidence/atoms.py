"""Delays at which many pay at once, as learnt from the history. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from learners.history import History
from learners.settlement.evidence.layout import OpenClicks
from simulator.log.schema import Float64, Int64
from simulator.units import HOUR

ATOM = 0.02
"""Share of those who have not paid sooner that a delay must hold."""
FEWEST = 10
"""Pays that it must hold, so that a few that are equal by chance are none."""
REST = 0.1
"""Share of the pays that may come at other times where atoms count as all there is."""
ROUNDING = 1e-10
"""Hours; above what ages are rounded by, below a microsecond."""


@dataclass(frozen=True, slots=True)
class Atoms:
    """Delays that many pays share to the microsecond: 0, 1, 2, ... days where a log has dates alone.

    Of those who pay, the share that is silent after age e is S(e) = exp(-H(e)) x the product of (1 - h) over the delays of
    atoms up to e, h being the share of those who are left that pays at the atom (Kaplan and Meier, JASA 1958). The evidence
    of silence is ln S(e): the smooth H is what the net learns; a step it could only smear, and a log of dates is asked at
    nothing but its steps.

    Parameters
    ----------
    delay : in hours, in order, shape (k,).
    survival : logarithm of the product up to and with each of them, shape (k,).
    share : of all pays, those that come at one of them.
    """

    delay: Float64
    survival: Float64
    share: float = 0.0

    @classmethod
    def of(cls, delays: Int64) -> Atoms:
        """Find the atoms among the delays (microseconds) of those who paid; where these are continuous there are none."""
        values, counts = np.unique(delays, return_counts=True)
        left = np.cumsum(counts[::-1])[::-1]
        many = (counts >= FEWEST) & (counts >= ATOM * left)
        # Half a pay more than were seen: after the last atom few are left, and not none.
        steps = np.log((left - counts + 0.5) / (left + 0.5))[many]
        share = counts[many].sum() / max(counts.sum(), 1)
        return cls(values[many] / HOUR, np.cumsum(steps), float(share))

    def log_survival(self, age: Float64) -> Float64:
        """Return the logarithm of the product at ages in hours. Age 0 is the click itself, before all that follows."""
        passed = np.searchsorted(self.delay, age + ROUNDING, side="right")
        return np.concatenate([np.zeros(1), self.survival])[np.where(age > 0, passed, 0)]

    @property
    def whole(self) -> bool:
        """Whether nearly all pays come at atoms, so that between two of them nothing happens."""
        return self.share >= 1 - REST

    def as_of(self, clicks: OpenClicks) -> OpenClicks:
        """Return clicks as of an instant that stands for their own: where atoms are all there is, the middle of two of them.

        Nothing happens between them, and whoever is asked just before a sale opens must not look as if it had.
        """
        if not self.whole:
            return clicks
        age = clicks.age
        passed = np.searchsorted(self.delay, age + ROUNDING, side="right")
        edges = np.concatenate([np.zeros(1), self.delay, [np.inf]])
        middle = np.where(passed < len(self.delay), (edges[passed] + edges[passed + 1]) / 2, age)
        return replace(clicks, now=clicks.click + np.where(age > 0, middle, 0.0))


NO_ATOMS = Atoms(np.empty(0), np.empty(0))


def atoms_of(history: History, *, of_refunds: bool = False) -> Atoms:
    """Return those of the first pay after the click, or of the first refund after it."""
    delays = [np.empty(0, np.int64)]
    for clicks, labels in history.log.labelled(history.windows, history.start, history.end, features=False):
        if of_refunds:
            delays.append((labels.first_refund - labels.first_pay)[labels.refunded])
        else:
            delays.append((labels.first_pay - clicks.time)[labels.converted])
    return Atoms.of(np.concatenate(delays))
