"""TESLA: both stages of the cascade debiased for their observation windows, and ranked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import NonNegativeFloat, PositiveInt

from learners.objectives.base import OBJECTIVES, Objective
from learners.objectives.ranking import Negatives, pay_hours, ranking_loss, refund_hours
from simulator.composite import following

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch

ONLINE = ("late_pay", "late_refund")
FROZEN = ("q_pay", "inw_pay", "tn_pay", "q_refund", "inw_refund", "tn_refund")

ESTIMATES = {"online": ONLINE, "frozen": FROZEN, "none": ()}


@dataclass(frozen=True, slots=True)
class _Stage:
    name: str
    head: str
    target: str
    hours: Callable[[Batch], Tensor]


_PAY = _Stage("pay", "cvr", "converted", pay_hours)
_REFUND = _Stage("refund", "rfr", "refunded", refund_hours)


@OBJECTIVES.register("tesla")
class Tesla(Objective):
    """TESLA (NetCVR, WWW 2026): elapsed-time weights at both stages (eq. 1 to 4) and delay-aware ranking (eq. 7 to 11).

    Per stage, with p the probability of the event and l that of its being late (after its observation window) if
    it comes: w+ = 1 + p l, w- = (1 + p l) (1 - p) / (1 - p + p l). ``weights = "online"`` takes p from the
    online model without gradient and l from an auxiliary, as the paper writes it. ``weights = "frozen"`` is the
    public code: w+ = 1 + q - a, w- = (1 + q - a) t, where q is the frozen start model's probability, a that of
    the event inside its window, and t that of no event at all given none inside; q - a may be negative.

    The public code takes a step on the refund loss and then one on the conversion loss; here one step is taken
    on their sum. Private parameters see the same gradients; embeddings that both towers share move once, by the
    sum, and the conversion loss does not see what the refund loss has just done to them.
    """

    weights: Literal["online", "frozen", "none"] = "online"
    """As the paper writes them, as the public code computes them, or 1 throughout."""
    debias_refunds: bool = True
    """Weight the refund stage; off: its rows as they come (table 3)."""
    ranking: Literal["none"] | Negatives = "pairwise-low"
    """NR, RN, HN, LN and PW-LN (= DAR) of table 4."""
    negatives: PositiveInt = 50
    """Negatives drawn for each conversion (not stated in the paper; from the public code)."""
    refund_negatives: PositiveInt = 5
    """Negatives drawn for each refund."""
    ranking_weight: NonNegativeFloat = 1.0
    """Weight of the ranking loss of conversions."""
    refund_ranking_weight: NonNegativeFloat = 1.0
    """The paper's (eq. 11); the public code has 0.1."""

    heads = ("cvr", "rfr")
    targets = ("converted", "refunded")
    estimates = following(ONLINE, lambda part: ESTIMATES[part.weights])

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        pay = self._stage(_PAY, batch, outputs["cvr"], self.negatives, self.ranking_weight)
        return pay + self._stage(
            _REFUND, batch, outputs["rfr"], self.refund_negatives, self.refund_ranking_weight
        )

    def _stage(self, stage: _Stage, batch: Batch, logit: Tensor, negatives: int, weight: float) -> Tensor:
        target = batch.target(stage.target)
        positive, negative = self._weights(stage, batch.estimates, logit)
        loss = target.cross_entropy(logit, positive, negative)
        if self.ranking == "none" or not weight:
            return loss
        told = target.weight > 0
        return loss + weight * ranking_loss(
            logit[told],
            target.value[told],
            stage.hours(batch)[told],
            self.ranking,
            negatives,
            batch.generator(f"ranking of {stage.name}"),
        )

    def _weights(
        self, stage: _Stage, estimates: Mapping[str, Tensor], logit: Tensor
    ) -> tuple[Tensor | float, Tensor | float]:
        if self.weights == "none" or (stage is _REFUND and not self.debias_refunds):
            return 1.0, 1.0
        if self.weights == "frozen":
            q, inside, never = (estimates[f"{name}_{stage.name}"].detach() for name in ("q", "inw", "tn"))
            sampled = 1 + q - inside
            return sampled, sampled * never
        p = logit.detach().sigmoid()
        late = p * estimates[f"late_{stage.name}"].detach()
        return 1 + late, (1 + late) * (1 - p) / (1 - p + late)

    def on_finals(self) -> Objective:
        # Final labels do not say how late they were, so that positives are not weighted by their delay either.
        ranking = "low" if self.ranking == "pairwise-low" else self.ranking
        return self.model_copy(update={"weights": "none", "ranking": ranking})
