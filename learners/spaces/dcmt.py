"""DCMT: a counterfactual conversion rate beside the factual one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import NonNegativeFloat

from learners.spaces.base import SPACES
from learners.spaces.propensity import Weighing

if TYPE_CHECKING:
    from torch import Tensor

    from learners.impressions import Rows


@SPACES.register("dcmt")
class CounterfactualMultiTask(Weighing):
    """Direct counterfactual multi-task model (DCMT: Zhu et al., ICDE 2023).

    L_cvr = mean of o e / c + mean of (1 - o) e* / (1 - c) + ``counterfactual`` mean of abs(1 - f - f*). f*, the head
    ``counterfactual``, is told 1 on everything that nobody clicked, and nothing else; the last term ties f to it. With
    enough capacity f* goes to 1 and f to where q1 / f - (1 - q1) / (1 - f) = ``counterfactual`` (L_ctcvr aside), below
    q1 = P(conversion | x, clicked).
    """

    heads = ("ctr", "cvr", "counterfactual")

    counterfactual: NonNegativeFloat = 1e-3
    """Weight of abs(1 - f - f*) (lambda)."""
    weight_ctcvr: NonNegativeFloat = 1.0
    """Weight of L_ctcvr (lambda_g)."""

    def cvr(self, rows: Rows) -> Tensor:
        from torch.nn.functional import softplus

        other = rows.outputs["counterfactual"]
        factual = self.inverse(rows) * rows.observed_errors()
        counterfactual = self.inverse(rows, "unclicked") * rows.unclicked * softplus(-other)
        # 1 - f - f*, without the difference of two numbers near 1.
        apart = ((-other).sigmoid() - rows.outputs["cvr"].sigmoid()).abs()
        return rows.mean(factual + counterfactual + self.counterfactual * rows.clicked.weight * apart)
