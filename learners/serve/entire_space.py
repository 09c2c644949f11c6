"""Click rate, conversion rate, and their product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from learners.serve.base import LINKS, Link
from simulator.log.schema import Float64
from simulator.logistic import expit


@LINKS.register("entire-space")
class EntireSpace(Link):
    """CTR and CVR are the sigmoids of their logits, CTCVR = CTR CVR; other heads are not served."""

    heads: ClassVar[tuple[str, ...]] = ("ctr", "cvr")
    tasks = ("ctr", "cvr", "ctcvr")

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        ctr, cvr = expit(outputs["ctr"]), self.cvr(outputs)
        return {"ctr": ctr, "cvr": cvr, "ctcvr": ctr * cvr}

    def cvr(self, outputs: Mapping[str, Float64]) -> Float64:
        """Return the conversion rate of clicks."""
        return expit(outputs["cvr"])


@LINKS.register("esdf")
class EntireSpaceDelay(Link):
    """CTR and CTCVR are the sigmoids of their logits, CVR = CTCVR / CTR, at most 1 (ESDF: Wang et al., AAAI 2021)."""

    heads = ("ctr", "ctcvr")
    tasks = ("ctr", "cvr", "ctcvr")

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        ctr, ctcvr = expit(outputs["ctr"]), expit(outputs["ctcvr"])
        return {
            "ctr": ctr,
            "cvr": np.minimum(ctcvr / np.maximum(ctr, np.finfo(float).tiny), 1.0),
            "ctcvr": ctcvr,
        }


@LINKS.register("esm2")
class PostClickBehaviour(EntireSpace):
    """CVR = y2 y3 + (1 - y2) y4, of the rates through the cart and past it (ESM2: Wen et al., SIGIR 2020)."""

    heads = ("ctr", "cart", "cvr_carted", "cvr_uncarted")

    def cvr(self, outputs: Mapping[str, Float64]) -> Float64:
        cart, carted, uncarted = (expit(outputs[head]) for head in self.heads[1:])
        return cart * carted + (1 - cart) * uncarted
