"""The larger of what a satellite and the main network say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from learners.serve.base import LINKS, Link
from simulator.log.schema import Float64
from simulator.logistic import expit


@LINKS.register("satellites")
class Satellites(Link):
    """The CVR is the larger of the feature satellite's probability and the main network's (DFSN, as NetCVR builds it)."""

    heads = ("cvr", "feature")
    tasks = ("cvr",)

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        return {"cvr": expit(np.maximum(outputs["cvr"], outputs["feature"]))}
