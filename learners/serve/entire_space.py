"""Click rate, conversion rate, and their product."""

from __future__ import annotations

from collections.abc import Mapping

from learners.serve.base import LINKS, Link
from simulator.log.schema import Float64
from simulator.logistic import expit


@LINKS.register("entire-space")
class EntireSpace(Link):
    """CTR and CVR are the sigmoids of their logits, CTCVR = CTR CVR; other heads are not served."""

    heads = ("ctr", "cvr")
    tasks = ("ctr", "cvr", "ctcvr")

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        ctr, cvr = expit(outputs["ctr"]), expit(outputs["cvr"])
        return {"ctr": ctr, "cvr": cvr, "ctcvr": ctr * cvr}
