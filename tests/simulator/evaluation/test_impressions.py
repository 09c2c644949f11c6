"""Metrics of the tasks on impressions, against slow obvious versions, on the population that each names."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.calendar import PHASES
from simulator.evaluation import metrics
from simulator.evaluation.ledger import Ledger
from simulator.evaluation.task import some_of, values_of
from simulator.evaluation.tasks import TASKS, measure, outcome
from simulator.evaluation.tasks.impressions import JudgedLabels
from simulator.ranking import ks
from tests.simulator.evaluation.stream import CALENDAR, SEGMENT, START, Stream, feed

POPULATIONS = {"cvr_all": "q", "cvr_clicked": "q1", "cvr_unclicked": "q0"}
TASKS_ON_IMPRESSIONS = ("ctr", "ctcvr", *POPULATIONS)

scored = st.lists(st.tuples(st.sampled_from([0.01, 0.1, 0.25, 0.7]), st.booleans()), min_size=1, max_size=40)


def shown(n, seed):
    """Impressions of unequal segments in a confounded world, with what two methods serve of them."""
    random = np.random.default_rng(seed)
    share = random.dirichlet(np.full(36, 0.3))
    time = START + random.choice(36, n, p=share) * SEGMENT + random.integers(0, SEGMENT, n)
    time.sort()
    level = ((time - START) // SEGMENT) % 5
    c = 1 / (1 + np.exp(2.5 - 0.3 * level - random.normal(size=n)))
    q1 = 1 / (1 + np.exp(1.5 - random.normal(size=n)))
    q0 = 0.6 * q1
    clicked = random.random(n) < c
    would_pay = random.random(n) < np.where(clicked, q1, q0)
    converted = clicked & would_pay
    none, zero = np.full(n, -1, np.int64), np.zeros(n)
    labels = JudgedLabels(
        converted=converted, refunded=np.zeros(n, bool), gmv=zero, refund_amount=zero, pay_count=zero.astype(np.int32),
        first_pay=none, first_refund=none, first_cart=none, clicked=clicked, would_pay=would_pay.astype(np.float64),
    )  # fmt: skip
    hidden = np.exp(0.3 * random.normal(size=n))
    truth = {
        "c": c,
        "q1": q1,
        "q0": q0,
        "q": c * q1 + (1 - c) * q0,
        "p_click": np.minimum(c * hidden, 1),
        "p_pay": q1,
    }
    served = {}
    for method, noise in (("a", 0.3), ("b", 1.5)):
        ctr, cvr = (1 / (1 + np.exp(np.log(1 / p - 1) + noise * random.normal(size=n))) for p in (c, q1))
        served[method] = {"ctr": ctr, "ctcvr": ctr * cvr, **dict.fromkeys(POPULATIONS, cvr)}
    return Stream(time, labels, truth, served)


def judged(stream):
    ledger = Ledger(
        dict.fromkeys(stream.predictions, TASKS_ON_IMPRESSIONS), CALENDAR, START, SEGMENT, labels=JudgedLabels
    )
    feed(ledger, stream, np.random.default_rng(1), settled=len(stream.time))
    return ledger.finish()


def slow_ece(served, label, bins=10):
    order = sorted(range(len(served)), key=lambda i: served[i])
    edges = [round(k * len(order) / bins) for k in range(bins + 1)]
    off = 0.0
    for first, stop in pairwise(edges):
        rows = order[first:stop]
        off += abs(sum(served[i] - label[i] for i in rows))
    return off / len(order)


@settings(max_examples=100, deadline=None)
@given(scored)
def test_ece_is_the_gap_of_each_tenth_weighted_by_rows(rows):
    served, label = np.array([p for p, _ in rows]), np.array([float(y) for _, y in rows])
    assert metrics.ece(served, label) == pytest.approx(slow_ece(served, label), abs=1e-12)
    assert metrics.ece(served, label) >= abs(served.mean() - label.mean()) - 1e-12


@settings(max_examples=100, deadline=None)
@given(scored)
def test_ks_is_the_largest_gap_of_the_rates_over_thresholds(rows):
    served, label = np.array([p for p, _ in rows]), np.array([float(y) for _, y in rows])
    found = ks(served, label)
    if label.all() or not label.any():
        assert math.isnan(found)
        return
    gaps = [abs((served[label == 1] >= t).mean() - (served[label == 0] >= t).mean()) for t in set(served)]
    assert found == pytest.approx(max(gaps), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.3]), st.floats(0, 1)), min_size=1, max_size=60))
def test_the_value_of_the_top_is_what_any_order_of_ties_holds_on_average(rows):
    scores, worth = np.array([s for s, _ in rows]), np.array([w for _, w in rows])
    top = max(round(0.1 * len(rows)), 1)
    held, left = 0.0, top
    for score in sorted(set(scores), reverse=True):
        of = worth[scores == score]
        held += min(left, len(of)) * of.mean()
        left -= min(left, len(of))
    best = sum(sorted(worth)[-top:])
    found = metrics.top_value(scores, worth)
    assert found == pytest.approx(held / best) if best else math.isnan(found)
    if best:
        assert metrics.top_value(worth, worth) == pytest.approx(1)


def test_each_metric_is_over_all_rows_of_the_population_that_its_task_names():
    stream = shown(9000, 3)
    results = judged(stream)
    clicked = stream.labels.clicked
    rows = {"cvr_clicked": clicked, "cvr_unclicked": ~clicked}
    for phase, table in {"": results.overall(), **results.by_phase()}.items():
        of = np.ones(9000, bool) if not phase else CALENDAR.phase(stream.time) == PHASES.index(phase)
        for task, column in {"ctr": "c", **POPULATIONS}.items():
            kept = of & rows.get(task, np.ones(9000, bool))
            served, truth = stream.predictions["a"][task][kept], stream.truth[column][kept]
            label = (clicked if task == "ctr" else stream.labels.would_pay)[kept].astype(float)
            found = table["a"][task]
            assert found.rows == kept.sum()
            assert found.values["rmse_truth"] == pytest.approx(np.sqrt(np.mean((served - truth) ** 2)))
            assert found.values["ece"] == pytest.approx(
                metrics.ece(served, label), rel=0.05, abs=3 / kept.sum()
            )
            assert found.values["ece_truth"] == pytest.approx(
                metrics.ece(served, truth), rel=0.05, abs=3 / kept.sum()
            )
            assert found.values["pcoc"] - 1 == pytest.approx(served.sum() / label.sum() - 1)


def test_the_weights_of_clicked_rows_are_told_over_all_of_them():
    stream = shown(5000, 4)
    results = judged(stream)
    for method, table in results.overall().items():
        c = stream.predictions[method]["ctr"][stream.labels.clicked]
        w = 1 / np.clip(c, 0.05, 1)
        found = table["ctr"].values
        assert found["ess"] == pytest.approx(w.sum() ** 2 / (w**2).sum() / len(w))
        assert found["clipped"] == pytest.approx((c <= 0.05).mean())
        assert found["max_weight"] == pytest.approx(w.max())
    over = [
        r["rows"]
        for r in results.metrics.to_pylist()
        if (r["method"], r["task"], r["metric"]) == ("a", "ctr", "ess")
    ]
    assert sum(over) == stream.labels.clicked.sum()


def test_showing_first_what_is_predicted_highest_is_worth_its_true_conversions():
    stream = shown(4000, 5)
    worth = stream.truth["p_click"] * stream.truth["p_pay"]
    whole = outcome("ctcvr", stream.labels, stream.truth)
    found = TASKS["ctcvr"].measure(stream.predictions["a"]["ctcvr"], whole)["top_value"]
    order = np.argsort(-stream.predictions["a"]["ctcvr"])[:400]
    assert found == pytest.approx(worth[order].sum() / np.sort(worth)[-400:].sum())
    table = judged(stream).overall()
    assert table["a"]["ctcvr"].values["top_value"] > table["b"]["ctcvr"].values["top_value"] + 0.05


def test_without_clicks_or_truth_there_is_no_number():
    n = 30
    stream = shown(n, 6)
    stream.labels.clicked[:] = False
    stream.labels.converted[:] = False
    served = np.full(n, 0.1)
    ctr = TASKS["ctr"].measure(served, outcome("ctr", stream.labels, None))
    for name in ("auc", "ks", "ece_truth", "rmse_truth", "ess", "clipped", "max_weight"):
        assert math.isnan(ctr[name]), name
    assert ctr["ece"] == pytest.approx(0.1)
    ctcvr = TASKS["ctcvr"].measure(served, outcome("ctcvr", stream.labels, None))
    assert math.isnan(ctcvr["top_value"])
    empty = TASKS["cvr_clicked"].measure(np.empty(0), outcome("cvr_clicked", stream.labels, stream.truth))
    assert all(math.isnan(value) for value in empty.values())


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.3, 0.9]), st.booleans(), st.integers(3, 6)), max_size=40)
)
def test_gauc_is_the_mean_of_the_aucs_inside_users_weighted_by_rows(rows):
    served, label, user = (
        (np.array(column) for column in zip(*rows, strict=True)) if rows else [np.zeros(0)] * 3
    )
    total, weight = 0.0, 0
    for one in set(user):
        mine, paid = served[user == one], label[user == one].astype(bool)
        pairs = [(a, b) for a in mine[paid] for b in mine[~paid]]
        if pairs:
            total += len(mine) * sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs) / len(pairs)
            weight += len(mine)
    label, user = label.astype(float), user.astype(np.int64)
    found = values_of(["gauc"], served.astype(float), label, user)["gauc"]
    assert found == pytest.approx(total / weight) if weight else math.isnan(found)
    assert some_of(["gauc", "ks"], label, user)["gauc"].sum() == weight


def test_users_are_read_beside_the_rows_that_are_judged():
    stream, first = shown(3000, 8), 100
    user = np.random.default_rng(2).integers(0, 300, 3000 + first) + 2**60
    chunks = (
        (k, {"user_id": user[k : k + 700], "item_id": user[k : k + 700]}) for k in range(0, len(user), 700)
    )
    ledger = Ledger(
        {"a": ("ctr",)}, CALENDAR, START, SEGMENT, labels=JudgedLabels, metrics=("gauc",), users=chunks
    )  # fmt: skip
    own = replace(stream, predictions={"a": {"ctr": stream.predictions["a"]["ctr"]}})
    feed(ledger, own, np.random.default_rng(1), settled=3000, first_row=first)
    results = ledger.finish()
    total, weight, at = 0.0, 0, 0
    for cell in results.cells:
        rows = slice(at, at + cell.rows)
        at += cell.rows
        mine = stream.labels.clicked[rows].astype(float), user[first:][rows]
        size = int(some_of(["gauc"], *mine)["gauc"].sum())
        value = values_of(["gauc"], stream.predictions["a"]["ctr"][rows], *mine)["gauc"]
        assert cell.statistics["a", "ctr"].rows_of("gauc") == size
        total, weight = total + (size * value if size else 0.0), weight + size
    assert results.overall()["a"]["ctr"].values["gauc"] == pytest.approx(total / weight)
    assert results.further == ("gauc",)


def test_without_users_there_is_no_gauc():
    stream = shown(50, 9)
    judged = outcome("ctr", stream.labels, None)
    assert math.isnan(measure("ctr", stream.predictions["a"]["ctr"], judged, ("gauc",)).values["gauc"])
