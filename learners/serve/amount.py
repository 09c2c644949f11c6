"""log1p of an amount served as the amount."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from learners.heads import LARGEST_LOG_AMOUNT
from learners.serve.base import LINKS, Link
from simulator.log.schema import Float64


@LINKS.register("amount")
class Amount(Link):
    """The GMV is expm1 of the head's output, an output below 0 counting as 0."""

    heads = ("gmv",)
    tasks = ("gmv",)

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        return {"gmv": np.expm1(np.clip(outputs["gmv"], 0.0, LARGEST_LOG_AMOUNT))}


@LINKS.register("net-amount")
class NetAmount(Link):
    """As amount; what is served is the GMV that stays, after refunds."""

    heads = ("gmv",)
    tasks = ("netgmv",)

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        return {"netgmv": np.expm1(np.clip(outputs["gmv"], 0.0, LARGEST_LOG_AMOUNT))}
