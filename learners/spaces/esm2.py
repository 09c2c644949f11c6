"""ESM2: the conversion rate composed of the paths through the cart and past it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import NonNegativeFloat

from learners.spaces.base import SPACES
from learners.spaces.observed import EntireSpaceMultiTask

if TYPE_CHECKING:
    from torch import Tensor

    from learners.impressions import Rows


@SPACES.register("esm2")
class PostClickBehaviour(EntireSpaceMultiTask):
    """Post-click behaviour decomposition (ESM2: Wen et al., SIGIR 2020): L_ctr + L_cart + L_ctcvr.

    With y1 = P(click), y2 = P(cart | click), y3 = P(pay | cart) and y4 = P(pay | click, no cart), f = y2 y3 + (1 - y2) y4,
    and L_cart is the cross-entropy of "clicked and carted", at y1 y2, over the impressions. A cart is one inside the
    attribution window. Of y3 and y4, f alone is taught: which of them is which shows as far as y2 varies.
    """

    heads = ("ctr", "cart", "cvr_carted", "cvr_uncarted")
    targets = ("carted",)

    weight_cart: NonNegativeFloat = 1.0
    """Weight of L_cart."""
    weight_carted: NonNegativeFloat = 0.0
    """Weight of the conversion loss of y3 on carted clicks, as a mean over them: it then means what it is called. The model
    has none."""

    def composed(self, outputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        from torch import logaddexp
        from torch.nn.functional import logsigmoid

        cart, carted, uncarted = (outputs[head] for head in self.heads[1:])
        yes, no = logsigmoid(cart), logsigmoid(-cart)
        paid = logaddexp(yes + logsigmoid(carted), no + logsigmoid(uncarted))
        unpaid = logaddexp(yes + logsigmoid(-carted), no + logsigmoid(-uncarted))
        return {**outputs, "cvr": paid - unpaid}

    def loss(self, rows: Rows) -> Tensor:
        from torch.nn.functional import softplus

        carted, logit = rows.batch.target("carted"), rows.outputs["cvr_carted"]
        weight = carted.weight.where(rows.clicks, carted.weight.new_zeros(()))
        loss = super().loss(rows)
        if self.weight_cart:
            up, down = weight * carted.value, weight * (1 - carted.value)
            loss = loss + self.weight_cart * rows.product("cart", up, down)
        if self.weight_carted:
            among = rows.observed * ((weight != 0) & (carted.value == 1))
            errors = rows.up * softplus(-logit) + rows.down * softplus(logit)
            loss = loss + self.weight_carted * (among * errors).sum() / among.sum().clamp(min=1)
        return loss
