"""A logit served as a probability."""

from __future__ import annotations

from collections.abc import Mapping

from learners.serve.base import LINKS, Link
from simulator.log.schema import Float64
from simulator.logistic import expit

HEAD = "cvr"
"""The head whose output is the logit of the conversion rate."""


@LINKS.register("probability")
class Probability(Link):
    """The CVR is the sigmoid of its logit."""

    heads = (HEAD,)
    tasks = ("cvr",)

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        return {"cvr": expit(outputs[HEAD])}
