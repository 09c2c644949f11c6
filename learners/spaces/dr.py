"""Doubly robust estimation: an imputed error on every impression, corrected on clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import NonNegativeFloat

from learners.spaces.base import SPACES
from learners.spaces.propensity import Weighing

if TYPE_CHECKING:
    from torch import Tensor

    from learners.impressions import Rows


@SPACES.register("dr")
class DoublyRobust(Weighing):
    """Multi-DR (Zhang et al., WWW 2020): L_cvr = mean of [h + o (e - h) / c] + mean of o (e - h)^2 / c.

    e is the conversion loss of a click, h = softplus of the head ``imputation`` what it is imputed to be on any
    impression. The first mean is right where either c or h is. It trains f alone and the second trains h alone, so the
    gradient of f is that of IPS, and h acts through shared layers only; ``joint`` lets both reach both.
    """

    heads = ("ctr", "cvr", "imputation")

    joint: bool = False
    """Both means train both f and h, in one step (Paddle's code): f is then pulled to where errors vary less, and away
    from the conversion rate."""
    error: Literal["loss", "prediction"] = "loss"
    """"prediction" puts f in the place of e and sigmoid in that of softplus, so that no conversion label is used
    (public code of ESCIM)."""

    def cvr(self, rows: Rows) -> Tensor:
        positive, negative, imputed = self._errors(rows)
        inverse = self.inverse(rows)
        up, down = inverse * rows.up, inverse * rows.down
        guess = self._fixed(imputed)
        error = rows.clicked.weight * guess + up * (positive - guess) + down * (negative - guess)
        missed = (
            up * (self._fixed(positive) - imputed).square()
            + down * (self._fixed(negative) - imputed).square()
        )
        return rows.mean(error + missed)

    def _fixed(self, values: Tensor) -> Tensor:
        return values if self.joint else values.detach()

    def _errors(self, rows: Rows) -> tuple[Tensor, Tensor, Tensor]:
        """Return the error of f where a click converted, where it did not, and what is imputed."""
        from torch.nn.functional import softplus

        head = rows.outputs["imputation"]
        if self.error == "loss":
            return *rows.errors(), softplus(head)
        said = rows.outputs["cvr"].sigmoid()
        return said, said, head.sigmoid()


@SPACES.register("escm2-dr")
class CounterfactualDoublyRobust(DoublyRobust):
    """ESCM2-DR (Wang et al., SIGIR 2022): ESMM with the loss of Multi-DR as a regulariser."""

    weight_cvr: NonNegativeFloat = 0.1
    """Weight of the regulariser (lambda_c); the paper's sweep is from 0.1 to 1, Paddle's code has 0.5."""
    weight_ctcvr: NonNegativeFloat = 1.0
    """Weight of L_ctcvr (lambda_g); Paddle's code has 0.5."""
