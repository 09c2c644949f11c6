"""A linear model beside any network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import PositiveInt, PrivateAttr

from learners.networks.base import NETWORKS, Network
from learners.networks.sized import said_by
from simulator.composite import Nested, following
from simulator.errors import ScenarioError, unknown

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from simulator.log.schema import Feature
    from simulator.scenario.learner import LearnerBlock


@NETWORKS.register("wide-deep")
class WideAndDeep(Network):
    """A linear map of some features' embeddings beside a network on the others (Cheng et al., DLRS 2016; DCMT, ICDE 2023).

    The embedding of a feature that the deep part does not read serves the linear one alone, so that the weight of each of
    its values is free, as in the paper. DCMT has, on Ali-CCP, the crossed ids 508, 509, 702 and 853 as its wide features.
    """

    wide: tuple[str, ...] = ()
    """Features of the linear part; the deep part reads all others. Without any, both read all."""
    deep: Annotated[Network, Nested(NETWORKS)] = "mlp"  # type: ignore[assignment]
    """The deep part: any network."""
    dim: PositiveInt | None = None
    """Numbers in a feature's embedding; ``[learner] embedding_dim`` unless given."""

    embeddings = following(1, lambda part: part.deep.embeddings)

    _names: tuple[str, ...] = PrivateAttr(default=())

    def completed(self, learner: LearnerBlock) -> Self:
        own = {"deep": self.deep.completed(learner), "dim": self.dim or learner.embedding_dim}
        return self.model_copy(update=own)

    def reading(self, features: Sequence[Feature]) -> Self:
        names = tuple(feature.name for feature in features)
        for name in self.wide:
            if name not in names:
                raise ScenarioError(f"wide = {list(self.wide)}: {unknown('feature', name, names)}")
        others = [feature for feature in features if feature.name not in self.wide]
        if not others:
            raise ScenarioError(f"wide = {list(self.wide)} leaves the deep part no feature; leave one out")
        own = self.model_copy(update={"deep": self.deep.reading(others)})
        own._names = names  # noqa: SLF001 - of a copy of this one
        return own

    def pretraining(self) -> Self:
        return self.model_copy(update={"deep": self.deep.pretraining()})

    def bias(self, head: str, value: float) -> float:
        return self.deep.bias(head, value)

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        from torch import nn

        from learners.layers import linear

        wide, rest = self._columns(width)
        deep = self.deep.build(len(rest), heads, generator, inputs)
        flat = {head: linear(len(wide), 1, generator, bias=False) for head in heads}
        # The heads are known in the deep part and here: the same layers, trained and saved once.
        layers = nn.ModuleDict({"wide": nn.ModuleDict(flat), "deep": deep, "heads": deep["heads"]})
        if self.wide:
            from learners.layers import Columns

            layers["columns"] = nn.ModuleDict({"wide": Columns(wide), "deep": Columns(rest)})
        return layers

    def _columns(self, width: int) -> tuple[Sequence[int], Sequence[int]]:
        """Return which of ``width`` numbers each part reads."""
        if not self.wide:
            return range(width), range(width)
        assert self._names, "reading() comes before build()"
        assert self.dim is not None, "completed() comes before build()"
        # A tower of two may read two embeddings of all features, one behind the other.
        names = [self._names[(k // self.dim) % len(self._names)] for k in range(width)]
        chosen = [k for k, name in enumerate(names) if name in self.wide]
        return chosen, [k for k, name in enumerate(names) if name not in self.wide]

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        from learners.layers import apart

        wide, deep = apart(embedded)[0], embedded
        if self.wide:
            columns: nn.ModuleDict = layers["columns"]  # type: ignore[assignment]
            wide, deep = columns["wide"](wide), columns["deep"](deep)
        flat = said_by(layers["wide"], wide)
        said = self.deep.forward(layers["deep"], deep, inputs)  # type: ignore[arg-type]
        return {head: output + flat[head] for head, output in said.items()}
