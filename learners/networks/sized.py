"""What networks with hidden layers have in common: their sizes, and how such layers are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, PositiveInt

from learners.networks.base import Network

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from simulator.scenario.learner import LearnerBlock

Units = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]


class Sized(Network):
    """Networks whose hidden layers have the sizes of ``[learner]``, or their own."""

    hidden: Units | None = None
    """Units of the hidden layers; ``[learner] hidden`` unless given."""

    def completed(self, learner: LearnerBlock) -> Self:
        return self if self.hidden is not None else self.model_copy(update={"hidden": learner.hidden})

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of the hidden layers, once they are settled."""
        assert self.hidden is not None, "completed() comes before build()"
        return self.hidden


class Stacked(Sized):
    """Networks with hidden layers of linear, batch norm, activation and dropout."""

    norm: bool = True
    """Batch norm after each linear layer."""
    activation: Literal["leaky-relu", "relu"] = "leaky-relu"
    """After each of them; the leaky one has a slope of 0.01 below 0."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of each hidden layer's numbers that are 0 in a step of training."""

    def stack(self, width: int, hidden: Sequence[int], generator: Generator) -> nn.Sequential:
        """Return hidden layers over ``width`` numbers."""
        from learners.layers import SLOPE, trunk

        slope = SLOPE if self.activation == "leaky-relu" else 0.0
        return trunk(width, hidden, generator, norm=self.norm, slope=slope, dropout=self.dropout)


class Fielded(Stacked):
    """Networks that know where one feature's embedding ends and the next begins: a token of ``dim`` numbers each."""

    dim: PositiveInt | None = None
    """Numbers in a feature's token; ``[learner] embedding_dim`` unless given."""
    form: Literal["paper", "public"] = "paper"
    """As the paper defines it, or as ESCIM's public code (ICDM 2025) computes what it calls by this name."""

    def completed(self, learner: LearnerBlock) -> Self:
        whole = super().completed(learner)
        return whole if self.dim is not None else whole.model_copy(update={"dim": learner.embedding_dim})

    def fields(self, width: int) -> int:
        """Return how many tokens there are in ``width`` numbers.

        Raises
        ------
        PartError : they are no whole number.
        """
        from simulator.errors import PartError

        assert self.dim is not None, "completed() comes before build()"
        if width % self.dim:
            raise PartError(
                f"dim = {self.dim}: {width} numbers are no whole number of tokens; leave dim out, and it is that of "
                "the embeddings"
            )
        return width // self.dim

    def input_token(self, inputs: int, generator: Generator) -> dict[str, nn.Module]:
        """Return the layer that makes one more token of all further inputs; none where there are none."""
        from learners.layers import linear

        assert self.dim is not None, "completed() comes before build()"
        return {"inputs": linear(inputs, self.dim, generator)} if inputs else {}

    def tokens(self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None) -> Tensor:
        """Return (B, width) as tokens, shape (B, fields, dim), with that of the further inputs behind them."""
        import torch

        assert self.dim is not None, "completed() comes before forward()"
        tokens = embedded.view(len(embedded), -1, self.dim)
        if inputs is None:
            return tokens
        last: Tensor = layers["inputs"](inputs)
        return torch.cat([tokens, last.unsqueeze(1)], dim=1)


def last_layers(width: int, heads: Sequence[str], generator: Generator) -> nn.ModuleDict:
    """Return each head's last layer over ``width`` numbers."""
    from torch import nn

    from learners.layers import linear

    return nn.ModuleDict({head: linear(width, 1, generator) for head in heads})


def said_by(heads: Any, hidden: Tensor) -> dict[str, Tensor]:
    """Return what each head's last layer says, shape (B,), of hidden numbers of shape (B, units)."""
    return {name: head(hidden).squeeze(1) for name, head in heads.items()}
