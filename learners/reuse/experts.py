"""TEN's first stage, on the history: experts from the ends of past sales, and the bridges to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from learners.adam import FlatAdam
from learners.history import batches, in_batches
from learners.layers import folded
from learners.materials import Materials
from learners.model import Model
from learners.pretrain import history_loss
from learners.reuse.temporal import BRIDGES, EXPERTS, TemporalExperts
from simulator.calendar import Promotion
from simulator.errors import RunError
from simulator.randomness import generator

HEAD = "cvr"


def fit_experts(
    network: TemporalExperts, model: Model, materials: Materials, sales: Sequence[Promotion]
) -> None:
    """Put an expert of each sale into a model's layers, and fit its bridge unless that is left to the stream.

    Raises
    ------
    RunError : the method pre-trains nothing that has the head ``cvr``.
    """
    ends = _models_at_ends(network, materials, sales)
    for k, (sale, last) in enumerate(zip(sales, ends, strict=True)):
        expert: nn.ModuleList = model.layers[EXPERTS][k]  # type: ignore[index]
        with torch.no_grad():
            for own, there in zip(expert.parameters(), _last_two(network, last), strict=True):
                own.copy_(there)
        if network.bridge and not network.joint:
            _fit_bridge(network, model, materials, k, sale)


def _models_at_ends(
    network: TemporalExperts, materials: Materials, sales: Sequence[Promotion]
) -> Iterator[Model]:
    """Yield the model at the end of each sale: one model, that goes on to the next."""
    recipe, history, learner = materials.recipe, materials.history, materials.learner
    if recipe is None or HEAD not in recipe.heads:
        raise RunError(
            f"network {network.kind!r}: experts are pre-trained by a start that has the head {HEAD!r}"
        )
    at = sales[0].start
    model = materials.pretrained(recipe, network.everyday, replace(history, end=at))
    model.begin(learner)
    for sale in sales:
        rows = replace(history, start=at, end=sale.end).rows(recipe)
        for batch in in_batches(rows, learner.batch_size):
            model.step(batch.features, history_loss(recipe, batch), batch.inputs)
        yield model
        at = sale.end


def _last_two(network: TemporalExperts, model: Model) -> Iterator[Tensor]:
    """Yield weight and bias of the last hidden layer, batch norm as it serves folded into it, and of the head."""
    trunk: nn.Sequential = model.layers["trunk"]  # type: ignore[assignment]
    last, norm = trunk[network.below], trunk[network.below + 1] if network.norm else None
    assert isinstance(last, nn.Linear), "a trunk is cut at its linear layers"
    if isinstance(norm, nn.BatchNorm1d):
        yield from folded(last, norm)
    else:
        yield last.weight
        yield last.bias
    head: nn.Linear = model.layers["heads"][HEAD]  # type: ignore[index]
    yield head.weight
    yield head.bias


def _fit_bridge(
    network: TemporalExperts, model: Model, materials: Materials, k: int, sale: Promotion
) -> None:
    """Fit the bridge of expert ``k`` on the final labels of its sale; nothing else of the model moves."""
    learner, recipe = materials.learner, materials.recipe
    assert recipe is not None, "its expert was made by it"
    there: nn.Linear = model.layers[BRIDGES][k]  # type: ignore[index]
    own = nn.Linear(there.in_features, there.out_features)
    own.load_state_dict(there.state_dict())
    adam = FlatAdam(own, learner.learning_rate)
    column = tuple(recipe.heads).index(HEAD)
    rng = generator(materials.seed, "learners", "reuse", "bridge", sale.start)
    model.layers.eval()
    for _ in range(network.bridge_epochs):
        rows = replace(materials.history, start=sale.start, end=sale.end).rows(recipe)
        for batch in batches(rows, learner.pretrain_batch_size, rng):
            with torch.no_grad():
                hidden = network.hidden_below(model.layers, model.embedded(batch.features))
            target = torch.from_numpy(batch.targets[:, column])
            told = ~target.isnan()
            if not told.any():
                continue
            logit = network.said_by_expert(model.layers, k, hidden[told], own)
            loss = functional.binary_cross_entropy_with_logits(logit, target[told])
            # Not backward(): the model's own gradients are no business of this fit.
            found = torch.autograd.grad(loss, list(own.parameters()))
            for parameter, gradient in zip(own.parameters(), found, strict=True):
                assert parameter.grad is not None, "its gradients are views of one vector"
                parameter.grad.copy_(gradient)
            adam.step()
    there.load_state_dict(own.state_dict())
