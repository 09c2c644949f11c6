"""What is served while a sale lasts: the fine-tuned copy, where there is one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from learners.serve.base import LINKS, Link
from learners.serve.probability import Probability
from simulator.log.schema import Float64


@LINKS.register("reused")
class Reused(Probability):
    """The CVR of the copy that ``historical-data-reuse`` has made, for clicks that it serves; else the method's own."""

    estimates = ("reused_cvr", "reuses")

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        own = super().serve(outputs)["cvr"]
        return {"cvr": np.where(outputs["reuses"] > 0, outputs["reused_cvr"], own)}

    def on_finals(self) -> Link:
        return Probability()
