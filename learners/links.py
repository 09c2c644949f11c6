"""Links: from the raw outputs of the published network to what is served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from learners.heads import sigmoid
from simulator.log.schema import Float64
from simulator.parts import Part, Registry

LARGEST_LOG_AMOUNT = 40.0
"""Outputs above it are served as expm1(40): a diverged head then shows as absurd, not as infinite."""


class Link(Part):
    """How a method serves what its network says."""

    heads: ClassVar[tuple[str, ...]] = ()
    """Network heads that it reads."""
    tasks: ClassVar[tuple[str, ...]] = ()
    """Tasks that it serves."""
    estimates: ClassVar[tuple[str, ...]] = ()
    """What an auxiliary must estimate for each served click."""

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        """Return the predictions per task from the raw outputs per head, the auxiliary's estimates among them."""
        raise NotImplementedError


LINKS: Registry[Link] = Registry("link", Link, "learners.links")


@LINKS.register("probability")
class Probability(Link):
    """The CVR is the sigmoid of its logit."""

    heads = ("cvr",)
    tasks = ("cvr",)

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        return {"cvr": sigmoid(outputs["cvr"])}


@LINKS.register("odds")
class Odds(Link):
    """Fake negative calibration (Ktena et al., RecSys 2019): serves q / (1 - q) = exp(logit) of the learnt q.

    With every pay delivered twice, q = p / (1 + p) was learnt. Near q = 1/2 the odds explode, in the hours
    after a sale opens most of all, so they are clipped well below 1.
    """

    heads = ("cvr",)
    tasks = ("cvr",)

    clip: Annotated[float, Field(gt=0, lt=1)] = 0.8
    """The largest probability that is served."""

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        return {"cvr": np.exp(np.minimum(outputs["cvr"], np.log(self.clip)))}


@LINKS.register("amount")
class Amount(Link):
    """The GMV is expm1 of the head's output, an output below 0 counting as 0."""

    heads = ("gmv",)
    tasks = ("gmv",)

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        return {"gmv": np.expm1(np.clip(outputs["gmv"], 0.0, LARGEST_LOG_AMOUNT))}
