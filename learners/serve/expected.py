"""The expected GMV of a click, whether it pays or not."""

from __future__ import annotations

from collections.abc import Mapping

from learners import lognormal
from learners.heads import LOG_MEAN
from learners.serve.base import LINKS, Link
from simulator.log.schema import Float64
from simulator.logistic import expit


@LINKS.register("expected")
class Expected(Link):
    """CVR times GMV given a pay, and both factors."""

    heads = ("cvr", "gmv")
    tasks = ("cvr", "gmv", "value")

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        cvr, gmv = expit(outputs["cvr"]), LOG_MEAN.value(outputs["gmv"])
        return {"cvr": cvr, "gmv": gmv, "value": cvr * gmv}


@LINKS.register("expected-lognormal")
class ExpectedLogNormal(Link):
    """As expected; the GMV given a pay is the mean of a log-normal distribution."""

    heads = ("cvr", "mu", "spread")
    tasks = ("cvr", "gmv", "value")

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        cvr, gmv = expit(outputs["cvr"]), lognormal.mean(outputs["mu"], outputs["spread"])
        return {"cvr": cvr, "gmv": gmv, "value": cvr * gmv}
