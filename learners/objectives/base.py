"""The seam of objectives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from simulator.parts import Part, Registry

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


class Objective(Part):
    """What a network is trained to do with the samples a policy delivers."""

    heads: ClassVar[tuple[str, ...]] = ()
    """Network heads whose outputs the loss reads."""
    targets: ClassVar[tuple[str, ...]] = ()
    """Sample columns that it learns from; rows that are null in all of them are left out."""
    estimates: ClassVar[tuple[str, ...]] = ()
    """Probabilities that an auxiliary must estimate for each row."""

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        """Return the loss of a batch, a scalar.

        Parameters
        ----------
        batch : targets and weights of B samples, and per name the auxiliary's estimates.
        outputs : per head the raw output, shape (B,): a logit, or an amount in log1p space.
        """
        raise NotImplementedError


OBJECTIVES: Registry[Objective] = Registry("objective", "objectives", "learners.objectives", Objective)
