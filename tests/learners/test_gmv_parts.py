"""Networks, recipes, auxiliaries and links of GMV; and READER from end to end."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from learners import lognormal
from learners.auxiliary import AUXILIARIES
from learners.build import build_learner
from learners.dice import Dice
from learners.heads import LOG_MEAN, POSITIVE_MEDIAN
from learners.history import History
from learners.materials import Materials
from learners.model import Model
from learners.networks import NETWORKS
from learners.serve import LINKS
from learners.start import RECIPES
from simulator.units import DAY, HOUR
from tests.learners.ask import asked


def network(kind, small, **parameters):
    return NETWORKS[kind](**parameters).completed(small.model_copy(update={"hidden": (16, 12, 8, 6, 4)}))


def test_dice_is_its_formula():
    layer = Dice(5).double()
    h = torch.randn(7, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        layer.slope.copy_(torch.linspace(-1, 1, 5))
    z = (h - h.mean(1, keepdim=True)) / (h.var(1, correction=0, keepdim=True) + 1e-4).sqrt()
    gate = 1 / (1 + torch.exp(-z))
    torch.testing.assert_close(layer(h), gate * h + (1 - gate) * torch.linspace(-1, 1, 5) * h)
    assert Dice(3).slope.tolist() == [-0.25] * 3


def test_sizes_are_split_between_bottom_and_towers(small):
    dual = network("dual", small)
    assert (dual.bottom, dual.tower) == ((16, 12), (8, 6, 4))
    short = NETWORKS["dual"]().completed(small.model_copy(update={"hidden": (9,)}))
    assert (short.bottom, short.tower) == ((9,), (9,))
    assert NETWORKS["dual"](tower=(3,)).completed(small).tower == (3,)


def test_the_papers_sizes_have_the_papers_parameters(small):
    paper = small.model_copy(update={"hidden": (1024, 512, 256, 128, 64)})
    heads = {"dice": ("gmv",), "dual": ("gmv_single", "gmv_repurchase")}
    counts = {"dice": 1_060_801, "dual": 1_233_794}
    for kind, expected in counts.items():
        layers = NETWORKS[kind]().completed(paper).build(352, heads[kind], torch.Generator())
        assert sum(p.numel() for p in layers.parameters()) == expected


TOWERS = ("gmv_single", "gmv_repurchase")


@pytest.mark.parametrize(
    ("kind", "heads", "apart"),
    [
        ("dual", TOWERS, set()),
        ("dual-independent", TOWERS, {TOWERS}),
        ("dual-routed", (*TOWERS, "repurchase"), {(tower, "repurchase") for tower in TOWERS}),
    ],
)
def test_who_shares_what(kind, heads, apart, small):
    """The gradient of one head reaches the embeddings of those heads alone that share a bottom with it."""
    net = network(kind, small)
    layers = net.build(6, heads, torch.Generator().manual_seed(2))
    reached = {}
    for head in heads:
        embedded = torch.ones(net.embeddings, 3, 6, requires_grad=True)
        net.forward(layers, embedded)[head].sum().backward()
        reached[head] = {k for k in range(net.embeddings) if embedded.grad[k].any()}
    for a in heads:
        for b in heads:
            assert reached[a].isdisjoint(reached[b]) == bool({(a, b), (b, a)} & apart)


@pytest.mark.parametrize("kind", ["dice", "dual"])
def test_amounts_are_log1p_of_the_absolute_output(kind, small, fake_log):
    heads = ("gmv",) if kind == "dice" else TOWERS
    models = {}
    for output in ("log1p", "abs"):
        models[output] = Model(network(kind, small, output=output), heads, fake_log(50).features, small, 3)
        models[output].set_biases({heads[0]: 4.0})
    ids = fake_log(50).ids
    plain, absolute = (m.outputs(ids)[heads[0]] for m in models.values())
    bias = np.expm1(4.0)
    np.testing.assert_allclose(absolute, np.log1p(np.abs(plain - 4.0 + bias)), rtol=1e-4)
    assert absolute.mean() == pytest.approx(4, abs=0.1), "both start at the base rate"


def test_a_frozen_bottom_stays_and_the_towers_move(small, fake_log, samples):
    log = fake_log(2000)
    model = Model(network("dual", small, frozen=True), TOWERS, log.features, small, 3)

    def step():
        model.step(log.ids[:64], lambda outputs: sum(o.sum() for o in outputs.values()))

    step()
    model.freeze()
    before = {k: v.clone() for k, v in model.layers.state_dict().items()}
    table = model.table.weight.clone()
    step()
    changed = {k.split(".")[0] for k, v in model.layers.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"tower", "heads"}
    assert torch.equal(model.table.weight, table)


def test_pretraining_of_the_towers_in_one_mean_or_two():
    rng = np.random.default_rng(4)
    outputs = {h: torch.tensor(rng.normal(4, 1, 10)) for h in (*TOWERS, "repurchase")}
    again = np.arange(10) < 3
    y = torch.tensor(rng.normal(4, 1, 10))
    told = {"gmv_single": torch.tensor(~again), "gmv_repurchase": torch.tensor(again)}
    targets = {h: (y, told[h]) for h in TOWERS}
    errors = {h: (outputs[h] - y).abs()[told[h]] for h in TOWERS}
    whole = sum(e.sum() for e in errors.values()) / 10
    split = sum(e.mean() for e in errors.values())
    assert RECIPES["gmv-dual"]().loss(outputs, targets).item() == pytest.approx(whole.item())
    assert RECIPES["gmv-dual"](balanced=True).loss(outputs, targets).item() == pytest.approx(split.item())
    targets["repurchase"] = (torch.tensor(again * 1.0), torch.ones(10, dtype=torch.bool))
    surprise = functional.binary_cross_entropy_with_logits(outputs["repurchase"], torch.tensor(again * 1.0))
    for balanced, amounts in ((False, whole), (True, split)):
        found = RECIPES["gmv-dual-routed"](balanced=balanced).loss(outputs, targets)
        assert found.item() == pytest.approx((amounts + surprise).item())
    nobody = {h: (y, torch.zeros(10, dtype=torch.bool)) for h in TOWERS}
    assert RECIPES["gmv-dual"](balanced=True).loss(outputs, nobody).item() == 0


def test_heads_start_at_their_mean_and_settle_where_they_say():
    assert POSITIVE_MEDIAN.value(np.array([POSITIVE_MEDIAN.bias(3.0, 4)]))[0] == pytest.approx(0.75)
    assert LOG_MEAN.value(np.array([LOG_MEAN.bias(300.0, 4)]))[0] == pytest.approx(75)
    amounts = torch.tensor(np.random.default_rng(1).lognormal(3, 1, 4000))
    grid = torch.linspace(2, 5, 601, dtype=torch.float64)
    losses = torch.stack([LOG_MEAN.losses(z, amounts).mean() for z in grid])
    assert grid[losses.argmin()].expm1().item() == pytest.approx(amounts.mean().item(), rel=0.01)


@pytest.fixture
def materials(ground, small):
    history = History(ground.log, ground.windows, 0, 8 * DAY)
    small = small.model_copy(update={"pretrain_batch_size": 32, "pretrain_epochs": 4, "learning_rate": 3e-3})
    return Materials(history, HOUR, small, 1, ground.cache, lambda: pytest.fail("no start is needed"))


def test_targets_of_the_calibrator(ground):
    """One example a pay of clicks that pay twice: what is still to come, when, and the how many-th it is."""
    calibrator = AUXILIARIES["calibrator"](attribution="3d")
    log = ground.log
    history = History(log, ground.windows, 0, 8 * DAY)
    found = list(history.rows(calibrator))
    targets, inputs = (np.concatenate([getattr(rows, n) for rows in found]) for n in ("targets", "inputs"))
    again = np.flatnonzero(log.again & (log.time < 8 * DAY))
    inside = log.delay[again] + HOUR <= ground.windows.attribution
    assert len(targets) == len(again) + inside.sum()
    first, second = inputs[:, 1] == 1, inputs[:, 1] == 2
    assert first.sum() == len(again)
    np.testing.assert_allclose(targets[second], 0, atol=1e-9)
    whole = log.gmv[again]
    np.testing.assert_allclose(
        np.sort(targets[first, 0]), np.sort(np.log1p(whole) - np.log1p(0.75 * whole)), rtol=1e-4
    )
    np.testing.assert_allclose(np.sort(inputs[first, 0]), np.sort(log.delay[again] / (3 * DAY)), rtol=1e-5)


def test_the_calibrator_is_asked_as_of_the_last_pay(samples):
    """A final sample says what had been believed at the last pay; the same click's partial sample asks the same."""
    calibrator = AUXILIARIES["calibrator"](attribution="7d")
    batch = samples(
        3,
        event_time=np.array([2, 50, 168]) * HOUR + DAY,
        elapsed=np.array([2, 50, 168]) * HOUR,
        previous_time=np.array([-1, DAY + 2 * HOUR, DAY + 50 * HOUR]),
        pay_count=[1, 2, 2],
        role=["partial", "partial", "final"],
    )
    np.testing.assert_allclose(calibrator.sample_inputs(batch), [[2 / 168, 1], [50 / 168, 2], [50 / 168, 2]])


def test_router_calibrator_and_true_tag(materials, samples):
    log = materials.history.log
    both = AUXILIARIES["router-and-calibrator"]().prepare(materials)
    paid = np.flatnonzero(log.converted)
    asked_for = samples(
        len(paid), row=paid, pay_count=1, elapsed=log.delay[paid], role="partial", features=log.ids[paid]
    )
    found = both.of_samples(asked_for)
    likely = log.ids[paid, 0] < 6
    assert found["repurchase"][likely].mean() == pytest.approx(0.7, abs=0.1)
    assert found["repurchase"][~likely].mean() == pytest.approx(0.2, abs=0.1)
    assert (found["growth"] > 0).all()
    assert np.median(found["growth"]) == pytest.approx(np.log(4 / 3), abs=0.15)
    assert set(both.of_clicks(asked(log.ids[:9]))) == {"repurchase"}

    sharp = AUXILIARIES["router"](temperature=0.5).prepare(materials).of_clicks(asked(log.ids[paid]))
    p = both.of_clicks(asked(log.ids[paid]))["repurchase"]
    np.testing.assert_allclose(sharp["repurchase"], p**2 / (p**2 + (1 - p) ** 2), rtol=1e-6)

    tags = AUXILIARIES["true-tag"](served=True).prepare(materials)
    assert AUXILIARIES["true-tag"].peeks
    np.testing.assert_array_equal(tags.of_samples(asked_for)["repurchase"], log.again[paid])
    served = AUXILIARIES["true-tag"]().prepare(materials).of_clicks(asked(log.ids[paid]))["repurchase"]
    np.testing.assert_array_equal(served, p, "served clicks are routed by the router")


def test_routes_are_served_in_three_zones():
    outputs = {
        "gmv_single": np.log1p(np.full(5, 10.0)),
        "gmv_repurchase": np.log1p(np.full(5, 30.0)),
        "repurchase": np.array([0.0, 0.1, 0.5, 0.9, 1.0]),
    }
    served = LINKS["routed"]().serve(outputs)
    np.testing.assert_allclose(served["gmv"], [10, 10, 20, 30, 30])
    np.testing.assert_array_equal(served["repurchase"], outputs["repurchase"])
    hard = LINKS["routed"](low=0.5, high=0.5).serve(
        {**outputs, "repurchase": np.array([0, 0.4, 0.5, 0.51, 1])}
    )
    np.testing.assert_allclose(hard["gmv"], [10, 10, 10, 30, 30])
    joint = LINKS["routed-joint"]().serve({**outputs, "repurchase": np.array([-9, -9, 0, 9, 9.0])})
    np.testing.assert_allclose(joint["gmv"], [10, 10, 20, 30, 30])
    assert np.isfinite(LINKS["routed"]().serve({h: np.full(1, 1e5) for h in outputs})["gmv"]).all()
    with pytest.raises(ValueError, match=r"low \(0\.6\) must not be above high \(0\.5\)"):
        LINKS["routed"](low=0.6, high=0.5)


def test_expected_values_of_clicks():
    cvr, amount = np.log(np.array([0.25])), np.log1p(np.array([40.0]))
    odds = cvr - np.log1p(-np.exp(cvr))
    served = LINKS["expected"]().serve({"cvr": odds, "gmv": amount})
    assert [float(served[k][0]) for k in ("cvr", "gmv", "value")] == pytest.approx([0.25, 40, 10])
    spread = np.log(np.expm1(0.8 - lognormal.LEAST_SIGMA))
    served = LINKS["expected-lognormal"]().serve(
        {"cvr": odds, "mu": np.array([3.0]), "spread": np.array([spread])}
    )
    drawn = np.random.default_rng(0).lognormal(3.0, 0.8, 400_000).mean()
    assert served["gmv"][0] == pytest.approx(drawn, rel=0.01)
    assert served["value"][0] == pytest.approx(0.25 * drawn, rel=0.01)
    np.testing.assert_allclose(LINKS["net-amount"]().serve({"gmv": amount})["netgmv"], [40])


# Outputs that are amounts, and not their logarithms, need larger steps.
@pytest.mark.parametrize(("fidelity", "rate"), [("paper", 1e-3), ("reference", 0.03)])
def test_reader_knows_what_partial_labels_become(fidelity, rate, one, small, ground, samples):
    """Fed the first pays of clicks whose GMV was moved to half, it comes to predict what they will be in the end."""
    log = ground.log
    learner = build_learner(
        one.method({"method": "reader", "fidelity": fidelity}),
        **ground.arguments(learner=small.model_copy(update={"learning_rate": rate})),
    )
    new = np.flatnonzero(log.converted & (log.time >= 8 * DAY))
    share = np.where(log.again, 0.75, 1.0)
    # Three passes of first pays and closes at half the price: prices fell, and all that is heard says so.
    for _ in range(3):
        for part in np.array_split(new, max(len(new) // 64, 1)):
            n, y = len(part), 0.5 * log.gmv[part]
            first = {"gmv": share[part] * y, "pay_count": 1, "role": "partial"}
            close = {
                "gmv": y,
                "previous_gmv": y,
                "pay_count": 1 + log.again[part],
                "role": "final",
            }
            when = {"row": part, "elapsed": log.delay[part], "event_time": log.time[part] + log.delay[part]}
            last = when["event_time"] + HOUR * log.again[part]
            for columns in (first, {**close, "previous_time": last}):
                learner.learn(samples(n, converted=1.0, **when, **columns, features=log.ids[part]))
    learner.publish()
    served = learner.predict(asked(log.ids[new]))
    assert set(served) == {"gmv", "repurchase"}
    error = np.log1p(served["gmv"]) - np.log1p(0.5 * log.gmv[new])
    assert abs(np.median(error)) < 0.25
    assert np.median(np.log1p(served["gmv"]) - np.log1p(log.gmv[new])) < -0.4
