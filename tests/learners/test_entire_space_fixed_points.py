"""Where entire-space losses settle in one-cell worlds: exact expected counts, a logit for each head."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learners.batch import Batch
from learners.methods import METHODS
from learners.objectives import OBJECTIVES
from learners.serve import LINKS
from tests.learners.test_cvr_fixed_points import Cell
from tests.learners.test_weighted import TWICE, stream_of

WORLDS = ((0.0, 0.0), (0.8, 0.8), (1.2, 1.2), (1.2, -1.2))
"""How strongly what is hidden moves clicks, and conversions."""


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rates(by_click, by_conversion):
    """c, q1, q0 and q of the cell: u = -1 or 1, logit of the click -3 + g u, of the conversion -2.5 + g u."""
    u = np.array([-1.0, 1.0])
    click, pay = sigmoid(-3 + by_click * u), sigmoid(-2.5 + by_conversion * u)
    c, q = click.mean(), pay.mean()
    return c, (click * pay).mean() / c, ((1 - click) * pay).mean() / (1 - c), q


def settle(objective, rows, samples, estimates=None, start=-1.0):
    """Return per head the logit at which the slopes vanish; ``rows`` are (clicked, converted, role, count)."""
    clicked, converted, role, count = zip(*rows, strict=True)
    n = len(rows)
    batch = Batch(
        samples(n, clicked=clicked, converted=converted, role=role, weight=count),
        {name: torch.full((n,), value, dtype=torch.float64) for name, value in (estimates or {}).items()},
        torch.float64,
    )
    logits = {h: torch.full((1,), start, dtype=torch.float64, requires_grad=True) for h in objective.heads}
    optimiser = torch.optim.LBFGS(
        list(logits.values()), lr=0.5, max_iter=400, tolerance_grad=1e-9, tolerance_change=0
    )

    def closure():
        optimiser.zero_grad()
        loss = objective.loss(batch, {head: logit.expand(n) for head, logit in logits.items()})
        loss.backward()
        return loss

    optimiser.step(closure)
    return {head: float(logit.detach()) for head, logit in logits.items()}


def served(objective, *given, **more):
    outputs = {head: np.array([value]) for head, value in settle(objective, *given, **more).items()}
    return {task: float(value[0]) for task, value in LINKS["entire-space"]().serve(outputs).items()}


def offline(c, q1):
    """One row an impression."""
    return [(0, 0, "final", 1 - c), (1, 1, "final", c * q1), (1, 0, "final", c * (1 - q1))]


def streamed(c, deliveries):
    """Impressions as rows of their own, and what a policy delivers of the clicks among them."""
    shown = [(0, 0, "impression", 1 - c), (1, np.nan, "click", c)]
    return [*shown, *((np.nan, label, role, c * count) for role, label, count in deliveries)]


SETTLED = [
    ("naive", {}), ("esmm", {}), ("ips", {}), ("dr", {}), ("escm2-ips", {}), ("escm2-dr", {}), ("dcmt", {"counterfactual": 0}),
    ("ips", {"clip": 1e-3}), ("dr", {"clip": 1e-3, "normalise": "self"}),
]  # fmt: skip


@pytest.mark.parametrize("strength", WORLDS[2:])
@pytest.mark.parametrize(("space", "parameters"), SETTLED)
def test_all_settle_at_what_clicks_show(space, parameters, strength, samples):
    """Whatever their name: the conversion rate of those that clicked, however many others there are."""
    c, q1, q0, q = rates(*strength)
    objective = OBJECTIVES["entire-space"](space={"kind": space, **parameters})
    found = served(objective, offline(c, q1), samples)
    assert (found["ctr"], found["cvr"], found["ctcvr"]) == pytest.approx((c, q1, c * q1), abs=1e-4)
    assert found["cvr"] - q == pytest.approx((1 - c) * (q1 - q0), abs=1e-4)


def test_the_table_of_confounded_cells():
    found = [tuple(round(float(value), 4) for value in rates(*strength)) for strength in WORLDS]
    assert found == [
        (0.0474, 0.0759, 0.0759, 0.0759),
        (0.0608, 0.1331, 0.0926, 0.0950),
        (0.0783, 0.1962, 0.1126, 0.1191),
        (0.0783, 0.0421, 0.1257, 0.1191),
    ]


DELAYS = [
    ("es-dfm", "elapsed", {}),
    ("fnw", "fake_negative", {}),
    ("fnw", "fake_negative", {"rate": "pre-trained"}),
    ("defer", "duplicate", {}),
    ("defuse", "elapsed", {}),
    ("ddfm", TWICE, {}),
    ("fsiw", "first", {}),
]


@pytest.mark.parametrize("space", ["esmm", "ips", "escm2-dr"])
@pytest.mark.parametrize(("conversion", "stream", "parameters"), DELAYS)
def test_late_labels_settle_at_the_rates_of_final_ones(space, conversion, stream, parameters, samples):
    cell, c = Cell(0.20, 0.08, 0.07), 0.3
    objective = OBJECTIVES["entire-space"](space=space, conversion={"kind": conversion, **parameters})
    found = served(objective, streamed(c, stream_of(cell, stream)), samples, cell.estimates)
    assert (found["ctr"], found["cvr"], found["ctcvr"]) == pytest.approx((c, cell.p, c * cell.p), abs=1e-3)


def test_potential_outcomes_settle_at_the_truth(samples):
    c, q1, q0, q = rates(1.2, 1.2)
    n = 1 - c
    unclicked = [(0, 1, "impression", n * q0), (0, 0, "impression", n * (1 - q0))]
    found = served(OBJECTIVES["entire-space"](space="potential"), [*unclicked, *offline(c, q1)[1:]], samples)
    assert (found["ctr"], found["cvr"]) == pytest.approx((c, q), abs=1e-4)


def test_the_slice_alone_settles_at_the_truth(samples):
    """What nobody clicked is told as not converted, and is not what a coin decided."""
    c, _, _, q = rates(1.2, 1.2)
    shown = [(0, 0, "impression", 1 - c), (1, np.nan, "click", c)]
    coin = [(np.nan, 1, "slice", 0.01 * q), (np.nan, 0, "slice", 0.01 * (1 - q))]
    objective = OBJECTIVES.parse(METHODS["randomised"].objective, "objective")
    found = served(objective, [*shown, *coin], samples)
    assert (found["ctr"], found["cvr"]) == pytest.approx((c, q), abs=1e-3)


@pytest.mark.parametrize(("strength", "expected"), [(1e-3, 0.0999), (0.1, 0.0917), (1.0, 0.0513)])
def test_dcmt_is_pulled_below_by_its_tie(strength, expected, samples):
    space = {"kind": "dcmt", "counterfactual": strength, "weight_ctcvr": 0}
    found = settle(OBJECTIVES["entire-space"](space=space), offline(0.2, 0.1), samples)
    assert sigmoid(found["cvr"]) == pytest.approx(expected, abs=1e-4)
    assert sigmoid(found["counterfactual"]) > 0.99


def test_nise_does_not_settle_at_what_clicks_show(samples):
    """The entropy of what nobody clicked pulls down: c (f - q1) = (1 - c) f (1 - f) logit(f)."""
    c, q1 = 0.2, 0.1
    found = settle(OBJECTIVES["entire-space"](space="nise"), offline(c, q1), samples, start=-3.0)
    f = sigmoid(found["cvr"])
    assert f < 0.02 < q1
    assert c * (f - q1) == pytest.approx((1 - c) * f * (1 - f) * found["cvr"], abs=1e-6)
    space = {"kind": "nise", "stop_gradient": True}
    assert served(OBJECTIVES["entire-space"](space=space), offline(c, q1), samples)["cvr"] == pytest.approx(
        q1, abs=1e-4
    )


def test_joint_gradients_of_dr_leave_the_rate(samples):
    """The squared error pulls at f, too: f - q1 + 2 q1 (1 - q1) logit(f) = 0 where the imputed error is the mean one."""
    c, q1 = 0.3, 0.1
    found = settle(OBJECTIVES["entire-space"](space={"kind": "dr", "joint": True}), offline(c, q1), samples)
    f = sigmoid(found["cvr"])
    assert f > q1 + 0.1
    assert f - q1 + 2 * q1 * (1 - q1) * found["cvr"] == pytest.approx(0, abs=1e-4)


def test_public_code_of_dr_sees_no_conversion(samples):
    """Its error is f - h: the same rates, whatever the labels are."""
    space = {
        "kind": "escm2-dr",
        "joint": True,
        "error": "prediction",
        "stop_gradient": False,
        "weight_ctcvr": 0,
    }
    few, many = (
        settle(OBJECTIVES["entire-space"](space=space), offline(0.2, q), samples) for q in (0.1, 0.6)
    )
    assert few == pytest.approx(many)


@pytest.mark.parametrize("unclicked", [1.0, 0.3])
def test_evi_settles_between_what_clicks_show_and_what_its_teacher_says(unclicked, samples):
    """The teacher learns that what nobody clicked did not convert, says c q1, and so the student is told on those."""
    c, q1 = 0.2, 0.3
    space = {"kind": "evi", "unclicked": unclicked, "weight_information": 0, "weight_ctcvr": 0}
    found = settle(OBJECTIVES["entire-space"](space=space), offline(c, q1), samples)
    expected = q1 * (1 + unclicked * c) / (1 + unclicked)
    assert [sigmoid(found[head]) for head in ("ctr", "teacher", "cvr")] == pytest.approx(
        [c, c * q1, expected], abs=1e-4
    )
    published = settle(
        OBJECTIVES["entire-space"](space={**space, "weight_ctcvr": 0.1}), offline(c, q1), samples
    )
    assert sigmoid(published["cvr"]) == pytest.approx(expected, abs=5e-3)
    assert sigmoid(published["ctr"]) > c + 1e-3, "a product of a low rate is made up for by the other"
