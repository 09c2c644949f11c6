"""Cascade: a conversion objective on one tower, a refund objective on the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import model_validator

from learners.objectives.base import OBJECTIVES, Objective
from simulator.composite import Nested, following, union

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


def _of_both(name: str) -> tuple[str, ...]:
    """Return a class variable that unites what both parts say."""

    def own(part: Cascade) -> tuple[str, ...]:
        refund = () if part.refund is None else getattr(part.refund, name)
        return union(getattr(part.conversion, name), refund)

    return following((), own)


def _trains_refunds(cls: type[Objective]) -> bool:
    """Tell whether a kind of objective can teach the refund rate alone, told of it by ``of``."""
    try:
        return "of" in cls.model_fields and cls.model_validate({"of": "refunded"}).heads == ("rfr",)
    except ValueError:
        return False


@OBJECTIVES.register("cascade")
class Cascade(Objective):
    """Conversion after the click and refund after the conversion, each with an objective (NetCVR, WWW 2026, section 3).

    Both losses are sums over all rows of the batch divided by their number, and one step is taken on their
    sum. The public code takes two steps a batch, one for each loss; towers that share nothing see the same
    gradients either way, shared embeddings move once by the sum of both instead of twice.
    """

    conversion: Annotated[Objective, Nested(OBJECTIVES)] = "bce"  # type: ignore[assignment]
    """What teaches the conversion rate."""
    refund: Annotated[Objective | None, Nested(OBJECTIVES, {"of": "refunded"}, optional=True)] = "bce"  # type: ignore[assignment]
    """What teaches the refund rate; "none" leaves it as the pre-training made it."""

    heads = following(("cvr", "rfr"), lambda part: union(part.conversion.heads, ("rfr",)))
    unserved = _of_both("unserved")
    targets = _of_both("targets")
    estimates = _of_both("estimates")

    @model_validator(mode="after")
    def _one_tower_each(self) -> Self:
        conversion, refund = self.conversion, self.refund
        if "rfr" in conversion.heads or "gmv" in conversion.heads:
            raise ValueError(
                f"conversion = {conversion.kind!r} trains {', '.join(conversion.heads)}: the conversion objective of "
                "a cascade is one for the conversion rate alone"
            )
        if refund is not None and refund.heads != ("rfr",):
            able = sorted(kind for kind, cls in OBJECTIVES.items() if _trains_refunds(cls))
            raise ValueError(
                f"refund = {refund.kind!r} trains {', '.join(refund.heads)}: the refund objective of a cascade trains "
                f"rfr; allowed: {', '.join(able)}, none"
            )
        return self

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        loss = self.conversion.loss(batch, outputs)
        return loss if self.refund is None else loss + self.refund.loss(batch, outputs)

    def on_finals(self) -> Objective:
        refund = None if self.refund is None else self.refund.on_finals()
        return self.model_copy(update={"conversion": self.conversion.on_finals(), "refund": refund})
