"""Two towers served as one amount."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from learners.heads import LARGEST_LOG_AMOUNT
from learners.routing import Zones
from learners.serve.base import LINKS, Link
from simulator.log.schema import Float64
from simulator.logistic import expit


@LINKS.register("routed")
class RoutedAmount(Zones, Link):
    """The GMV of the tower, or the mixture of both, to which the router sends a click; and what the router says."""

    heads: ClassVar[tuple[str, ...]] = ("gmv_single", "gmv_repurchase")
    tasks = ("gmv", "repurchase")
    estimates: ClassVar[tuple[str, ...]] = ("repurchase",)

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        again = self.again(outputs)
        share = self.served_share(again)
        once, repeated = (np.expm1(np.clip(outputs[h], 0.0, LARGEST_LOG_AMOUNT)) for h in self.heads[:2])
        return {"gmv": (1 - share) * once + share * repeated, "repurchase": again}

    def again(self, outputs: Mapping[str, Float64]) -> Float64:
        """Return the probability that a click pays again."""
        return outputs["repurchase"]


@LINKS.register("routed-joint")
class JointlyRoutedAmount(RoutedAmount):
    """As routed; the router is a head of the network itself."""

    heads = ("gmv_single", "gmv_repurchase", "repurchase")
    estimates = ()

    def again(self, outputs: Mapping[str, Float64]) -> Float64:
        return expit(outputs["repurchase"])
