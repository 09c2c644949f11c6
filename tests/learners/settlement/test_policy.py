"""Posterior settlement: what each click is fed adds up, what a sample stands for, and what is fed when nothing is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.settlement.settler import sampling_rate
from simulator.engine import Engine
from simulator.log.memory import MemoryLog, final_labels, random_log
from simulator.log.schema import EventBatch, Feature, Kind
from simulator.policies import policy_from
from simulator.randomness import draws, generator
from simulator.samples import Samples
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows

WINDOWS = Windows(2 * DAY, DAY)


def sigmoid(x):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


class Fixed:
    """A frozen model whose logit is a click's feature, and evidence that is any function of the journey."""

    def __init__(self, evidence):
        self._evidence = evidence

    def ask(self, question):
        clicks, known = question.clicks, question.known
        if question.name == "predictions":
            return {"cvr": sigmoid(clicks.features[:, 0] / 10.0)}
        found = self._evidence(clicks, question.now, question.journey)
        return {
            "evidence": found,
            "start": np.zeros(len(found)),
            "network": known.get("network", known["logit"]),
            "prior": known["logit"],
        }

    def tell(self, clicks, now, known):
        pass


def any_evidence(clicks, now, journey):
    """Wrong on purpose."""
    age = (now - clicks.time) / HOUR
    return np.sin(clicks.row) - 0.1 * age + 2.0 * journey.carted


def replay(log, policy, until, segment, advisor, *, windows=WINDOWS, tick=5 * HOUR, opens=None) -> Samples:
    engine = Engine(
        log, windows, {"p": policy}, start=0, features=True, advisors={"p": advisor}, stream_start=opens
    )
    first = 0 if opens is None else opens
    ends = set(range(first + segment, until + segment, segment))
    edges = sorted(ends | set(range(tick, until + segment, tick)))
    ticks = [engine.advance(edge, segment_end=edge in ends) for edge in edges]
    return Samples.concatenate([t.samples["p"] for t in ticks])


def with_logits(log: MemoryLog, seed=0) -> MemoryLog:
    log.feature_matrix = generator(seed, "logits").integers(0, 60, (len(log.click_id), 1)).astype(np.int32)
    log.features = (Feature("logit", 60),)
    return log


def pushes(samples: Samples, logit) -> np.ndarray:
    """What each sample adds to the pull on its click's logit, weights included."""
    q = sigmoid(logit + samples.column("evidence"))
    previous = np.where(
        np.isnan(samples.column("previous_evidence")), 0.0, samples.column("previous_evidence")
    )
    return samples.weight * (sigmoid(logit + previous) - q)


def role(samples: Samples) -> np.ndarray:
    return np.array(samples.role_names.tolist())


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), segment=st.sampled_from([7 * HOUR, 20 * HOUR, 3 * DAY]))
def test_all_that_a_click_is_fed_adds_up_to_p_minus_y(seed, segment):
    log = with_logits(random_log(generator(seed, "log"), 300, WINDOWS, days=4), seed)
    until = int(log.click_time[-1]) + WINDOWS.lifetime + 2
    policy = policy_from({"kind": "posterior-settlement", "budget": 1e9})
    samples = replay(log, policy, until, segment, Fixed(any_evidence))
    logit = log.feature_matrix[:, 0] / 10.0
    fed = np.bincount(samples.row, pushes(samples, logit[samples.row]), len(logit))
    final = final_labels(log.click_time, log.event, 0, WINDOWS)
    np.testing.assert_allclose(fed, sigmoid(logit) - final.converted, atol=1e-9)
    assert (samples.weight == 1).all()
    assert (np.bincount(samples.row[role(samples) == "first"], minlength=len(logit)) == 1).all()
    with_prior = ~np.isnan(samples.column("prior"))
    np.testing.assert_allclose(samples.column("prior")[with_prior], logit[samples.row][with_prior], atol=1e-9)
    np.testing.assert_allclose(
        samples.converted[with_prior],
        sigmoid(samples.column("prior")[with_prior] + samples.column("evidence")[with_prior]),
        atol=1e-12,
    )


def test_settlements_chain():
    """The previous evidence of each delivery is the evidence of the one before it, to the last bit."""
    log = with_logits(random_log(generator(5, "log"), 300, WINDOWS, days=4))
    policy = policy_from({"kind": "posterior-settlement", "budget": 1e9})
    samples = replay(log, policy, 8 * DAY, 7 * HOUR, Fixed(any_evidence))
    order = np.lexsort((samples.revision, samples.row))
    samples = samples[order]
    again = samples.row[1:] == samples.row[:-1]
    np.testing.assert_array_equal(
        samples.column("previous_evidence")[1:][again], samples.column("evidence")[:-1][again]
    )
    np.testing.assert_array_equal(np.isnan(samples.column("previous_evidence")), samples.revision == 0)


def test_retraction_says_no_until_the_pay():
    log = with_logits(random_log(generator(6, "log"), 300, WINDOWS, days=4))
    policy = policy_from({"kind": "posterior-settlement", "evidence": "retraction"})
    until = int(log.click_time[-1]) + WINDOWS.lifetime + 2
    samples = replay(log, policy, until, 7 * HOUR, Fixed(any_evidence))
    assert set(role(samples)) == {"first", "pay"}
    assert np.isinf(samples.column("evidence")).all()
    logit = log.feature_matrix[:, 0] / 10.0
    fed = np.bincount(samples.row, pushes(samples, logit[samples.row]), len(logit))
    final = final_labels(log.click_time, log.event, 0, WINDOWS)
    np.testing.assert_allclose(fed, sigmoid(logit) - final.converted, atol=1e-9)


def test_clicks_of_before_the_stream_are_settled_but_not_delivered_anew():
    log = with_logits(random_log(generator(7, "log"), 600, WINDOWS, days=6))
    policy = policy_from({"kind": "posterior-settlement", "budget": 1e9})
    opens = 3 * DAY
    samples = replay(log, policy, 10 * DAY, 7 * HOUR, Fixed(any_evidence), opens=opens)
    first = role(samples) == "first"
    clicked = log.click_time[samples.row]
    assert (clicked[first] >= opens).all()
    assert (clicked[~first] < opens).any()
    assert first.sum() == np.count_nonzero(log.click_time >= opens)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 10, allow_subnormal=False), min_size=1, max_size=60), st.floats(0.5, 80))
def test_the_sampling_rate_meets_the_budget(moved, budget):
    moved = np.where(np.array(moved) < 1e-6, 0, moved)
    chance = np.minimum(1, sampling_rate(moved, budget) * moved)
    assert chance.sum() == pytest.approx(min(budget, np.count_nonzero(moved)), rel=1e-6)


def test_draws_are_uniform_and_independent_of_company():
    ids = np.arange(20_000)
    u = draws(ids, "a", 3)
    assert np.abs(np.histogram(u, 20, (0, 1))[0] - 1_000).max() < 150
    assert abs(np.corrcoef(u, draws(ids, "a", 4))[0, 1]) < 0.03
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 0.03
    np.testing.assert_array_equal(draws(ids[50:60], "a", 3), u[50:60])


SALE = 5 * DAY


def sale_world(seed: int, clicks: int = 60_000):
    """Clicks over eight days; who pays does so at exponential age, or, if the sale is near, may wait for its opening."""
    rng = generator(seed, "sale world")
    time = np.sort(rng.integers(0, 8 * DAY, clicks))
    logit = rng.integers(-40, -10, clicks)
    pays = rng.random(clicks) < sigmoid(logit / 10)
    # Of those who pay, a half of whoever clicks in the two days before the opening waits for it.
    waits = (time > SALE - 2 * DAY) & (time < SALE) & (rng.random(clicks) < 0.5)
    soon = np.minimum(time + truncated(rng.random(clicks), 6.0), time + WINDOWS.attribution)
    back = SALE + truncated_to(rng.random(clicks), 2.0, time + WINDOWS.attribution - SALE)
    when = np.where(waits, back, soon).astype(np.int64)
    row = np.flatnonzero(pays)
    row = row[np.lexsort((row, when[row]))]
    n = len(row)
    event = EventBatch(row, np.arange(n), when[row], np.full(n, Kind.PAY, np.uint8), np.ones(n))
    matrix = logit[:, None].astype(np.int32)
    return MemoryLog(np.arange(clicks), time, event, matrix, 0, (Feature("logit", 60),))


def truncated(u, scale):
    """Exponential age of the given scale (hours), not above the window, as microseconds."""
    whole = 1 - np.exp(-WINDOWS.attribution / HOUR / scale)
    return (-scale * np.log1p(-u * whole) * HOUR).astype(np.int64)


def truncated_to(u, scale, longest):
    whole = 1 - np.exp(-np.maximum(longest, 1) / HOUR / scale)
    return -scale * np.log1p(-u * whole) * HOUR


def survival(time, now, *, knows_sale=True):
    """P(no pay by now | pays)."""
    window = WINDOWS.attribution / HOUR
    age = (now - time) / HOUR
    own = 1 - (1 - np.exp(-age / 6)) / (1 - np.exp(-window / 6))
    near = (time > SALE - 2 * DAY) & (time < SALE)
    if not knows_sale:
        return own
    longest = (time + WINDOWS.attribution - SALE) / HOUR
    since = np.maximum((now - SALE) / HOUR, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        waiting = 1 - (1 - np.exp(-since / 2)) / (1 - np.exp(-longest / 2))
    return np.where(near, 0.5 * own + 0.5 * waiting, own)


def net_pushes(policy, log, evidence):
    """z-value per segment of the sum of all that was fed, over clicks as independent."""
    segment = 150 * MINUTE
    samples = replay(log, policy, 8 * DAY, segment, Fixed(evidence), tick=segment)
    push = pushes(samples, log.feature_matrix[samples.row, 0] / 10.0)
    place = samples.visible_time // segment
    total = np.bincount(place, push)
    spread = np.sqrt(np.bincount(place, push**2))
    return total[1:] / spread[1:], int(SALE // segment) - 1


@pytest.mark.parametrize("budget", [1e9, 0.3])
def test_with_right_evidence_nothing_pushes_in_any_segment(budget):
    policy = policy_from({"kind": "posterior-settlement", "budget": budget})
    log = sale_world(1)
    z, _ = net_pushes(policy, log, lambda c, now, j: np.log(np.maximum(survival(c.time, now), 1e-300)))
    assert len(z) > 70
    assert np.abs(z).max() < 3
    assert 0.7 < z.std() < 1.3


def test_evidence_that_knows_no_sale_pushes_at_the_opening():
    policy = policy_from({"kind": "posterior-settlement", "budget": 1e9})
    log = sale_world(1)
    z, opening = net_pushes(
        policy, log, lambda c, now, j: np.log(np.maximum(survival(c.time, now, knows_sale=False), 1e-300))
    )
    assert z[opening - 6 : opening].mean() > 1.5, "silence is taken for a no"
    assert z[opening] < -5, "the flood comes uncompensated"


def test_sampled_settlements_stand_for_all_of_them():
    log = sale_world(2)
    evidence = lambda c, now, j: np.log(np.maximum(survival(c.time, now), 1e-300))  # noqa: E731 - one line that is used once
    segment = 150 * MINUTE
    found = []
    for budget in (1e9, 0.2):
        policy = policy_from({"kind": "posterior-settlement", "budget": budget})
        samples = replay(log, policy, 8 * DAY, segment, Fixed(evidence), tick=segment)
        found.append(samples[role(samples) == "silence"])
    some = found[1]
    push = [pushes(s, log.feature_matrix[s.row, 0] / 10.0) for s in found]
    error = (some.weight - 1) * some.weight * (push[1] / some.weight) ** 2
    assert abs(push[0].sum() - push[1].sum()) < 3 * np.sqrt(error.sum())
    last = [np.count_nonzero(s.visible_time >= 7 * DAY) for s in found]
    expected = 0.2 * len(log.click_time) / 8  # of a day, once as many days are open as the window has
    assert last[1] == pytest.approx(expected, rel=0.2)
    assert last[0] > 5 * last[1]
    per_segment = np.bincount(some.visible_time // segment)[25:70]
    assert per_segment.std() < 3 * np.sqrt(per_segment.mean())


def test_a_segments_deliveries_are_mixed():
    """First deliveries, pays and silence lie among each other, so that every mini-batch has its share of each."""
    log = sale_world(3)
    segment = 150 * MINUTE
    policy = policy_from("posterior-settlement")
    samples = replay(log, policy, 6 * DAY, segment, Fixed(any_evidence), tick=segment)
    last = samples.visible_time == 5 * DAY - 5 * DAY % segment + segment - 1
    kinds = role(samples[last])
    place = np.arange(len(kinds)) / len(kinds)
    for kind in ("first", "pay", "silence"):
        chosen = place[kinds == kind]
        assert len(chosen) > 20
        assert abs(chosen.mean() - 0.5) < 4 * np.sqrt(1 / 12 / len(chosen)) + 0.02, kind


class Listening(Fixed):
    """Writes down what it is told."""

    def __init__(self, evidence):
        super().__init__(evidence)
        self.told = []

    def tell(self, clicks, now, known):
        self.told.append((clicks.row, now, known))


def test_the_auxiliary_is_told_of_all_open_clicks_those_that_paid_included():
    log = with_logits(random_log(generator(8, "log"), 500, WINDOWS, days=5))
    policy = policy_from("posterior-settlement")
    advisor, deaf = Listening(any_evidence), Fixed(any_evidence)
    segment = 7 * HOUR
    heard = replay(log, policy, 6 * DAY, segment, advisor)
    silent = replay(log, policy, 6 * DAY, segment, deaf)
    for column in ("row", "evidence", "weight"):
        np.testing.assert_array_equal(heard.column(column), silent.column(column))
    final = final_labels(log.click_time, log.event, 0, WINDOWS)
    before: dict[int, float] = {}
    for rows, now, known in advisor.told:
        open_ = (log.click_time <= now[0]) & (now[0] - log.click_time < WINDOWS.attribution)
        np.testing.assert_array_equal(np.sort(rows), np.flatnonzero(open_))
        paid = final.converted[rows] & (final.first_pay[rows] <= now)
        np.testing.assert_array_equal(np.isposinf(known["evidence"]), paid)
        np.testing.assert_allclose(known["prior"], log.feature_matrix[rows, 0] / 10.0, atol=1e-9)
        np.testing.assert_array_equal(known["previous"], [before.get(row, np.nan) for row in rows])
        before = dict(zip(rows.tolist(), known["evidence"].tolist(), strict=True))
    assert len(advisor.told) > 15


@pytest.mark.parametrize("segment", [4 * HOUR, 7 * HOUR, 20 * HOUR])
def test_the_last_silence_stands_for_all_that_is_not_delivered(segment):
    """Where all that is left to settle is alike, a closing is delivered with the chance ``budget``, whatever share of the
    window a segment is, and weighs one over that.
    """
    log = random_log(generator(9, "log"), 3000, WINDOWS, days=6)
    log.feature_matrix, log.features = np.full((3000, 1), -10, np.int32), (Feature("logit", 60),)
    policy = policy_from({"kind": "posterior-settlement", "budget": 0.3})
    constant = Fixed(lambda clicks, now, journey: np.full(len(clicks), -0.5))
    samples = replay(log, policy, 9 * DAY, segment, constant)
    last = samples[(role(samples) == "silence") & np.isneginf(samples.column("evidence"))]
    np.testing.assert_allclose(last.weight, 1 / 0.3, rtol=1e-9)
    final = final_labels(log.click_time, log.event, 0, WINDOWS)
    silent = np.count_nonzero(~final.converted)
    # Few clicks close without a segment's end before; they say at once that nothing came.
    assert abs(len(last) - 0.3 * silent) < 4 * np.sqrt(0.3 * 0.7 * silent) + 5
