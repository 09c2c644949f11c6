"""Fit the evidence net on the history, or load it: parts with equal parameters share one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch.nn import functional

from learners import checkpoint
from learners.adam import FlatAdam
from learners.networks.mlp import MLP
from learners.pretrain import Pretraining
from learners.settlement.evidence.atoms import atoms_of
from learners.settlement.evidence.layout import DenseFields, Layout, OpenClicks
from learners.settlement.evidence.net import EvidenceNet
from learners.settlement.evidence.parameters import BELIEFS, NetParameters
from learners.settlement.evidence.prior import Prior, open_prior
from learners.settlement.evidence.progressive import KnownClicks, progressive
from learners.settlement.evidence.uncertain import believed
from learners.start import Recipe
from learners.start.cascade import CascadeRates
from learners.start.cvr import ConversionRate
from simulator.log.schema import Float64, Int64
from simulator.randomness import generator, torch_seed
from simulator.units import HOUR

if TYPE_CHECKING:
    from learners.materials import Materials

STANDARD = 65_536
"""Examples from which mean and spread of the numbers are taken."""
BLOCK = 32
"""Mini-batches whose numbers are computed at a time."""
SOONEST = 0.01
"""Hours; the youngest age of an open click where there is no observation window."""


About = Literal["pay", "refund", "refund at click"]
"""What a net is about: a pay after the click; a refund after the pay; a refund, as of the click of whoever pays."""


def evidence_net(parameters: NetParameters, materials: Materials, about: About = "pay") -> EvidenceNet:
    """Return the net of a workbench, as it is to be asked of sales to come.

    An empty own history leaves it saying nothing, a prior or not: its logits are those of the method's own network.
    """
    history = materials.history
    recipe: Recipe = ConversionRate() if about == "pay" else CascadeRates()
    prior = _prior(parameters, materials, about)
    layout = parameters.layout(history, prior)
    if about == "refund":
        layout = replace(layout, window=history.windows.refund / HOUR)
    seed = torch_seed(materials.seed, "learners", "evidence", "weights")
    net = EvidenceNet(layout, parameters.hidden, torch.Generator().manual_seed(seed))
    if history.end <= history.start:
        return net
    plan = Pretraining(
        recipe, MLP().completed(materials.learner), (), materials.learner, history, materials.seed
    )
    parts = {
        **plan.parts(),
        "evidence": parameters.model_dump(
            mode="json", include=set(NetParameters.model_fields) - {*BELIEFS, "prior"}
        ),
        "layout": [layout.window, layout.sales, layout.carts, layout.fields],
        "observation": materials.observation,
        "stage": about,
        "prior": None if prior is None else [replace(plan, history=prior.history).parts(), prior.shift],
    }
    key = checkpoint.key_of(parts)
    path = checkpoint.path_of(materials.cache, key)
    with checkpoint.held(path):
        if not checkpoint.load(path, key, net):
            net = EvidenceNet(layout, parameters.hidden, torch.Generator().manual_seed(seed))
            at_click = about == "refund at click"
            own = _known(parameters, plan, layout, at_click)
            clicks = own
            if prior is not None:
                other = _known(parameters, replace(plan, history=prior.history), layout, at_click)
                clicks = KnownClicks.concatenate([own, replace(other, click=other.click + prior.shift)])
            if not at_click:
                net.atoms = atoms_of(history, of_refunds=about == "refund")
            fit(net, clicks, parameters, materials.observation / HOUR, materials.seed, ages=not at_click)
            if len(own):  # the offset is for own clicks
                net.mean_logit = float(own.logit.mean())
            checkpoint.save(path, key, net.state_dict())
    return believed(net, parameters, history.end, materials.shared)


def _prior(parameters: NetParameters, materials: Materials, about: About) -> Prior | None:
    """Open the prior; None where there is none, or no sale to come that it could teach anything of."""
    if parameters.prior is None or not parameters.calendar or not materials.history.calendar.promotions:
        return None
    return open_prior(parameters.prior, materials.history, materials.cache, refunds=about != "pay")


def _known(parameters: NetParameters, plan: Pretraining, layout: Layout, at_click: bool) -> KnownClicks:
    return progressive(
        plan,
        DenseFields(plan.history.log.features, layout.fields),
        skipped=parameters.skipped,
        most=parameters.clicks,
        as_of_click=at_click,
    )


def fit(
    net: EvidenceNet,
    clicks: KnownClicks,
    parameters: NetParameters,
    observation: float,
    seed: int,
    *,
    ages: bool = True,
) -> None:
    """Fit a net by cross-entropy of the final label on clicks at moments at which they were open.

    Parameters
    ----------
    observation : observation window in hours; every click still open at its end is an example there.
    seed : names the moments that are drawn, and the order of the examples.
    ages : ask about moments after the click as well, and not at the click alone.
    """
    rng = generator(seed, "learners", "evidence", "moments")
    if ages:
        place, now = moments(clicks, net.layout, observation, rng)
    else:
        place, now = np.arange(len(clicks)), clicks.click
    if not len(place):
        return
    net.mean_logit = float(clicks.logit.mean())
    order = rng.permutation(len(place))
    some = order[:STANDARD]
    net.standardise(net.layout.numbers(net.atoms.as_of(open_at(clicks, place[some], now[some]))))
    size = parameters.batch_size
    steps = parameters.epochs * -(-len(place) // size)
    adam = FlatAdam(net.layers, parameters.learning_rate)
    for step, (numbers, logit, label) in enumerate(
        _mini_batches(net, clicks, place, now, parameters, order, rng)
    ):
        adam.rate = parameters.learning_rate * (1 - step / steps)
        loss = functional.binary_cross_entropy_with_logits(logit + net.output(numbers), label)
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()


def _mini_batches(
    net: EvidenceNet,
    clicks: KnownClicks,
    place: Int64,
    now: Float64,
    parameters: NetParameters,
    order: Int64,
    rng: np.random.Generator,
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    size = parameters.batch_size
    for epoch in range(parameters.epochs):
        if epoch:
            order = rng.permutation(len(place))
        for begin in range(0, len(order), BLOCK * size):
            chosen = order[begin : begin + BLOCK * size]
            state = open_at(clicks, place[chosen], now[chosen])
            numbers = torch.from_numpy(net.layout.numbers(net.atoms.as_of(state)))
            logit = torch.from_numpy(state.logit + net.atoms.log_survival(state.age)).float()
            label = torch.from_numpy(np.isfinite(clicks.pay[place[chosen]])).float()
            for a in range(0, len(chosen), size):
                part = slice(a, a + size)
                yield numbers[:, part], logit[part], label[part]


def open_at(clicks: KnownClicks, place: Int64, now: Float64) -> OpenClicks:
    """Return chosen clicks of the history as they were at instants (hours) of their own."""
    click = clicks.click[place]
    cart = click + clicks.cart[place]
    known = np.where((cart <= now) & (now > click), cart, np.inf)
    return OpenClicks(click, now, known, clicks.logit[place], clicks.dense[place])


def moments(
    clicks: KnownClicks, layout: Layout, observation: float, rng: np.random.Generator
) -> tuple[Int64, Float64]:
    """Return clicks, by place, and instants at which they are open (hours).

    Each click at once, at the end of the observation window, and at four random ages; clicks around a sale at four
    more instants near its opening. At once is before all that follows: who pays at the instant of the click is asked then.
    """
    n, window = len(clicks), layout.window
    soon = max(observation, SOONEST)
    late = max(window - 0.1, soon)
    everybody = np.arange(n)
    places, instants = [everybody] * 6, [clicks.click, clicks.click + observation]
    for _ in range(2):
        instants.append(clicks.click + np.exp(rng.uniform(np.log(soon), np.log(late), n)))
        instants.append(clicks.click + rng.uniform(0, window, n))
    for opening, end in layout.sales:
        near = np.flatnonzero((clicks.click > opening - window - 23) & (clicks.click < end))
        size = len(near)
        places += [near] * 4
        instants += [
            opening + rng.exponential(2, size),
            rng.uniform(opening, end, size),
            opening - rng.exponential(4, size),
            rng.uniform(opening - 3, end + 3, size),
        ]
    place, now = np.concatenate(places), np.concatenate(instants)
    age = now - clicks.click[place]
    is_open = (age == 0) | ((age > 0) & (age < window) & (age < clicks.pay[place]))
    return place[is_open], now[is_open]
