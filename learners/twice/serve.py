"""The conversion rate within any horizon."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from learners.serve.base import LINKS, Link
from learners.twice.delays import DELAYS, passed
from simulator.composite import following
from simulator.log.schema import Float64
from simulator.logistic import expit
from simulator.units import PositiveDuration


@LINKS.register("horizon")
class Horizon(Link):
    """p F(horizon): P(pays within the horizon), of a conversion rate and the shares of its delays (TWICE, 2026).

    One set of delays gives every horizon. Without one, p itself: a pay inside the attribution window.
    """

    heads = following(("cvr",), lambda part: ("cvr", *DELAYS) if part.horizon else ("cvr",))
    tasks = ("cvr",)

    horizon: PositiveDuration | None = None
    """How soon after the click the pay shall come; any time inside the attribution window unless given."""

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        rate = expit(outputs["cvr"])
        if self.horizon is None:
            return {"cvr": rate}
        logs = np.stack([outputs[head] for head in DELAYS])
        shares = np.exp(logs - logs.max(axis=0))
        inside = (shares * passed(np.array([self.horizon]))).sum(axis=0) / shares.sum(axis=0)
        return {"cvr": rate * inside}
