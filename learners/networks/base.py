"""The seam of networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from simulator.parts import Part, Registry

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from learners.materials import Materials
    from learners.model import Model
    from simulator.log.schema import Feature
    from simulator.scenario.learner import LearnerBlock


class Network(Part):
    """A network as parameters, a way to build its layers, and a way to run them.

    Layers come from `learners.layers` (imported in ``build``, since a scenario is checked without torch)
    and draw their initial weights from the generator given, never from a global one. The last layer of head
    h is ``layers["heads"][h]``, a linear layer of one output; its bias is set to the base rate before
    training.
    """

    embeddings: ClassVar[int] = 1
    """How many embeddings of each feature it takes (2 or more: shared and private ones)."""
    made: ClassVar[tuple[str, ...]] = ()
    """Heads that are made from its inner layers, so that no other network has them, such as losses of each row. The last
    layer of such a head is any layer with a bias, which is left as it starts."""

    def completed(self, learner: LearnerBlock) -> Self:
        """Return a copy in which sizes left open are those of ``[learner]``."""
        return self

    def reading(self, features: Sequence[Feature]) -> Self:
        """Return a copy that knows of which features its numbers are: each embedding of a sample has one after the other.

        Raises
        ------
        ScenarioError : a parameter names a feature that the log does not have.
        """
        return self

    def pretraining(self) -> Self:
        """Return the network as it is pre-trained: the same layers, if with other gradients."""
        return self

    @property
    def frozen_layers(self) -> tuple[str, ...]:
        """Names of the layers that the stream leaves as they start, where there are such; "embeddings" are the table."""
        return ()

    def prepare(self, model: Model, materials: Materials) -> None:
        """Fit on the history what pre-training leaves, in a model of this network that is about to set out into the stream."""

    def bias(self, head: str, value: float) -> float:
        """Return the bias of a head's last layer with which it starts out saying ``value``."""
        return value

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        """Return freshly initialised layers for ``width`` numbers per embedding, and ``inputs`` further ones."""
        raise NotImplementedError

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return per head the raw outputs, shape (B,).

        ``embedded`` has shape (embeddings, B, width); ``inputs`` (B, inputs) is None where there are none.
        """
        raise NotImplementedError


NETWORKS: Registry[Network] = Registry("network", "networks", "learners.networks", Network)
