"""What comes after the day of the click, as what is left of the conversion rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

import numpy as np
from pydantic import model_validator

from learners.heads import SMALLEST
from learners.serve.base import LINKS, Link
from simulator.composite import Nested, following, union
from simulator.log.schema import Float64

DIRECT = "p_direct"
OWN = ("cvr", "direct", "delayed", "all")


@LINKS.register("beyond-direct")
class BeyondDirect(Link):
    """CVR as any link serves it; direct as the auxiliary estimates it (``p_direct``); delayed = CVR - direct; all = CVR.

    So every method for the conversion rate can be judged on what it says of a coming sale. Where it says less than the pays of
    the click's own day, nothing is left for the sale (1e-6). A CVR counts the whole attribution window, a sale part of
    it: pays between the day and the sale, or after it, are in the rate and in neither label. What else the link of the rate
    serves is served too.
    """

    conversion: Annotated[Link, Nested(LINKS)] = "probability"  # type: ignore[assignment]
    """How the conversion rate is served: any link that serves it."""

    tasks = following(OWN, lambda part: union(part.conversion.tasks, OWN))
    heads = following(("cvr",), lambda part: part.conversion.heads)
    estimates = following((DIRECT,), lambda part: union(part.conversion.estimates, (DIRECT,)))

    @model_validator(mode="after")
    def _serves_cvr(self) -> Self:
        if "cvr" not in self.conversion.tasks:
            raise ValueError(
                f"conversion = {self.conversion.kind!r} serves {', '.join(self.conversion.tasks)}, and no cvr; allowed: a link "
                "that serves it"
            )
        return self

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        served, direct = self.conversion.serve(outputs), outputs[DIRECT]
        cvr = served["cvr"]
        return {**served, "direct": direct, "delayed": np.maximum(cvr - direct, SMALLEST), "all": cvr}

    def on_finals(self) -> Link:
        return self.model_copy(update={"conversion": self.conversion.on_finals()})
