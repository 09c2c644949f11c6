"""Net conversion rate as the product of its two stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from learners.serve.base import LINKS, Link
from simulator.composite import Nested, following, union
from simulator.log.schema import Float64
from simulator.logistic import expit


@LINKS.register("cascade")
class Cascade(Link):
    """NetCVR = CVR (1 - RFR) (NetCVR, WWW 2026, section 3).

    ``refund = "odds"`` is the fake negative calibration for refunds: where each conversion is delivered as "not
    refunded" and again as refunded, r / (1 + r) was learnt, and its odds are served.
    """

    conversion: Annotated[Link, Nested(LINKS)] = "probability"  # type: ignore[assignment]
    """How the conversion rate is served: any link that serves it."""
    refund: Literal["probability", "odds"] = "probability"
    """What was learnt as the refund rate: it itself, or its odds."""
    clip: Annotated[float, Field(gt=0, lt=1)] = 0.8
    """The largest refund rate that odds can give."""

    tasks = ("cvr", "rfr", "netcvr")
    heads = following(("cvr", "rfr"), lambda part: union(part.conversion.heads, ("rfr",)))
    estimates = following((), lambda part: part.conversion.estimates)

    @model_validator(mode="after")
    def _serves_cvr(self) -> Self:
        if self.conversion.tasks != ("cvr",):
            raise ValueError(
                f"conversion = {self.conversion.kind!r} serves {', '.join(self.conversion.tasks)}: the conversion link "
                "of a cascade serves cvr alone"
            )
        return self

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        cvr, logit = self.conversion.serve(outputs)["cvr"], outputs["rfr"]
        rfr = expit(logit) if self.refund == "probability" else np.exp(np.minimum(logit, np.log(self.clip)))
        return {"cvr": cvr, "rfr": rfr, "netcvr": cvr * (1 - rfr)}

    def on_finals(self) -> Link:
        return self.model_copy(update={"conversion": self.conversion.on_finals(), "refund": "probability"})
