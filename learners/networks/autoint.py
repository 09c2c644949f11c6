"""Self-attention between features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from pydantic import PositiveInt, model_validator

from learners.networks.base import NETWORKS
from learners.networks.sized import Fielded, last_layers, said_by

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


@NETWORKS.register("autoint")
class AutoInt(Fielded):
    """Layers of multi-head self-attention between features, ReLU(attention + W e), then flat (AutoInt: Song et al., CIKM 2019).

    The paper and ULC have 3 layers, 2 heads and 64 units; ULC adds a perceptron [256, 256, 128] (``hidden``). ESCIM says 2
    layers and 2 heads, but its code (``public``) makes one token of all embeddings: the softmax over a single key is 1, a
    layer is e + W e, there is no activation, and what is left is a logistic regression on the embeddings.
    """

    hidden: tuple[PositiveInt, ...] = ()
    """Units of a perceptron beside the attention; without any there is none."""
    attention_layers: PositiveInt = 3
    """How many layers of attention."""
    attention_heads: PositiveInt = 2
    """How many relations between features a layer looks at."""
    attention_units: PositiveInt = 64
    """Numbers of a token after each layer, all attention heads together; ``public`` keeps the width of the embeddings."""

    @model_validator(mode="after")
    def _whole_heads(self) -> Self:
        if self.attention_units % self.attention_heads:
            raise ValueError(
                f"attention_units = {self.attention_units} must be a multiple of attention_heads = {self.attention_heads}"
            )
        return self

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        from torch import nn

        from learners.layers import linear

        if self.form == "public":
            width += inputs
            said = width
            maps = [linear(width, width, generator, bias=False) for _ in range(self.attention_layers)]
            layers: dict[str, nn.Module] = {"attention": nn.ModuleList(maps)}
        else:
            assert self.dim is not None, "completed() comes before build()"
            layers = self.input_token(inputs, generator)
            tokens, sizes = self.fields(width) + len(layers), [self.dim]
            sizes += [self.attention_units] * (self.attention_layers - 1)
            # Query, key, value and residual of all heads in one product.
            maps = [linear(size, 4 * self.attention_units, generator, bias=False) for size in sizes]
            layers["attention"] = nn.ModuleList(maps)
            width, said = tokens * self.dim, tokens * self.attention_units
        if self.hidden:
            layers["trunk"] = self.stack(width, self.hidden, generator)
            said += self.hidden[-1]
        return nn.ModuleDict({**layers, "heads": last_layers(said, heads, generator)})

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        import torch

        from learners.layers import apart, joined

        attention: nn.ModuleList = layers["attention"]  # type: ignore[assignment]
        if self.form == "public":
            whole = related = joined(apart(embedded)[0], inputs)
            for one in attention:
                related = related + one(related)
        else:
            tokens = self.tokens(layers, apart(embedded)[0], inputs)
            whole = tokens.flatten(1)
            for one in attention:
                tokens = self._attended(one(tokens))
            related = tokens.flatten(1)
        if self.hidden:
            related = torch.cat([related, layers["trunk"](whole)], dim=1)
        return said_by(layers["heads"], related)

    def _attended(self, mapped: Tensor) -> Tensor:
        """Return the tokens after one layer, (B, tokens, units), from query, key, value and residual side by side."""
        from learners.products import filled

        count, tokens, _ = mapped.shape
        mapped = filled(mapped)
        rows = len(mapped)
        # In one piece by heads: products of strided pieces cost a fifth more.
        parts = mapped.view(rows, tokens, 4 * self.attention_heads, -1).transpose(1, 2).contiguous()
        query, key, value, residual = parts.view(rows, 4, self.attention_heads, tokens, -1).unbind(1)
        share = (query @ key.transpose(2, 3) * query.shape[3] ** -0.5).softmax(dim=3)
        attended: Tensor = share @ value + residual
        return attended.transpose(1, 2).reshape(rows, tokens, -1)[:count].relu()
