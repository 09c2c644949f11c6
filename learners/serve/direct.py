"""Net conversion rate from a logit of its own."""

from __future__ import annotations

from collections.abc import Mapping

from learners.serve.base import LINKS, Link
from simulator.log.schema import Float64
from simulator.logistic import expit


@LINKS.register("direct")
class Direct(Link):
    """CVR and NetCVR are each the sigmoid of their logit; there is no refund rate."""

    heads = ("cvr", "netcvr")
    tasks = ("cvr", "netcvr")

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        return {task: expit(outputs[task]) for task in self.tasks}
