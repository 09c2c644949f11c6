"""The seam of objectives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from simulator.calls import calling
from simulator.errors import PartError
from simulator.parts import Part, Registry

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch
    from learners.start import Recipe

Weights = tuple["Tensor", "Tensor"]


class Objective(Part):
    """What a network is trained to do with the samples a policy delivers."""

    heads: ClassVar[tuple[str, ...]] = ()
    """Network heads whose outputs the loss reads."""
    unserved: ClassVar[tuple[str, ...]] = ()
    """Those of the heads that are there to teach the others: nobody need serve them."""
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

    def on_finals(self) -> Objective:
        """Return the objective as it is on final labels, where what corrects for delay has nothing to correct."""
        return self


class Weighted(Objective):
    """An objective that weighs the two sides of a row's label: up softplus(-o) + down softplus(o), o a head's logit.

    What another objective needs to learn the same label at another logit (`learners.objectives.entire_space`) are the
    weights themselves. A click may be delivered several times; rows of one click share it by `deliveries`.
    """

    heads: ClassVar[tuple[str, ...]] = ("cvr",)
    targets: ClassVar[tuple[str, ...]] = ("converted",)

    def weights(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Weights:
        """Return how much each row counts as a positive and as a negative, shapes (B,), without gradient.

        The label is in them; the sample's own weight is not.
        """
        raise NotImplementedError

    def deliveries(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor | float:
        """Return how much weight each row's click has over all its deliveries, in expectation, without gradient.

        Divided by it, the weights of a click sum to its rate p and to 1 - p.
        """
        return 1.0

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        from torch.nn.functional import softplus

        (head,), (name,) = self.heads, self.targets
        up, down = self.weights(batch, outputs)
        return batch.target(name).mean(up * softplus(-outputs[head]) + down * softplus(outputs[head]))

    def on_finals(self) -> Objective:
        """Return the plain cross-entropy of the label; of a head of one's own, this objective as it is."""
        (name,) = self.targets
        plain = OBJECTIVES.find("bce").model_validate({"of": name})
        return plain if plain.heads == self.heads else self


def loss_of(part: Objective | Recipe, on: str, *given: Any) -> Tensor:
    """Return the loss of an objective or a recipe.

    Raises
    ------
    PartError : it failed, or is no scalar that depends on the outputs.
    """
    with calling(part, "loss", on):
        value: Any = part.loss(*given)
        shape, kind = getattr(value, "shape", None), type(value).__name__
        if shape is None or len(shape) or not value.requires_grad:
            told = (
                f"a {kind}"
                if shape is None
                else f"a tensor of shape {tuple(shape)}"
                if len(shape)
                else "a constant"
            )
            raise PartError(f"loss returned {told}; it must be a scalar tensor that depends on the outputs")
    return value  # type: ignore[no-any-return]


OBJECTIVES: Registry[Objective] = Registry("objective", "objectives", "learners.objectives", Objective)
