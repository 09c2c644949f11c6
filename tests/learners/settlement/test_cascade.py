"""Settlement of refunds: what each pay is fed adds up, hand-made journeys, and what is fed when nothing is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.engine import Engine
from simulator.log.memory import MemoryLog, final_labels, random_log
from simulator.log.schema import EventBatch, Feature, Kind
from simulator.policies import policy_from
from simulator.policies.checks import check_policy
from simulator.randomness import generator
from simulator.samples import Samples
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.learners.settlement.test_policy import WINDOWS, pushes, role, sigmoid, with_logits

ALL = {"kind": "cascade-settlement", "budget": 1e9, "refund_budget": 1e9}


class Fixed:
    """A frozen model whose logits are a click's features, and evidence of refunds that is a function of the journey."""

    def __init__(self, evidence):
        self._evidence = evidence

    def ask(self, question):
        clicks, now, logit = question.clicks, question.now, question.known.get("logit")
        if question.name == "predictions":
            return {
                "cvr": sigmoid(clicks.features[:, 0] / 10.0),
                "rfr": sigmoid(clicks.features[:, 0] / 20 - 1),
            }
        refund = question.name == "refund_evidence"
        age = (now - (question.journey.first_pay_time if refund else clicks.time)) / HOUR
        found = self._evidence(age, clicks, now) if refund else -0.02 * age
        return {"evidence": found, "start": 0 * found, "network": logit, "prior": logit}

    def tell(self, clicks, now, known):
        pass


def wrong(age, clicks, now):
    return np.sin(clicks.row) - 0.1 * age


def replay(log, spec, until, segment, evidence=wrong, *, windows=WINDOWS, opens=0) -> Samples:
    advisors = {"p": Fixed(evidence)}
    engine = Engine(
        log, windows, {"p": policy_from(spec)}, start=0, features=True, advisors=advisors, stream_start=opens
    )
    ends = range(opens + segment, until + segment, segment)
    edges = sorted({*ends, *range(5 * HOUR, until, 5 * HOUR)})
    return Samples.concatenate([engine.advance(e, segment_end=e in ends).samples["p"] for e in edges])


def rates(log):
    return log.feature_matrix[:, 0] / 20 - 1


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    segment=st.sampled_from([3 * HOUR, 20 * HOUR, 3 * DAY]),
    evidence=st.sampled_from(["posterior", "retraction"]),
)
def test_what_a_pay_is_fed_adds_up_to_r_minus_its_refund(seed, segment, evidence):
    log = with_logits(random_log(generator(seed, "log"), 300, WINDOWS, days=4), seed)
    until = int(log.click_time[-1]) + WINDOWS.lifetime + 2
    samples = replay(log, {**ALL, "evidence": evidence}, until, segment)
    final = final_labels(log.click_time, log.event, 0, WINDOWS)
    refunds = ~np.isnan(samples.refunded)
    assert (np.isnan(samples.converted) == refunds).all(), "each sample is of one stage"
    of = samples[refunds]
    fed = np.bincount(of.row, pushes(of, rates(log)[of.row]), len(log.click_id))
    np.testing.assert_allclose(
        fed, np.where(final.converted, sigmoid(rates(log)) - final.refunded, 0), atol=1e-9
    )
    assert (np.bincount(of.row[role(of) == "refund_first"], minlength=len(fed)) == final.converted).all()
    with_prior = ~np.isnan(of.column("prior"))
    np.testing.assert_allclose(of.column("prior")[with_prior], rates(log)[of.row][with_prior], atol=1e-9)
    of = samples[~refunds]
    logit = log.feature_matrix[:, 0] / 10.0
    fed = np.bincount(of.row, pushes(of, logit[of.row]), len(logit))
    np.testing.assert_allclose(fed, sigmoid(logit) - final.converted, atol=1e-9)


def test_the_first_stage_is_as_without_refunds():
    log = with_logits(random_log(generator(5, "log"), 400, WINDOWS, days=4))
    alone = replay(log, "posterior-settlement", 7 * DAY, 7 * HOUR)
    both = replay(log, "cascade-settlement", 7 * DAY, 7 * HOUR)
    both = both[np.isnan(both.refunded)]
    for name in ("row", "visible_time", "weight", "converted", "evidence", "previous_evidence", "prior"):
        np.testing.assert_array_equal(both.column(name), alone.column(name))


def one_click(pay, refund, logit=20) -> MemoryLog:
    """One click at 0 h that pays and is refunded at these hours; its refund rate is 1/2."""
    times = [(hour, kind) for hour, kind in ((pay, Kind.PAY), (refund, Kind.REFUND)) if hour is not None]
    n = len(times)
    event = EventBatch(
        np.zeros(n, np.int64),
        np.arange(n),
        np.array([h * HOUR for h, _ in times], np.int64),
        np.array([k for _, k in times], np.uint8),
        np.full(n, 10.0),
    )
    return MemoryLog(
        np.array([7]), np.zeros(1, np.int64), event, np.full((1, 1), logit, np.int32), 0, (Feature("z", 60),)
    )


ODDS = np.log(2)
"""Evidence of silence in these journeys: a half, a third, a quarter ... of the odds a segment."""
GOLDEN = {
    (None, None): [],
    (2, None): [
        (6, "refund_first", -ODDS), (12, "kept", -2 * ODDS), (18, "kept", -3 * ODDS), (22, "kept", -np.inf),
    ],
    (2, 5): [(6, "refund_first", np.inf)],
    (2, 8): [(6, "refund_first", -ODDS), (12, "refund", np.inf)],
    (2, 20): [(6, "refund_first", -ODDS), (12, "kept", -2 * ODDS), (18, "kept", -3 * ODDS), (22, "refund", np.inf)],
    (2, 22): [(6, "refund_first", -ODDS), (12, "kept", -2 * ODDS), (18, "kept", -3 * ODDS), (22, "refund", np.inf)],
    (2, 23): [(6, "refund_first", -ODDS), (12, "kept", -2 * ODDS), (18, "kept", -3 * ODDS), (22, "kept", -np.inf)],
    (49, 50): [],
}  # fmt: skip
"""By hour of pay and of refund: hour, role and evidence of what is delivered; segments of six hours, windows of 48 and 20."""


@pytest.mark.parametrize("journey", GOLDEN)
def test_golden_deliveries(journey):
    windows = Windows(48 * HOUR, 20 * HOUR)
    samples = replay(
        one_click(*journey),
        ALL,
        80 * HOUR,
        6 * HOUR,
        lambda age, clicks, now: -ODDS * np.round((now + 1) / (6 * HOUR)),
        windows=windows,
    )
    samples = samples[~np.isnan(samples.refunded)]
    found = [
        (round(t / HOUR, 6), r, e)
        for t, r, e in zip(samples.visible_time, role(samples), samples.column("evidence"), strict=True)
    ]
    expected = GOLDEN[journey]
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    assert [row[2] for row in found] == pytest.approx([row[2] for row in expected])
    np.testing.assert_array_equal(samples.column("previous_evidence")[1:], samples.column("evidence")[:-1])
    assert np.isnan(samples.column("previous_evidence")[:1]).all()
    # The served refund rate is 1/2: the odds of r(s) are those of the evidence.
    np.testing.assert_allclose(samples.refunded, sigmoid(samples.column("evidence")), atol=1e-12)


def test_pays_of_before_the_stream_are_settled_but_not_delivered_anew():
    log = with_logits(random_log(generator(7, "log"), 900, WINDOWS, days=6))
    opens = 3 * DAY
    samples = replay(log, ALL, 10 * DAY, 7 * HOUR, opens=opens)
    samples = samples[~np.isnan(samples.refunded)]
    final = final_labels(log.click_time, log.event, 0, WINDOWS)
    first = role(samples) == "refund_first"
    paid = final.first_pay[samples.row]
    assert (paid[first] >= opens).all()
    assert (paid[~first] < opens).any()
    assert first.sum() == np.count_nonzero(final.converted & (final.first_pay >= opens))


@pytest.mark.parametrize(
    "parameters", [{}, {"evidence": "retraction"}, {"budget": 1e-3, "refund_budget": 1e-3}]
)
def test_it_keeps_the_contract(parameters):
    passed = check_policy(policy_from({"kind": "cascade-settlement", **parameters}), clicks=200)
    assert {"causal", "ticks", "labels"} <= set(passed)


SCALE = 7.0


def shop(seed: int, clicks: int = 60_000) -> MemoryLog:
    """Everybody pays at once; who sends it back does so at an exponential age (hours), inside the window of a day."""
    rng = generator(seed, "shop")
    time = np.sort(rng.integers(0, 8 * DAY, clicks))
    matrix = rng.integers(0, 30, (clicks, 1)).astype(np.int32)
    back = np.flatnonzero(rng.random(clicks) < sigmoid(matrix[:, 0] / 20 - 1))
    whole = 1 - np.exp(-WINDOWS.refund / HOUR / SCALE)
    delay = (-SCALE * np.log1p(-rng.random(len(back)) * whole) * HOUR).astype(np.int64)
    row = np.concatenate([np.arange(clicks), back])
    when = np.concatenate([time, time[back] + delay])
    kind = np.repeat([Kind.PAY, Kind.REFUND], [clicks, len(back)]).astype(np.uint8)
    order = np.lexsort((kind, when))
    event = EventBatch(row[order], np.arange(len(row)), when[order], kind[order], np.ones(len(row)))
    return MemoryLog(np.arange(clicks), time, event, matrix, 0, (Feature("z", 60),))


def right(age, clicks, now):
    whole = 1 - np.exp(-WINDOWS.refund / HOUR / SCALE)
    return np.log(np.maximum(1 - (1 - np.exp(-age / SCALE)) / whole, 1e-300))


def refund_pushes(budget, log, evidence=right):
    segment = 3 * HOUR
    samples = replay(log, {"kind": "cascade-settlement", "refund_budget": budget}, 8 * DAY, segment, evidence)
    samples = samples[~np.isnan(samples.refunded)]
    push = pushes(samples, rates(log)[samples.row])
    place = samples.visible_time // segment
    return samples, push, np.bincount(place, push) / np.sqrt(np.bincount(place, push**2))


@pytest.fixture(scope="module")
def world():
    return shop(3)


@pytest.mark.parametrize("budget", [1e9, 0.5])
def test_with_right_evidence_nothing_pushes_in_any_segment(world, budget):
    _, _, z = refund_pushes(budget, world)
    assert len(z) == 64
    assert np.abs(z).max() < 3.3  # of 64
    assert 0.7 < z.std() < 1.3


def test_evidence_of_the_wrong_speed_is_seen(world):
    """At the start of the stream; afterwards, while as many come every hour, what is fed too late makes good for it."""
    _, _, z = refund_pushes(1e9, world, lambda age, clicks, now: right(age / 3, clicks, now))
    assert z[:6].max() < -5, "more come than were believed to"
    assert np.abs(z[20:]).mean() < 2


def test_sampled_settlements_stand_for_all_of_them(world):
    all_of_them, some = (refund_pushes(budget, world)[:2] for budget in (1e9, 0.3))
    sums = []
    for samples, push in (all_of_them, some):
        kept = role(samples) == "kept"
        sums.append(push[kept].sum())
    samples, push = some
    kept = role(samples) == "kept"
    weight = samples.weight[kept]
    error = np.sqrt(((weight - 1) / weight * push[kept] ** 2).sum())
    assert weight.max() > 3
    assert abs(sums[0] - sums[1]) < 3 * error
