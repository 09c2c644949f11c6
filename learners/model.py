"""A network on its embedding table, with the state of both optimisers, and the copy that is served."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from learners.adam import FlatAdam
from learners.attention import Attention, TagList, spread
from learners.dense_adam import AdamTable
from learners.device import place_of_layers, telling
from learners.embedding import EmbeddingTable
from learners.networks import Network
from learners.precision import settled
from learners.products import rounded
from learners.served import ServedLayers, copied, restore
from simulator.calls import calling, checked
from simulator.errors import PartError
from simulator.log.schema import Feature, Float64, Int32, Int64
from simulator.scenario.learner import LearnerBlock

CHUNK, HALVED_CHUNK = 2048, 4096
"""Rows of one forward pass of a prediction, in float32 and in bfloat16; constant, since last bits may depend on a product's
size, and in bfloat16 so many that the calls cost little beside the products."""
DEVICE_CHUNK = 65_536
"""The same on an accelerator, which needs large ones."""

Outputs = dict[str, Tensor]
Inputs = Float64 | NDArray[np.float32]
"""Numbers beside the features, shape (B, I)."""
Rows = TypeVar("Rows", Int32, Inputs)


class Model:
    """What is trained: dense layers by Adam, embeddings by row-wise Adagrad, or densely by Adam.

    Parameters
    ----------
    network : a network with its sizes filled in.
    heads : names of its outputs.
    features : the log's features.
    learner : hyper-parameters.
    seed : of the initial weights (63 bits).
    inputs : how many numbers the network takes beside the features.
    """

    def __init__(
        self,
        network: Network,
        heads: Sequence[str],
        features: Sequence[Feature],
        learner: LearnerBlock,
        seed: int,
        inputs: int = 0,
    ) -> None:
        self.network, self.heads = network, tuple(heads)
        self._inputs = inputs
        generator = torch.Generator().manual_seed(seed)
        width = len(features) * learner.embedding_dim
        with calling(network, "build", f"{width} numbers and the heads {', '.join(heads)}"):
            self.layers = network.reading(features).build(width, self.heads, generator, inputs)
            lost = [head for head in heads if head not in self.layers["heads"]]  # type: ignore[operator]
            if lost:
                raise PartError(
                    f"build made no layers['heads'][{lost[0]!r}]; each head has its last layer there"
                )
        table = AdamTable if learner.embedding_optimiser == "adam" else EmbeddingTable
        self.table = table(
            features,
            learner.embedding_dim,
            learner.embedding_learning_rate,
            generator,
            network.embeddings,
            learner.embedding_deviation,
        )
        self._attention: Attention | None = None
        if learner.attention:
            self._attention = Attention(learner.attention, features)
            self.table.skip(generator)
            self.layers["attention"] = self._attention.layers(self.table.width, generator)
        self.device = place_of_layers(learner)
        self.layers.to(self.device)
        self._halved = settled(learner).precision == "bfloat16"
        self._copies = (
            self._halved and self.device.type == "cpu"
        )  # an accelerator casts faster than it is told to
        self.adam = FlatAdam(self.layers, learner.learning_rate, halved=self._copies)
        self._kept: list[tuple[Tensor, Tensor]] = []
        self._table_frozen = False
        self._served: ServedLayers | None = None
        self._current: ServedLayers | None = None

    def set_biases(self, biases: Mapping[str, float]) -> None:
        """Start heads at their base rate (a logit, or a mean amount in log1p space)."""
        heads: nn.ModuleDict = self.layers["heads"]  # type: ignore[assignment]
        with torch.no_grad():
            for head, bias in biases.items():
                heads[head].bias.fill_(self.network.bias(head, bias))  # type: ignore[operator]

    def step(self, features: Int32, loss: Callable[[Outputs], Tensor], inputs: Inputs | None = None) -> None:
        """Take one optimisation step on a batch; features have shape (B, C), inputs (B, I).

        A batch of one row is normalised by the running statistics: it has no variance of its own.

        Raises
        ------
        PartError : the loss is not a finite number.
        RunError : an accelerator has no memory left, or failed.
        """
        with telling(self.device, len(features)):
            self._step(features, loss, inputs)

    def _step(self, features: Int32, loss: Callable[[Outputs], Tensor], inputs: Inputs | None) -> None:
        if self.layers.training != (len(features) > 1):
            self.layers.train(len(features) > 1)
        if self.adam.halves is not None:
            self.adam.halves.renew()
        cells = self.table.cells(features)
        values = self.table.gather(cells.rows)
        entries = cells.pooled(values).requires_grad_()
        lists = () if self._attention is None else self._attention.lists(cells, values)
        gathered = self._weighed(self.layers, entries, lists)
        embedded = self._arranged(gathered, len(features))
        value = loss(self._forward(self.layers, embedded, self._tensor(inputs)))
        if not torch.isfinite(value):
            raise PartError(
                f"the loss is {value.item()} at step {self.adam.steps + 1}; a lower learning_rate may help"
            )
        value.backward()  # type: ignore[no-untyped-call]
        self.adam.step()
        for parameter, kept in self._kept:
            parameter.data.copy_(kept)
        assert entries.grad is not None, "every network reads the embeddings"
        if not self._table_frozen:
            gradient = cells.spread(entries.grad)
            spread(gradient, lists)
            self.table.update(cells.rows, values.detach(), gradient)

    def _weighed(self, layers: nn.ModuleDict, entries: Tensor, lists: Sequence[TagList]) -> Tensor:
        if self._attention is None:
            return entries
        return self._attention.pooled(layers["attention"], entries, lists)  # type: ignore[arg-type]

    def freeze(self) -> None:
        """Leave the network's frozen layers as they are now, however many steps follow."""
        names = self.network.frozen_layers
        self._table_frozen = "embeddings" in names
        # Put back after each step: Adam's momentum moves a weight that has no gradient.
        parameters = [p for name in names if name in self.layers for p in self.layers[name].parameters()]
        self._kept = [(parameter, parameter.detach().clone()) for parameter in parameters]

    def begin(self, learner: LearnerBlock) -> None:
        """Set out into the stream, with its rates, and with the moments of pre-training unless they are to be forgotten."""
        self.adam.begin(learner.learning_rate, learner.weight_decay, fresh=learner.fresh_moments)
        rate = learner.embedding_learning_rate
        self.table.begin(rate, learner.weight_decay, fresh=learner.fresh_moments)

    def twin(self, learner: LearnerBlock) -> Model:
        """Return a model of the same weights that sets out with the rates of ``learner``; its other settings are as here."""
        twin = Model(self.network, self.heads, self.table.features, learner, 0, self._inputs)
        twin.table.lie_over(self.table)
        twin.load_state_dict(self.state_dict())
        twin.begin(learner)
        twin.freeze()
        return twin

    def slow(self, factor: float) -> None:
        """Multiply both learning rates."""
        self.adam.rate *= factor
        self.table.rate *= factor

    def outputs(self, features: Int32, inputs: Inputs | None = None) -> dict[str, Float64]:
        """Return the raw outputs per head of the weights as they are now."""
        layers = self.layers
        if self._copies:
            self._current = self._current or self._copy_to_serve()
            self._current.take(self.adam.weight, self.layers)
            layers = self._current.layers
        return self._evaluate(layers.eval(), self.table.gather, features, inputs)

    def tried(self, features: Int32, inputs: Inputs | None = None) -> Outputs:
        """Return the same as a loss takes them that is only looked at."""
        said = self.outputs(features, inputs)
        return {head: torch.from_numpy(values).float().requires_grad_() for head, values in said.items()}

    def embedded(self, features: Int32) -> Tensor:
        """Return what the network reads of rows as the embeddings are now, shape (embeddings, B, F * dim)."""
        with torch.no_grad():
            return self._read(self.layers, self.table.gather, features)

    def publish(self) -> None:
        """Make the weights as they are now the served ones."""
        self._served = self._served or self._copy_to_serve()
        self._served.take(self.adam.weight, self.layers)
        self.table.publish()

    def _copy_to_serve(self) -> ServedLayers:
        return ServedLayers(self.layers, halved=self._copies)

    def served_outputs(self, features: Int32) -> dict[str, Float64]:
        """Return the raw outputs per head of the weights published last."""
        assert self._served is not None, "publish() comes before serving"
        return self._evaluate(self._served.layers, self.table.served, features)

    def _evaluate(
        self,
        layers: nn.ModuleDict,
        lookup: Callable[[Int64], Tensor],
        features: Int32,
        inputs: Inputs | None = None,
    ) -> dict[str, Float64]:
        outputs = {head: np.empty(len(features)) for head in self.heads}
        chunk = HALVED_CHUNK if self._halved else CHUNK
        if self.device.type != "cpu":
            chunk = DEVICE_CHUNK
        with torch.inference_mode(), telling(self.device, min(chunk, len(features))):
            for begin in range(0, len(features), chunk):
                part = slice(begin, begin + chunk)
                embedded = self._read(layers, lookup, self._filled(features[part]))
                known = None if inputs is None else self._tensor(self._filled(inputs[part]))
                for head, output in self._forward(layers, embedded, known).items():
                    outputs[head][part] = output.numpy()[: len(features) - begin]
        return outputs

    def _filled(self, values: Rows) -> Rows:
        """Return rows, and under bfloat16 the first one again and again, until their number is one of few."""
        lacking = rounded(len(values)) - len(values) if self._copies else 0
        return np.concatenate([values, np.repeat(values[:1], lacking, 0)]) if lacking else values

    def _read(self, layers: nn.ModuleDict, lookup: Callable[[Int64], Tensor], features: Int32) -> Tensor:
        cells = self.table.cells(features)
        values = lookup(cells.rows)
        lists = () if self._attention is None else self._attention.lists(cells, values)
        return self._arranged(self._weighed(layers, cells.pooled(values), lists), len(features))

    def _tensor(self, inputs: Inputs | None) -> Tensor | None:
        if inputs is None or not inputs.shape[1]:
            return None
        return torch.from_numpy(inputs).float().to(self.device)

    def _forward(self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None) -> Outputs:
        rows = embedded.shape[1]
        on = f"a batch of {rows} rows"
        with calling(self.network, "forward", on, passed_on=(torch.OutOfMemoryError, torch.AcceleratorError)):
            if self._halved:
                with torch.autocast(self.device.type, torch.bfloat16):
                    found = self.network.forward(layers, embedded, inputs)
                found = {head: output.float() for head, output in found.items()}
            else:
                found = self.network.forward(layers, embedded, inputs)
            checked("forward", found, self.heads, rows)
        return {head: output.cpu() for head, output in found.items()}  # where losses are

    def _arranged(self, gathered: Tensor, count: int) -> Tensor:
        """Return (B * F, embeddings * dim) as (embeddings, B, F * dim), where the layers are; for one embedding, without a
        copy there.
        """
        gathered = gathered.to(self.device)
        if self.network.embeddings == 1:
            return gathered.view(1, count, -1)
        split = gathered.view(count, -1, self.network.embeddings, self.table.dim)
        return split.permute(2, 0, 1, 3).reshape(self.network.embeddings, count, -1)

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all state: training weights, optimisers, batch-norm statistics, served weights."""
        return {**self.dense_state(), "table": self.table.state_dict()}

    def dense_state(self) -> dict[str, Any]:
        """Return copies of all state but that of the embeddings."""
        served = None if self._served is None else self._served.state_dict()
        return {
            "adam": self.adam.state_dict(),
            "buffers": copied(self.layers),
            "rates": [self.adam.rate, self.table.rate],
            "served": served,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises
        ------
        KeyError, ValueError : the state is that of another model.
        """
        self.adam.load_state_dict(state["adam"])
        restore(self.layers, state["buffers"])
        self.table.load_state_dict(state["table"])
        self.adam.rate, self.table.rate = state["rates"]
        self._served = None
        if state["served"] is not None:
            self._served = self._copy_to_serve()
            self._served.load_state_dict(state["served"])
