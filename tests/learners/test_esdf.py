"""ESDF: its step against the formulas, where it settles, its delay slots, and what its policy delivers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learners.batch import Batch
from learners.networks import NETWORKS
from learners.objectives import OBJECTIVES
from learners.serve import LINKS
from simulator.units import DAY, HOUR
from tests.learners.slopes import slopes_by_difference

N, SLOTS = 60, 3
ROLES = ("negative", "immediate_positive", "copy", "delayed_positive", "real_negative", "final")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def survival(s, age):
    """Mass of the delay beyond an age in days, the last slot being open to the end."""
    left = [s[k] * min(max(k + 1 - age, 0.0), 1.0) for k in range(SLOTS)]
    return sum(left) + s[SLOTS]


def draw(samples, clicked=None):
    rng = np.random.default_rng(6)
    o = rng.choice([0.0, 1.0, np.nan, np.nan], N) if clicked is None else np.full(N, clicked)
    role = rng.choice(ROLES, N)
    paid = np.isin(role, ["immediate_positive", "copy", "delayed_positive"]).astype(float)
    paid = np.where(role == "final", rng.choice([0.0, 1.0], N), paid)
    r = np.where(o == 0, 0.0, np.where((o == 1) & (role != "final"), np.nan, paid))
    age = rng.uniform(0.1, 5.0, N)
    delay = age * rng.uniform(0.2, 1.0, N)
    # What the pay itself caused names no pay before it.
    before = np.where(np.isin(role, ["immediate_positive", "final"]) & (r == 1), delay * DAY, -1).astype(
        np.int64
    )
    delay = np.where(before >= 0, before / DAY, age)
    weight = np.where(np.isnan(o), rng.choice([1.0, 0.5], N), 1.0)
    elapsed = (age * DAY).astype(np.int64)
    rows = samples(
        N,
        clicked=o,
        converted=r,
        role=role,
        weight=weight,
        elapsed=elapsed,
        event_time=elapsed,
        previous_time=before,
    )
    heads = OBJECTIVES["esdf"](slots=SLOTS).heads
    return (
        rows,
        (o, r, role, elapsed / DAY, delay, weight),
        {head: rng.normal(-0.5, 1.0, N) for head in heads},
    )


def slow(given, raw, held):
    """Minus the expected log-likelihood, row by row; the chance to convert yet is made of ``held``."""
    o, r, role, age, delay, weight = given
    total = 0.0

    def at(outputs, k):
        delays = np.exp([outputs[f"delay_{j}"][k] for j in range(1, SLOTS + 2)])
        return sigmoid(outputs["ctr"][k]), sigmoid(outputs["ctcvr"][k]), delays / delays.sum()

    for k in range(N):
        c, g, s = at(raw, k)
        row = 0.0
        if not np.isnan(o[k]):
            row -= np.log(c if o[k] else 1 - c)
        if o[k] == 0:
            row -= np.log(1 - g)
        elif not np.isnan(r[k]):
            looks = 1 if role[k] == "final" else 2
            if r[k]:
                row -= (np.log(g) + np.log(s[min(int(np.ceil(delay[k])) - 1, SLOTS)])) / looks
            elif role[k] in ("final", "real_negative"):
                row -= np.log(1 - g) / looks
            else:
                c_held, g_held, s_held = at(held, k)
                f, later = min(g_held / c_held, 1 - 1e-6), survival(s_held, age[k])
                w = f * later / (1 - f + f * later)
                row -= (w * (np.log(g) + np.log(survival(s, age[k]))) + (1 - w) * np.log(1 - g)) / looks
        total += weight[k] * row
    return total / N


def test_loss_and_slopes(samples):
    rows, given, raw = draw(samples)
    objective = OBJECTIVES["esdf"](slots=SLOTS)
    leaves = {head: torch.tensor(values, requires_grad=True) for head, values in raw.items()}
    loss = objective.loss(Batch(rows, {}, torch.float64), leaves)
    loss.backward()
    held = {head: values.copy() for head, values in raw.items()}
    assert (sigmoid(raw["ctcvr"]) > sigmoid(raw["ctr"])).any()
    assert loss.item() == pytest.approx(slow(given, raw, held), rel=1e-9)
    for head, found in slopes_by_difference(lambda: slow(given, raw, held), raw).items():
        np.testing.assert_allclose(leaves[head].grad, found, atol=2e-8, err_msg=head)


@pytest.mark.parametrize("clicked", [0.0, 1.0, np.nan])
@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_a_batch_of_one_kind_has_a_finite_loss(scale, clicked, samples):
    rows, _, raw = draw(samples, clicked)
    leaves = {head: torch.tensor(scale * raw[head], dtype=torch.float32, requires_grad=True) for head in raw}
    loss = OBJECTIVES["esdf"](slots=SLOTS).loss(Batch(rows), leaves)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(leaf.grad).all() for leaf in leaves.values())


DELAYS = (0.4, 0.3, 0.2, 0.1)


def looks(c, p, age, kept):
    """Expected deliveries of clicks seen at an age and once for good: label, role, age, delay (in days), count."""
    inside = [min(max(age - k, 0.0), 1.0) if k < SLOTS else 0.0 for k in range(SLOTS + 1)]
    rows = []
    for k, (share, seen) in enumerate(zip(DELAYS, inside, strict=True)):
        rows.append((1, "immediate_positive", age, k + 0.5, p * share * seen))
        rows.append((1, "copy", k + 0.5, k + 0.5, p * share * seen))
        rows.append((1, "delayed_positive", k + 0.5, k + 0.5, p * share * (1 - seen)))
    early = sum(share * seen for share, seen in zip(DELAYS, inside, strict=True))
    rows.append((0, "negative", age, 0.0, 1 - p * early))
    rows.append((0, "real_negative", 9.0, 0.0, 1 - p))
    return [(*row[:4], c * kept * row[4]) for row in rows]


@pytest.mark.parametrize("ages", [(1.0,), (2.0,), (3.0,), (0.5,), (1.0, 2.5), (0.25, 1.0, 2.0)])
def test_it_settles_at_the_rates_whatever_is_still_open(ages, samples):
    c, p = 0.3, 0.2
    shown = [(0, 0, "impression", 0.0, 0.0, 1 - c), (1, np.nan, "click", 0.0, 0.0, c)]
    told = [(np.nan, *row) for age in ages for row in looks(c, p, age, 1 / len(ages))]
    clicked, converted, role, age, delay, count = zip(*shown, *told, strict=True)
    n, elapsed = len(count), (np.array(age) * DAY).astype(np.int64)
    before = np.where(np.array(role) == "immediate_positive", (np.array(delay) * DAY).astype(np.int64), -1)
    rows = samples(
        n, clicked=clicked, converted=converted, role=role, weight=count, elapsed=elapsed, event_time=elapsed,
        previous_time=before,
    )  # fmt: skip
    batch, objective = Batch(rows, {}, torch.float64), OBJECTIVES["esdf"](slots=SLOTS)
    logits = {
        head: torch.full((1,), -1.0, dtype=torch.float64, requires_grad=True) for head in objective.heads
    }
    optimiser = torch.optim.Adam(list(logits.values()), lr=0.1)
    for _ in range(600):
        optimiser.zero_grad()
        objective.loss(batch, {head: logit.expand(n) for head, logit in logits.items()}).backward()
        optimiser.step()
    outputs = {head: logit.detach().numpy() for head, logit in logits.items()}
    found = {task: float(value[0]) for task, value in LINKS["esdf"]().serve(outputs).items()}
    assert (found["ctr"], found["cvr"], found["ctcvr"]) == pytest.approx((c, p, c * p), abs=1e-3)
    delays = np.exp([outputs[head][0] for head in objective.unserved])
    np.testing.assert_allclose(delays / delays.sum(), DELAYS, atol=2e-3)


def test_a_delay_of_a_whole_slot_is_inside_it(samples):
    objective = OBJECTIVES["esdf"](slots=2, slot="1h")
    elapsed = np.array([1, HOUR, HOUR + 1, 2 * HOUR, 30 * HOUR])
    rows = samples(5, converted=1.0, role="copy", elapsed=elapsed, event_time=elapsed, previous_time=-1)
    heads = {head: torch.zeros(5, dtype=torch.float64, requires_grad=True) for head in objective.heads}
    objective.loss(Batch(rows, {}, torch.float64), heads).backward()
    slot = [int(torch.stack([heads[head].grad[k] for head in objective.unserved]).argmin()) for k in range(5)]
    assert slot == [0, 0, 1, 1, 2]
    assert objective.unserved == ("delay_1", "delay_2", "delay_3")


def test_the_slots_share_a_tower():
    heads = OBJECTIVES["esdf"](slots=2).heads
    part = NETWORKS.parse({"kind": "per-head", "tower": {"kind": "mlp", "hidden": [6, 4]}}, "network")
    layers = part.build(5, heads, torch.Generator().manual_seed(1))
    assert set(layers["towers"]) == {"ctr", "ctcvr", "delay"}
    assert set(layers["heads"]) == set(heads)
    assert set(part.forward(layers, torch.randn(1, 3, 5))) == set(heads)


def test_a_rate_above_one_is_not_served():
    served = LINKS["esdf"]().serve({"ctr": np.array([-2.0, -900.0]), "ctcvr": np.array([-1.0, -950.0])})
    assert (served["cvr"] <= 1).all()
    assert np.isfinite(served["cvr"]).all()
