"""What CM-DCM serves of a click before a sale."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from learners.cmdcm.objective import SMALLEST, Causal, tower_heads
from learners.serve.base import LINKS, Link
from simulator.composite import following
from simulator.log.schema import Float64
from simulator.logistic import expit


@LINKS.register("cm-dcm")
class DelayAndAll(Link):
    """direct = p_direct of the everyday model, delayed = p_delay of the tower, all = p_direct + p_delay, below 1."""

    causal: Causal = "mu1"
    """As the objective has it: with ``mix`` the tower has two heads."""

    tasks = ("direct", "delayed", "all")
    heads = following(
        ("direct", "delay"),
        lambda part: (("direct", "cart") if part.causal == "mix" else ("direct",)) + tower_heads(part.causal),
    )

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        direct, delayed = expit(outputs["direct"]), self._delayed(outputs)
        return {"direct": direct, "delayed": delayed, "all": np.minimum(direct + delayed, 1 - SMALLEST)}

    def _delayed(self, outputs: Mapping[str, Float64]) -> Float64:
        rates = [expit(outputs[head]) for head in tower_heads(self.causal)]
        if self.causal != "mix":
            return rates[0]
        cart = expit(outputs["cart"])
        return cart * rates[0] + (1 - cart) * rates[1]
