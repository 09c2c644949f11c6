"""Two probabilities served as their sum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field

from learners.serve.base import LINKS, Link
from simulator.log.schema import Float64
from simulator.logistic import expit


@LINKS.register("two-windows")
class TwoWindows(Link):
    """The CVR is P(pays inside the observation window) + P(pays after it) (Bi-DEFUSE, WWW 2022).

    Nothing keeps two heads that were learnt apart from exceeding 1 together, so their sum is clipped.
    """

    heads = ("in_window", "out_window")
    tasks = ("cvr",)

    clip: Annotated[float, Field(gt=0, lt=1)] = 0.99
    """The largest probability that is served."""

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        both = expit(outputs["in_window"]) + expit(outputs["out_window"])
        return {"cvr": np.minimum(both, self.clip)}
