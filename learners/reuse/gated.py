"""TEN's second stage: the gate learns what the policy delivers, beside the everyday layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import model_validator

from learners.composite import Nested, following
from learners.objectives.base import OBJECTIVES, Objective
from learners.reuse.temporal import GATE, GATED
from learners.serve.base import LINKS, Link
from learners.serve.probability import HEAD, Probability
from simulator.log.schema import Float64
from simulator.logistic import expit

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


def _of(name: str, general: tuple[str, ...]) -> Any:
    return following(general, lambda part: getattr(part.of, name))


@OBJECTIVES.register("gated")
class Gated(Objective):
    """An objective for the conversion rate, twice: at the everyday head, and at what the gate makes of it and of experts.

    The network sees to it that the second moves the gate alone, so that both can be added up.
    """

    of: Annotated[Objective, Nested(OBJECTIVES)] = "es-dfm"  # type: ignore[assignment]
    """The objective: any that trains the head cvr alone."""

    heads = (HEAD, GATED, GATE)
    unserved = (HEAD,)
    targets = _of("targets", ("converted",))
    estimates = _of("estimates", ())

    @model_validator(mode="after")
    def _of_conversions(self) -> Self:
        if tuple(self.of.heads) != (HEAD,):
            able = sorted(kind for kind, cls in OBJECTIVES.items() if tuple(cls.heads) == (HEAD,))
            raise ValueError(
                f"of = {self.of.kind!r} trains {', '.join(self.of.heads)}, and the gate is one of the head {HEAD}; "
                f"allowed: {', '.join(able)}"
            )
        return self

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        gated = self.of.loss(batch, {**outputs, HEAD: outputs[GATED]})
        return self.of.loss(batch, outputs) + gated

    def on_finals(self) -> Objective:
        return self.of.on_finals()


@LINKS.register("gated")
class GatedRate(Link):
    """The CVR is that of the head ``gated``; ``takes_part`` is g, how far the experts of past sales are believed of a click."""

    heads = (GATED, GATE)
    tasks = ("cvr", "takes_part")

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        return {"cvr": expit(outputs[GATED]), "takes_part": expit(outputs[GATE])}

    def on_finals(self) -> Link:
        return Probability()
