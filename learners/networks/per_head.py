"""A tower of its own for every head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Self

from learners.networks.base import NETWORKS, Network
from simulator.composite import Nested, following

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from simulator.log.schema import Feature
    from simulator.scenario.learner import LearnerBlock


@NETWORKS.register("per-head")
class PerHead(Network):
    """Every head has a network of its own, all on the same embeddings (ESMM: Ma et al., SIGIR 2018).

    What clicks teach reaches conversions through the embeddings alone. Heads that are numbered (delay_1, delay_2) are parts of
    one answer and share a network. A network by itself has one trunk under all heads.
    """

    tower: Annotated[Network, Nested(NETWORKS)] = "mlp"  # type: ignore[assignment]
    """What each head has: any network."""

    embeddings = following(1, lambda part: part.tower.embeddings)

    def completed(self, learner: LearnerBlock) -> Self:
        return self.model_copy(update={"tower": self.tower.completed(learner)})

    def reading(self, features: Sequence[Feature]) -> Self:
        return self.model_copy(update={"tower": self.tower.reading(features)})

    def pretraining(self) -> Self:
        return self.model_copy(update={"tower": self.tower.pretraining()})

    def bias(self, head: str, value: float) -> float:
        return self.tower.bias(head, value)

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        from torch import nn

        answers: dict[str, list[str]] = {}
        for head in heads:
            answers.setdefault(_answer(head), []).append(head)
        towers = {name: self.tower.build(width, own, generator, inputs) for name, own in answers.items()}
        # A head is known in its tower and here: the same layer, trained and saved once.
        last = {head: towers[_answer(head)]["heads"][head] for head in heads}  # type: ignore[index]
        return nn.ModuleDict({"towers": nn.ModuleDict(towers), "heads": nn.ModuleDict(last)})

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        towers: nn.ModuleDict = layers["towers"]  # type: ignore[assignment]
        return {
            head: output
            for tower in towers.values()
            for head, output in self.tower.forward(tower, embedded, inputs).items()  # type: ignore[arg-type]
        }


def _answer(head: str) -> str:
    """Return what a head belongs to: its name without its number."""
    name, _, number = head.rpartition("_")
    return name if number.isdigit() else head
