"""Who clicks what is shown: a position-based click model, and how the impressions that nobody clicks follow from it.

An impression is seen with probability s, of its position alone; whoever sees it clicks with logit a(x) + c u, of features
x and hidden intent u. Clicks come from a Poisson process of intensity f(x) g(u), so that impressions are one of intensity

    f(x) g(u) (1 + e^-(a(x) + c u)) / s,

whose clicked part is the clicks, and whose unclicked part is two more processes, independent of the clicks:

* unseen, whoever would have clicked:   f(x) g(u) (1 - s) / s,
* passed over, seen or not:             f(x) g(u) e^-(a(x) + c u) / s.

So the stream adds impressions to the clicks and changes none of them. The position is independent of all else in the
clicks and in the impressions, and moves clicks alone: it is an instrument. (With the position in the logit it would not be
one: the impressions behind given clicks would tie it to the intent.)
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from simulator.log.schema import Float64
from simulator.logistic import expit
from simulator.worlds.affinity import Visit
from simulator.worlds.confounder import Hidden
from simulator.worlds.positions import position_shares, seen_at
from simulator.worlds.settings import CARDINALITIES, WorldSettings

POSITION = tuple(CARDINALITIES).index("position")
CUT = 2.0
"""Log-hazards beyond this click no more, and no less."""


class Clicking:
    """The click model of a world; ``visits`` are a sample of its clicks, on which a(x) = base + slope * log-hazard is solved
    for the rate of clicks.

    Attributes
    ----------
    seen : chance to be seen by position; shape (positions,).
    positions : how often each position is shown, over the clicks there: row 0 unseen, row 1 passed over, row 2 both
        the clicked and the unseen; shape (3, positions).
    passed : candidates for impressions passed over, per click; `kept` says which of them are.
    """

    def __init__(self, settings: WorldSettings, hidden: Hidden, visits: Iterable[Visit]) -> None:
        self._exposure, self._hidden = settings.exposure, hidden
        share = position_shares(settings.sizes()["position"])
        self.seen: Float64 = seen_at(settings.exposure.position, len(share))
        self.positions: Float64 = np.stack([share * (1 - self.seen), share, share]) / self.seen
        # e^-(c u), over clicks; its inverse is what tilts those who pass over towards those who click.
        self._untilted = float(hidden.chance @ np.exp(-hidden.pull))
        total, days = 0.0, 0
        for visit in visits:
            total += float((np.exp(-self._slope(visit)) / self.seen[visit.features[POSITION]]).mean())
            days += 1
        passed = 1 / settings.exposure.rate - float(self.positions[2].sum())
        self.base = float(np.log(total / days * self._untilted / passed))
        self._least = -CUT * abs(settings.exposure.slope)
        self.passed = float(np.exp(-self.base - self._least) * self._untilted * self.positions[1].sum())

    def _slope(self, visit: Visit) -> Float64:
        slope: Float64 = self._exposure.slope * np.clip(visit.eta, -CUT, CUT)
        return slope

    def kept(self, visit: Visit) -> Float64:
        """Return with which chance each candidate for the passed-over is one."""
        chance: Float64 = np.exp(self._least - self._slope(visit))
        return chance

    def p_click(self, visit: Visit) -> Float64:
        """P(click | x, u)."""
        logit = self.base + self._slope(visit)
        if visit.hidden is not None:
            logit = logit + self._hidden.pull[visit.hidden]
        chance: Float64 = self.seen[visit.features[POSITION]] * expit(logit)
        return chance

    def given_features(self, visit: Visit, would_click: Float64, passes: Float64) -> dict[str, Float64]:
        """Return what is true given x alone, the intent summed out.

        With r = E[e^-(a(x) + c u)] over clicks, a share 1 / (1 + r) of what is shown would be clicked if it were seen.

        Parameters
        ----------
        would_click, passes : P(pay) among those who click, and among those who pass over.

        Returns
        -------
        c = P(click | x), and P(pay if clicked | x) among the clicked (q1), the unclicked (q0), and all (q).
        """
        seen = self.seen[visit.features[POSITION]]
        r = np.exp(-self.base - self._slope(visit)) * self._untilted
        gap = passes - would_click
        return {
            "c": seen / (1 + r),
            "q1": would_click,
            "q0": would_click + r / (1 - seen + r) * gap,
            "q": would_click + r / (1 + r) * gap,
        }
