"""EVI: a teacher that knows the click rate tells the student what was never clicked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, NonNegativeFloat

from learners.spaces.base import SPACES
from learners.spaces.propensity import Weighing
from simulator.composite import following

if TYPE_CHECKING:
    from torch import Tensor

    from learners.impressions import Rows

HEADS = ("ctr", "cvr", "teacher")
INFORMATION = "information"


@SPACES.register("evi")
class VariationalInformation(Weighing):
    """Entire space learning with variational information exploitation (EVI, AAAI 2025).

    L_cvr = mean of o e / c + ``unclicked`` mean of (1 - o) bce(t, f) / (1 - c), t = sigmoid of the head ``teacher`` without
    gradient. The teacher learns "converted" on all impressions, 0 on what nobody clicked, by ``weight_teacher`` times its
    cross-entropy; ``weight_information`` times the mean of the head ``information`` draws the student's layers to the
    teacher's. The student f is served.

    With enough capacity the teacher says c q1, q1 = P(conversion | x, clicked), and of L_cvr alone f settles at
    q1 (1 + ``unclicked`` c) / (1 + ``unclicked``): at low click rates half of q1, and L_ctcvr lifts c above the click rate.
    """

    heads = following(
        (*HEADS, INFORMATION), lambda part: (*HEADS, INFORMATION) if part.weight_information else HEADS
    )

    clip: Annotated[float, Field(gt=0, le=1)] = 1e-3
    """The smallest propensity that is divided by."""
    weight_ctr: NonNegativeFloat = 0.2
    """Weight of L_ctr."""
    weight_cvr: NonNegativeFloat = 0.5
    """Weight of L_cvr; the public code reads 0.5 and takes that of L_ctr, 0.2, in its place."""
    weight_ctcvr: NonNegativeFloat = 0.1
    """Weight of L_ctcvr."""
    weight_teacher: NonNegativeFloat = 0.2
    """Weight of the teacher's cross-entropy."""
    weight_information: NonNegativeFloat = 0.8
    """Weight of the information; at 0 there is none, and any network goes under the loss."""
    unclicked: NonNegativeFloat = 1.0
    """Weight, in L_cvr, of what the teacher says of unclicked impressions."""

    def cvr(self, rows: Rows) -> Tensor:
        told = rows.outputs["teacher"].detach().sigmoid()
        positive, negative = rows.errors()
        unclicked = rows.unclicked * (told * positive + (1 - told) * negative)
        clicked = self.inverse(rows) * rows.observed_errors()
        return rows.mean(clicked + self.unclicked * self.inverse(rows, "unclicked") * unclicked)

    def loss(self, rows: Rows) -> Tensor:
        from torch.nn.functional import softplus

        teacher = rows.outputs["teacher"]
        taught = rows.up * softplus(-teacher) + (rows.down + rows.unclicked) * softplus(teacher)
        loss = super().loss(rows) + self.weight_teacher * rows.mean(taught)
        if not self.weight_information:
            return loss
        return loss + self.weight_information * rows.mean(rows.clicked.weight * rows.outputs[INFORMATION])
