"""Odds served as a probability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field

from learners.serve.base import LINKS, Link
from learners.serve.probability import Probability
from simulator.log.schema import Float64


@LINKS.register("odds")
class Odds(Link):
    """Fake negative calibration (Ktena et al., RecSys 2019): serves q / (1 - q) = exp(logit) of the learnt q.

    With every pay delivered twice, q = p / (1 + p) was learnt. Near q = 1/2 the odds explode, in the hours
    after a sale opens most of all, so they are clipped well below 1.
    """

    heads = ("cvr",)
    tasks = ("cvr",)

    clip: Annotated[float, Field(gt=0, lt=1)] = 0.8
    """The largest probability that is served."""

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        return {"cvr": np.exp(np.minimum(outputs["cvr"], np.log(self.clip)))}

    def on_finals(self) -> Link:
        return Probability()
