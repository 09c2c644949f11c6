"""A conversion tower on all features, and delays on few."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import PositiveInt, PrivateAttr

from learners.networks.base import NETWORKS, Network
from learners.networks.sized import said_by
from learners.twice.delays import DELAYS
from learners.twice.fields import chosen
from simulator.composite import Nested, following

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from simulator.log.schema import Feature
    from simulator.scenario.learner import LearnerBlock


@NETWORKS.register("two-clocks")
class TwoClocks(Network):
    """Any network for the conversion rate; the logits of the delay buckets are linear in the embeddings, their own, of a few
    fields (TWICE, 2026).

    With all features the arrivals' likelihood would say nothing: each conversion would be a group of its own. The published
    fields are industry, type of conversion and device; how F reads them is not public.
    """

    tower: Annotated[Network, Nested(NETWORKS)] = "mlp"  # type: ignore[assignment]
    """What the conversion rate has: any network."""
    fields: tuple[str, ...] = ()
    """Features that delays depend on; of none named, those with the fewest values, up to 256 groups together."""
    dim: PositiveInt | None = None
    """Numbers in a feature's embedding; ``[learner] embedding_dim`` unless given."""

    embeddings = following(2, lambda part: part.tower.embeddings + 1)

    _reads: tuple[bool, ...] = PrivateAttr(default=())
    """Of each feature, whether delays depend on it; empty where features are not known: then on all."""

    def completed(self, learner: LearnerBlock) -> Self:
        own = {"tower": self.tower.completed(learner), "dim": self.dim or learner.embedding_dim}
        return self.model_copy(update=own)

    def reading(self, features: Sequence[Feature]) -> Self:
        fields = chosen(self.fields, features)
        own = self.model_copy(update={"tower": self.tower.reading(features)})
        own._reads = tuple(feature.name in fields for feature in features)  # noqa: SLF001 - of a copy of this one
        return own

    def pretraining(self) -> Self:
        return self.model_copy(update={"tower": self.tower.pretraining()})

    def bias(self, head: str, value: float) -> float:
        return value if head in DELAYS else self.tower.bias(head, value)

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        from torch import nn

        from learners.layers import Columns, linear

        tower = self.tower.build(width, [head for head in heads if head not in DELAYS], generator, inputs)
        columns = self._columns(width)
        delays = {head: linear(max(len(columns), 1), 1, generator) for head in heads if head in DELAYS}
        # Each head is known in its tower and here: the same layer, trained and saved once.
        both: dict[str, nn.Module] = {**tower["heads"], **delays}  # type: ignore[dict-item]
        layers: dict[str, nn.Module] = {
            "tower": tower,
            "delays": nn.ModuleDict(delays),
            "heads": nn.ModuleDict(both),
        }
        if columns:
            layers["columns"] = Columns(columns)
        return nn.ModuleDict(layers)

    def _columns(self, width: int) -> list[int]:
        """Return which numbers of an embedding delays read."""
        if not self._reads:
            return list(range(width))
        assert self.dim is not None, "completed() comes before build()"
        return [k for k in range(width) if self._reads[k // self.dim]]

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        own, (last,) = embedded.split_with_sizes([self.tower.embeddings, 1])
        few = layers["columns"](last) if "columns" in layers else last[:, :1] * 0
        said = self.tower.forward(layers["tower"], own, inputs)  # type: ignore[arg-type]
        return {**said, **said_by(layers["delays"], few)}
