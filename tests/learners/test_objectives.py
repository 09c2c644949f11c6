"""Every objective's loss and gradient against a closed form in float64, stop-gradients included."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.batch import Batch
from learners.objectives import OBJECTIVES
from learners.objectives.base import Objective, loss_of
from simulator.errors import PartError

SEEDS = st.integers(0, 100_000)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def run(kind, samples, outputs, estimates=None):
    """Return the loss and its gradient by autograd."""
    leaves = {name: torch.tensor(v, requires_grad=True) for name, v in outputs.items()}
    given_estimates = {name: torch.tensor(v, requires_grad=True) for name, v in (estimates or {}).items()}
    loss = OBJECTIVES[kind]().loss(Batch(samples, given_estimates, torch.float64), leaves)
    loss.backward()
    assert all(e.grad is None for e in given_estimates.values()), "estimates carry no gradient"
    (gradient,) = [leaf.grad.numpy() for leaf in leaves.values()]
    return loss.item(), gradient


def draw(seed, samples, column):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    values = (rng.random(n) < 0.4).astype(float) if column == "converted" else rng.exponential(50, n)
    values[rng.random(n) < 0.25] = np.nan
    weight = rng.choice([1.0, 1.0, -1.0, 0.5], n)
    return rng, n, samples(n, weight=weight, **{column: values}), values, weight


def weights_of(kind, logit, estimates):
    p = sigmoid(logit)
    if kind == "fnw":
        return 1 + p, (1 - p) * (1 + p)
    if kind == "es-dfm":
        sampled = 1 + estimates["p_dp"]
        return sampled, sampled * estimates["p_rn"]
    return np.ones_like(p), np.ones_like(p)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from(["bce", "fnw", "es-dfm"]))
def test_cross_entropies(samples, seed, kind):
    rng, n, batch, y, weight = draw(seed, samples, "converted")
    logit = rng.normal(0, 2, n)
    estimates = {"p_dp": rng.random(n) * 0.5, "p_rn": rng.random(n)}
    loss, gradient = run(kind, batch, {"cvr": logit}, estimates)
    told = ~np.isnan(y)
    label = np.where(told, y, 0)
    positive, negative = weights_of(kind, logit, estimates)
    p = sigmoid(logit)
    rows = -positive * label * np.log(p) - negative * (1 - label) * np.log1p(-p)
    assert loss == pytest.approx(np.sum(rows * weight * told) / n, rel=1e-9, abs=1e-12)
    # The derivative of the loss with its weights held fixed: no derivative of w+ and w- in it.
    slopes = -positive * label * (1 - p) + negative * (1 - label) * p
    np.testing.assert_allclose(gradient, slopes * weight * told / n, rtol=1e-9, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_log_mae(samples, seed):
    rng, n, batch, gmv, weight = draw(seed, samples, "gmv")
    output = rng.normal(3, 2, n)
    loss, gradient = run("log-mae", batch, {"gmv": output})
    told = ~np.isnan(gmv)
    error = output - np.log1p(np.where(told, gmv, 0))
    assert loss == pytest.approx(np.sum(np.abs(error) * weight * told) / n, rel=1e-9)
    np.testing.assert_allclose(gradient, np.sign(error) * weight * told / n, rtol=1e-9)


@pytest.mark.parametrize("kind", sorted(OBJECTIVES))
def test_a_batch_that_says_nothing_costs_nothing(kind, samples):
    objective = OBJECTIVES[kind]()
    outputs = {head: torch.tensor([0.3, -2.0], requires_grad=True) for head in objective.heads}
    estimates = {name: torch.tensor([0.1, 0.9]) for name in objective.estimates}
    loss = objective.loss(Batch(samples(2), estimates), outputs)
    loss.backward()
    assert loss.item() == 0
    for output in outputs.values():
        assert output.grad is None or not output.grad.any()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (1.5, "a float"),
        (torch.ones(2, requires_grad=True), r"a tensor of shape \(2,\)"),
        (torch.tensor(0.5), "a constant"),
    ],
)
def test_a_loss_that_nothing_can_be_learnt_from_is_refused(value, told):
    class Odd(Objective):
        def loss(self, batch, outputs):
            return value

    with pytest.raises(PartError, match=f"loss returned {told}; it must be a scalar tensor"):
        loss_of(Odd(), "a batch", None, {})


def test_a_loss_is_returned_as_it_is():
    class Plain(Objective):
        def loss(self, batch, outputs):
            return outputs["cvr"].sum()

    value = torch.ones(2, requires_grad=True)
    assert loss_of(Plain(), "a batch", None, {"cvr": value}).item() == 2


@pytest.mark.parametrize("logit", [-60.0, 60.0])
def test_extreme_logits_stay_finite(logit, samples):
    loss, gradient = run("fnw", samples(2, converted=[0.0, 1.0]), {"cvr": np.full(2, logit)})
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()


def test_a_mean_among_rows_counts_those_that_say_something(samples):
    """Null rows are in neither sum; rows of another role count for the others alone; of no rows the mean is 0."""
    converted = np.array([1.0, 0.0, np.nan, np.nan, 1.0])
    target = Batch(samples(5, converted=converted), dtype=torch.float64).target("converted")
    losses = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0], dtype=torch.float64)
    among = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    assert target.mean(losses, among).item() == (1 + 2) / 2
    assert target.mean(losses, 1 - among).item() == 16
    assert target.mean(losses).item() == (1 + 2 + 16) / 5
    assert target.mean(losses, torch.zeros(5, dtype=torch.float64)).item() == 0


def test_a_retraction_counts_among_the_rows_that_say_something(samples):
    rows = samples(3, converted=[1.0, 1.0, 0.0], weight=[1.0, -1.0, 2.0])
    target = Batch(rows, dtype=torch.float64).target("converted")
    losses = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    assert target.mean(losses, torch.ones(3, dtype=torch.float64)).item() == (1 - 2 + 8) / 3


@pytest.mark.parametrize("kind", ["bce", "fnw", "es-dfm", "fsiw"])
def test_a_label_of_a_half_is_half_of_each(kind, samples):
    """Soft labels: the loss is linear in the label, so that a half costs the mean of what yes and no cost."""
    estimates = {name: np.full(1, 0.3) for name in OBJECTIVES[kind].estimates}
    no, half, yes = (
        run(kind, samples(1, converted=y), {"cvr": np.array([0.7])}, estimates) for y in (0.0, 0.5, 1.0)
    )
    assert half[0] == pytest.approx((no[0] + yes[0]) / 2, rel=1e-12)
    np.testing.assert_allclose(half[1], (no[1] + yes[1]) / 2, rtol=1e-12)


def test_a_null_target_is_zero_and_weighs_nothing(samples):
    target = Batch(samples(3, converted=np.array([1.0, np.nan, 0.0]))).target("converted")
    assert target.value.tolist() == [1.0, 0.0, 0.0]
    assert target.weight.tolist() == [1.0, 0.0, 1.0]


def test_a_batch_draws_by_its_step_and_seed(samples):
    """The first step of seed 0 unless told otherwise."""

    def drawn(**named):
        return torch.rand(3, generator=Batch(samples(1), **named).generator("x")).tolist()

    assert drawn() == drawn(step=0, seed=0)
    assert len({tuple(drawn(step=step, seed=seed)) for step in (0, 1) for seed in (0, 1)}) == 4
