"""Net conversion rate as the difference of two rates of clicks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from learners.serve.base import LINKS, Link
from simulator.log.schema import Float64
from simulator.logistic import expit


@LINKS.register("effective")
class Effective(Link):
    """NetCVR = CVR - CVRFR (ECAD, CIKM 2023), and the refund rate of conversions CVRFR / CVR.

    CVRFR = P(pays and is refunded | click) is learnt apart from CVR; where it is larger, all conversions are refunded.
    """

    heads = ("cvr", "cvrfr")
    tasks = ("cvr", "rfr", "netcvr")

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        cvr, refunded = expit(outputs["cvr"]), expit(outputs["cvrfr"])
        # Of a rate of 0 any share may be refunded; none is left either way.
        rfr = np.minimum(refunded / np.maximum(cvr, np.finfo(float).tiny), 1.0)
        return {"cvr": cvr, "rfr": rfr, "netcvr": np.maximum(cvr - refunded, 0.0)}
