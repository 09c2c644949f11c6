"""Click rate, conversion rate, and their product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

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


@LINKS.register("esm2")
class PostClickBehaviour(EntireSpace):
    """CVR = y2 y3 + (1 - y2) y4, of the rates through the cart and past it (ESM2: Wen et al., SIGIR 2020)."""

    heads = ("ctr", "cart", "cvr_carted", "cvr_uncarted")

    def cvr(self, outputs: Mapping[str, Float64]) -> Float64:
        cart, carted, uncarted = (expit(outputs[head]) for head in self.heads[1:])
        return cart * carted + (1 - cart) * uncarted
