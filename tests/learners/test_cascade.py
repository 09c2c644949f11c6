"""The cascade: parts that nest, fixed points of every refund stream, what is served and pre-trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learners.batch import Batch
from learners.objectives import OBJECTIVES
from learners.serve import LINKS
from learners.start import RECIPES
from simulator.errors import ScenarioError
from simulator.log.schema import ClickBatch, EventBatch, Labels
from simulator.logistic import expit

P, INSIDE = 0.0685, 0.277
"""Conversion rate, and the share of conversions inside the observation window."""
R, R_LATE = 0.245, 0.112
"""Refund rate given a conversion, and its part after the refund's observation window."""
P_LATE = P * (1 - INSIDE)
NULL = np.nan

PAY = {
    "fake-negative": [(0, NULL, 1), (1, 0, P)],
    "elapsed-time": [(1, 0, P - P_LATE), (0, NULL, 1 - P + P_LATE), (1, 0, P_LATE)],
    "tesla": [(1, NULL, P - P_LATE), (0, NULL, 1 - P + P_LATE), (1, NULL, P_LATE)],
    "final": [(1, NULL, P), (0, NULL, 1 - P)],
}
"""Expected (converted, refunded, count) a click of each delivery's conversion rows."""
BACK = [(NULL, 1, P * R)]
STREAMS = {
    "fake-negative": [*PAY["fake-negative"], *BACK],
    "elapsed-time": [*PAY["elapsed-time"], *BACK],
    "duplicate": [*PAY["elapsed-time"], (1, 0, P - P_LATE), (0, NULL, 1 - P), *BACK],
    "tesla": [*PAY["tesla"], *BACK, (NULL, 0, P * (1 - R + R_LATE))],
    "final": [*PAY["final"], *BACK, (NULL, 0, P * (1 - R))],
    "in-window": [
        (0, NULL, 1 - P + P_LATE),
        (1, 1, (P - P_LATE) * (R - R_LATE)),
        (1, 0, (P - P_LATE) * (1 - R + R_LATE)),
    ],
}

ESTIMATES = {
    "p_dp": P_LATE,
    "p_rn": (1 - P) / (1 - P + P_LATE),
    "late_pay": P_LATE / P,
    "late_refund": R_LATE / R,
    "q_pay": P,
    "inw_pay": P - P_LATE,
    "tn_pay": (1 - P) / (1 - P + P_LATE),
    "q_refund": R,
    "inw_refund": R - R_LATE,
    "tn_refund": (1 - R) / (1 - R + R_LATE),
}


def settle(objective, stream, samples):
    """Return the logit of each head where the gradient of an exact stream vanishes."""
    converted, refunded, counts = (np.array(column, float) for column in zip(*stream, strict=True))
    n = len(counts)
    estimates = {name: torch.full((n,), ESTIMATES[name], dtype=torch.float64) for name in objective.estimates}
    batch = Batch(samples(n, converted=converted, refunded=refunded, weight=counts), estimates, torch.float64)
    logits = {
        head: torch.full((1,), -1.0, dtype=torch.float64, requires_grad=True) for head in objective.heads
    }
    optimiser = torch.optim.LBFGS(
        logits.values(), lr=0.5, max_iter=400, tolerance_grad=1e-13, tolerance_change=0
    )

    def closure():
        optimiser.zero_grad()
        loss = objective.loss(batch, {head: logit.expand(n) for head, logit in logits.items()})
        loss.backward()
        return loss

    optimiser.step(closure)
    return {head: logit.detach().numpy() for head, logit in logits.items()}


def cascade(conversion):
    return {"kind": "cascade", "conversion": conversion}


TESLA = {"kind": "tesla", "ranking": "none"}


@pytest.mark.parametrize(
    ("objective", "stream", "cvr", "rfr"),
    [
        (cascade("bce"), "fake-negative", P / (1 + P), R / (1 + R)),
        (cascade("fnw"), "fake-negative", P, R / (1 + R)),
        (cascade("es-dfm"), "elapsed-time", P, R / (1 + R)),
        (cascade("bce"), "duplicate", None, R / (1 + INSIDE + R)),
        (cascade("bce"), "final", P, R),
        (cascade("bce"), "in-window", P - P_LATE, R - R_LATE),
        (cascade("es-dfm"), "tesla", P, R / (1 + R_LATE)),
        (TESLA, "tesla", P, R),
        ({**TESLA, "weights": "frozen"}, "tesla", P, R),
        ({**TESLA, "debias_refunds": False}, "tesla", P, R / (1 + R_LATE)),
    ],
)
def test_fixed_points(objective, stream, cvr, rfr, samples):
    """The refund-rate column of the derivation for every stream; figures at p = .0685, r = .245."""
    logits = settle(OBJECTIVES.parse(objective, "objective"), STREAMS[stream], samples)
    served = LINKS["cascade"]().serve(logits)
    assert served["rfr"][0] == pytest.approx(rfr, abs=1e-3)
    if cvr is not None:
        assert served["cvr"][0] == pytest.approx(cvr, abs=1e-3)
        assert served["netcvr"][0] == pytest.approx(cvr * (1 - rfr), abs=1e-3)


def test_what_the_products_are_worth(samples):
    """Two biases of FNC cancel in the product, each of the calibrated ones is left with that of the refunds."""
    net = P * (1 - R)
    for objective, stream, pcoc in [
        ("bce", "fake-negative", 0.996),
        ("es-dfm", "elapsed-time", 1.064),
        ("bce", "final", 1.0),
    ]:
        logits = settle(OBJECTIVES.parse(cascade(objective), "objective"), STREAMS[stream], samples)
        assert LINKS["cascade"]().serve(logits)["netcvr"][0] / net == pytest.approx(pcoc, abs=2e-3)


def test_odds_at_both_stages_undo_fake_negatives(samples):
    logits = settle(OBJECTIVES["cascade"](), STREAMS["fake-negative"], samples)
    link = LINKS.parse({"kind": "cascade", "conversion": "odds", "refund": "odds"}, "serve")
    served = link.serve(logits)
    assert served["cvr"][0] == pytest.approx(P, abs=1e-3)
    assert served["rfr"][0] == pytest.approx(R, abs=1e-3)
    assert link.serve({"cvr": np.array([9.0]), "rfr": np.array([900.0])})["rfr"][0] == pytest.approx(0.8)


def test_direct_counts_a_refunded_conversion_twice_against_itself(samples):
    logits = settle(OBJECTIVES["direct"](), STREAMS["fake-negative"], samples)
    served = LINKS["direct"]().serve(logits)
    assert served["cvr"][0] == pytest.approx(P / (1 + P), abs=1e-3)
    assert served["netcvr"][0] == pytest.approx(P / (1 + P + P * R), abs=1e-3)


def test_direct_with_final_labels_is_right(samples):
    stream = [(1, 1, P * R), (1, 0, P * (1 - R)), (0, NULL, 1 - P)]
    assert expit(settle(OBJECTIVES["direct"](), stream, samples)["netcvr"])[0] == pytest.approx(
        P * (1 - R), abs=1e-3
    )


@pytest.mark.parametrize(
    ("converted", "refunded", "label"),
    [(0, NULL, 0), (1, 0, 1), (1, NULL, 1), (NULL, 1, 0), (1, 1, 0), (NULL, 0, None), (NULL, NULL, None)],
)
def test_the_net_label_of_a_row(converted, refunded, label, samples):
    from learners.objectives.direct import net_target

    target = net_target(Batch(samples(1, converted=converted, refunded=refunded, weight=2.0)))
    assert target.weight.item() == (0 if label is None else 2)
    assert target.value.item() == (label or 0)


def test_the_losses_add_up_and_keep_to_their_towers(samples):
    rng = np.random.default_rng(1)
    converted = np.array([0, 1, NULL, 1, NULL, 0], float)
    refunded = np.array([NULL, 0, 1, 1, NULL, NULL], float)
    batch = Batch(samples(6, converted=converted, refunded=refunded), dtype=torch.float64)
    logit = {head: torch.tensor(rng.normal(size=6), requires_grad=True) for head in ("cvr", "rfr")}
    OBJECTIVES["cascade"]().loss(batch, logit).backward()
    for head, label in (("cvr", converted), ("rfr", refunded)):
        slope = expit(logit[head].detach().numpy()) - np.nan_to_num(label)
        np.testing.assert_allclose(logit[head].grad, np.where(np.isnan(label), 0, slope) / 6, rtol=1e-12)


def test_a_refund_rate_can_be_left_as_it_is(samples):
    objective = OBJECTIVES.parse({"kind": "cascade", "refund": "none"}, "objective")
    assert (objective.heads, objective.targets) == (("cvr", "rfr"), ("converted",))
    assert OBJECTIVES.parse(objective.spec(), "objective") == objective
    outputs = {head: torch.zeros(2, requires_grad=True) for head in objective.heads}
    objective.loss(Batch(samples(2, converted=1.0, refunded=0.0)), outputs).backward()
    assert outputs["rfr"].grad is None


def test_unions_of_what_the_parts_say():
    objective = OBJECTIVES.parse(cascade("es-dfm"), "objective")
    assert objective.heads == ("cvr", "rfr")
    assert objective.targets == ("converted", "refunded")
    assert objective.estimates == ("p_dp", "p_rn")
    assert OBJECTIVES["cascade"].heads == ("cvr", "rfr")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"conversion": "es-dmf"}, r"objective\.conversion.*'es-dmf'.*'es-dfm'\?"),
        ({"conversion": {"kind": "bce", "off": 1}}, r"objective\.conversion.*off.*'of'\?"),
        ({"refund": "nothing"}, r"objective\.refund.*'nothing'"),
        ({"conversion": "tesla"}, r"'tesla' trains cvr, rfr.*for the conversion rate alone"),
        ({"refund": "es-dfm"}, r"'es-dfm' trains cvr.*allowed: bce, settlement, none"),
        ({"conversion": ["bce"]}, r"objective\.conversion.*must be a name"),
    ],
)
def test_faults_of_nested_parts_name_them(spec, said):
    with pytest.raises(ScenarioError, match=said):
        OBJECTIVES.parse({"kind": "cascade", **spec}, "objective")


def test_links_wrap_links_for_cvr_only():
    with pytest.raises(ScenarioError, match="'amount' serves gmv"):
        LINKS.parse({"kind": "cascade", "conversion": "amount"}, "serve")
    link = LINKS.parse({"kind": "cascade", "conversion": {"kind": "odds", "clip": 0.5}}, "serve")
    assert (link.heads, link.tasks) == (("cvr", "rfr"), ("cvr", "rfr", "netcvr"))
    assert link.serve({"cvr": np.array([3.0]), "rfr": np.zeros(1)})["netcvr"][0] == pytest.approx(0.25)


LABELS = Labels(
    np.array([True, True, False]), np.array([True, False, False]), np.zeros(3), np.zeros(3),
    np.array([1, 1, 0], np.int32), np.array([5, 9, -1]), np.array([7, -1, -1]), np.full(3, -1),
)  # fmt: skip
CLICKS = ClickBatch(0, np.arange(3), np.arange(3), np.empty((3, 0), np.int32))


def test_recipes():
    targets = RECIPES["cascade"]().examples(CLICKS, LABELS, EventBatch.empty()).targets
    np.testing.assert_array_equal(targets["cvr"], [1, 1, 0])
    np.testing.assert_array_equal(targets["rfr"], [1, 0, NULL])
    direct = RECIPES["direct"]().targets(CLICKS, LABELS)
    np.testing.assert_array_equal(direct["netcvr"], [0, 1, 0])
    np.testing.assert_array_equal(direct["cvr"], [1, 1, 0])


def test_both_pretraining_losses_are_means_over_clicks():
    recipe = RECIPES["cascade"]()
    outputs = {head: torch.zeros(4) for head in recipe.heads}
    told = torch.tensor([True, False, False, False])
    loss = recipe.loss(
        outputs, {"cvr": (torch.ones(4), torch.ones(4, dtype=bool)), "rfr": (told.float(), told)}
    )
    assert loss.item() == pytest.approx(np.log(2) * (1 + 1 / 4))
