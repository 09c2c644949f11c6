"""TEN's second stage: the gate learns what the policy delivers, beside the everyday layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import model_validator

from learners.auxiliary.sale import IN_SALE
from learners.objectives.base import OBJECTIVES, Objective
from learners.reuse.temporal import GATE, GATED
from learners.serve.base import LINKS, Link
from learners.serve.probability import HEAD, Probability
from simulator.composite import Nested, following, union
from simulator.log.schema import Float64
from simulator.logistic import expit

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


Learns = Literal["always", "sales"]


def _asked(learns: Learns) -> tuple[str, ...]:
    return (IN_SALE,) if learns == "sales" else ()


def _of(name: str, general: tuple[str, ...]) -> Any:
    return following(general, lambda part: getattr(part.of, name))


@OBJECTIVES.register("gated")
class Gated(Objective):
    """An objective for the conversion rate, twice: at the everyday head, and at what the gate makes of it and of experts.

    The network sees to it that the second moves the gate alone, so that both can be added up.
    """

    of: Annotated[Objective, Nested(OBJECTIVES)] = "es-dfm"  # type: ignore[assignment]
    """The objective: any that trains the head cvr alone."""
    learns: Learns = "always"
    """When the gate learns. Outside sales it learns to close, most for those whom experts promise most, and comes to a sale the
    wrong way round. With "sales" it learns of their clicks alone (``in_sale`` of the auxiliary ``sale``); the link then must
    say the same."""

    heads = (HEAD, GATED, GATE)
    unserved = (HEAD,)
    targets = _of("targets", ("converted",))
    estimates = following((), lambda part: union(part.of.estimates, _asked(part.learns)))

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
        said = outputs[GATED]
        if self.learns == "sales":
            inside = batch.estimates[IN_SALE]
            said = inside * said + (1 - inside) * outputs[HEAD].detach()
        return self.of.loss(batch, outputs) + self.of.loss(batch, {**outputs, HEAD: said})

    def on_finals(self) -> Objective:
        return self.of.on_finals()


@LINKS.register("gated")
class GatedRate(Link):
    """The CVR is that of the head ``gated``; ``takes_part`` is g, how far the experts of past sales are believed of a click."""

    learns: Learns = "always"
    """As the objective has it: with "sales" the gate is asked in sales alone, and elsewhere the everyday layers."""

    heads = following(
        (GATED, GATE), lambda part: (GATED, GATE, HEAD) if part.learns == "sales" else (GATED, GATE)
    )
    estimates = following((), lambda part: _asked(part.learns))
    tasks = ("cvr", "takes_part")

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        said = outputs[GATED]
        if self.learns == "sales":
            said = np.where(outputs[IN_SALE] > 0, said, outputs[HEAD])
        return {"cvr": expit(said), "takes_part": expit(outputs[GATE])}

    def on_finals(self) -> Link:
        return Probability()
