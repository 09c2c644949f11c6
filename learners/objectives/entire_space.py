"""Entire space: a correction for what was never clicked, over a correction for labels that come late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import model_validator

from learners.objectives.base import OBJECTIVES, Objective, Weighted
from learners.spaces import SPACES, Space
from simulator.composite import Nested, following, union

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch

SERVED = ("ctr", "cvr")
LABELS = ("clicked", "converted")


@OBJECTIVES.register("entire-space")
class EntireSpace(Objective):
    """Click rate c and conversion rate f on all impressions, by any space correction on any delay correction.

    The click rate learns from the impressions. The conversion loss on clicks, and that of "clicked and converted", weigh
    each row as the conversion objective does: its weights, taken at the logit of f, stand in the loss of f and in that of
    c f alike. What nobody clicked is final at once. Propensities are the model's own c.
    """

    space: Annotated[Space, Nested(SPACES)] = "esmm"  # type: ignore[assignment]
    """What corrects for impressions that nobody clicked: by name, or as a table of its kind and parameters."""
    conversion: Annotated[Objective, Nested(OBJECTIVES)] = "bce"  # type: ignore[assignment]
    """What corrects for labels that come late: an objective for the conversion rate that gives weights."""

    heads = following(SERVED, lambda part: part.space.heads)
    unserved = following((), lambda part: tuple(head for head in part.space.heads if head not in SERVED))
    targets = following(LABELS, lambda part: union(LABELS, part.space.targets))
    estimates = following((), lambda part: union(part.conversion.estimates, part.space.estimates))

    @model_validator(mode="after")
    def _weighs_conversions(self) -> Self:
        if not _able(self.conversion):
            able = sorted(kind for kind, cls in OBJECTIVES.items() if _able(cls))
            raise ValueError(
                f"conversion = {self.conversion.kind!r} trains {', '.join(self.conversion.heads)}, or gives no weights for a "
                f"conversion label; allowed: {', '.join(able)}"
            )
        return self

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        from learners.impressions import Rows

        assert isinstance(self.conversion, Weighted), "checked when it was made"
        return self.space.loss(Rows.of(batch, self.space.composed(outputs), self.conversion))

    def on_finals(self) -> Objective:
        return self.model_copy(update={"conversion": self.conversion.on_finals()})


def _able(part: Objective | type[Objective]) -> bool:
    cls = part if isinstance(part, type) else type(part)
    return issubclass(cls, Weighted) and part.heads == ("cvr",) and part.targets == ("converted",)
