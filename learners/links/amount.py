"""log1p of an amount served as the amount."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from learners.links.base import LINKS, Link
from simulator.log.schema import Float64

LARGEST_LOG_AMOUNT = 40.0
"""Outputs above it are served as expm1(40): a diverged head then shows as absurd, not as infinite."""


@LINKS.register("amount")
class Amount(Link):
    """The GMV is expm1 of the head's output, an output below 0 counting as 0."""

    heads = ("gmv",)
    tasks = ("gmv",)

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        return {"gmv": np.expm1(np.clip(outputs["gmv"], 0.0, LARGEST_LOG_AMOUNT))}
