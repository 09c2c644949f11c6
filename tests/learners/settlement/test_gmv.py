"""Settlement of amounts: pairs add up to the final label for any loss, hand-made journeys, and right beliefs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.settlement.gmv import GROWTHS
from learners.settlement.push import PushMeter
from simulator.calendar import Calendar
from simulator.engine import Engine
from simulator.evaluation.cells import Grid
from simulator.log.memory import MemoryLog, final_labels, random_log
from simulator.log.schema import EventBatch, Kind
from simulator.policies import policy_from
from simulator.policies.checks import check_policy
from simulator.randomness import draws, generator
from simulator.samples import Samples
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.learners.settlement.test_policy import role

WINDOWS = Windows(2 * DAY, DAY)
EXACT = {"kind": "gmv-settlement", "tolerance": 0.0}


class Fixed:
    """Beliefs that are functions of the journey: P(pays again), and five growths."""

    def __init__(self, again, growth):
        self._again, self._growth = again, growth

    def ask(self, question):
        assert question.name == "remaining"
        silent = (question.now - question.journey.last_pay_time) / HOUR
        growths = self._growth(silent, question.journey)
        again = self._again(silent, question.clicks, question.now)
        return {"again": again, **dict(zip(GROWTHS, growths, strict=True))}


ANY = Fixed(
    lambda silent, clicks, now: 0.5 + 0.5 * np.sin(clicks.row + 0.3 * silent),
    lambda silent, journey: [k * np.cos(0.1 * silent) + journey.pay_count for k in range(5)],
)
"""Wrong on purpose."""


def replay(log, spec, until, segment, advisor=ANY, *, windows=WINDOWS, opens=0) -> Samples:
    engine = Engine(
        log,
        windows,
        {"p": policy_from(spec)},
        start=0,
        features=True,
        advisors={"p": advisor},
        stream_start=opens,
    )
    ends = range(opens + segment, until + segment, segment)
    edges = sorted({*ends, *range(5 * HOUR, until, 5 * HOUR)})
    return Samples.concatenate([engine.advance(e, segment_end=e in ends).samples["p"] for e in edges])


SLOPES = {
    "absolute error in log1p space": lambda gmv, at: np.sign(at - np.log1p(gmv)),
    "squared error of money": lambda gmv, at: np.expm1(at) - gmv,
    "quantile": lambda gmv, at: np.where(np.log1p(gmv) > at, -0.8, 0.2),
}


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    segment=st.sampled_from([3 * HOUR, 20 * HOUR, 3 * DAY]),
    belief=st.sampled_from(["draw", "point", "partial"]),
    tolerance=st.sampled_from([0.0, 0.3, 1e9]),
)
def test_the_slopes_of_a_click_add_up_to_that_of_its_final_gmv(seed, segment, belief, tolerance):
    log = random_log(generator(seed, "log"), 300, WINDOWS, days=4)
    until = int(log.click_time[-1]) + WINDOWS.lifetime + 2
    spec = {"kind": "gmv-settlement", "belief": belief, "tolerance": tolerance}
    samples = replay(log, spec, until, segment)
    final = final_labels(log.click_time, log.event, 0, WINDOWS)
    at = generator(seed, "outputs").normal(3, 2, len(log.click_id))
    for slope in SLOPES.values():
        fed = np.bincount(
            samples.row, samples.weight * slope(samples.gmv, at[samples.row]), minlength=len(at)
        )
        np.testing.assert_allclose(fed, np.where(final.converted, slope(final.gmv, at), 0), atol=1e-6)
    assert (np.bincount(samples.row, samples.weight, len(at)) == final.converted).all()
    assert (np.bincount(samples.row[role(samples) == "first"], minlength=len(at)) == final.converted).all()


def test_pairs_lie_side_by_side_and_chain():
    log = random_log(generator(2, "log"), 800, WINDOWS, days=4)
    samples = replay(log, EXACT, 8 * DAY, 7 * HOUR)
    back = np.flatnonzero(samples.weight < 0)
    assert len(back) > 100
    np.testing.assert_array_equal(samples.row[back], samples.row[back + 1])
    assert set(role(samples)[back + 1]) == {"correction", "final"}
    told: dict[int, float] = {}
    for row, weight, gmv in zip(samples.row, samples.weight, samples.gmv, strict=True):
        if weight < 0:
            assert told.pop(row) == gmv, "what is taken back is what was told, to the last bit"
        else:
            assert row not in told
            told[row] = gmv


GOLDEN = {
    ((2, 20.0),): [
        (6, "first", 1, 41.0), (12, "retraction", -1, 41.0), (12, "correction", 1, 20.0),
    ],
    ((2, 20.0), (3, 5.0)): [(6, "first", 1, 51.0), (12, "retraction", -1, 51.0), (12, "correction", 1, 25.0)],
    ((2, 20.0), (14, 7.0)): [
        (6, "first", 1, 41.0), (12, "retraction", -1, 41.0), (12, "correction", 1, 20.0),
        (18, "retraction", -1, 20.0), (18, "correction", 1, 55.0),
        (24, "retraction", -1, 55.0), (24, "correction", 1, 27.0),
    ],
    ((46, 10.0),): [(48, "first", 1, 10.0)],
    ((43, 10.0), (47, 3.0)): [(48, "first", 1, 13.0)],
    ((40, 10.0), (47, 3.0)): [
        (42, "first", 1, 21.0), (48, "retraction", -1, 21.0), (48, "final", 1, 13.0),
    ],
    ((49, 10.0),): [],
}  # fmt: skip
"""By (hour, amount) of the pays: hour, role, weight and GMV; segments of six hours, a window of 48.

This click believes that it pays again until it has been silent for six hours, and that 1 + GMV doubles then.
"""


@pytest.mark.parametrize("journey", GOLDEN)
def test_golden_deliveries(journey):
    n = len(journey)
    event = EventBatch(
        np.zeros(n, np.int64),
        np.arange(n),
        np.array([hour * HOUR for hour, _ in journey], np.int64),
        np.full(n, Kind.PAY, np.uint8),
        np.array([amount for _, amount in journey]),
    )
    log = MemoryLog(np.array([7]), np.zeros(1, np.int64), event, np.zeros((1, 0), np.int32))
    advisor = Fixed(
        lambda silent, clicks, now: (silent < 6).astype(float),
        lambda silent, journey: [np.full(len(silent), np.log(2))] * 5,
    )
    # The closing falls between segment ends.
    samples = replay(log, EXACT, 80 * HOUR, 6 * HOUR, advisor, windows=Windows(48 * HOUR - 1, 0))
    found = [
        (round(t / HOUR, 6), r, w, round(g, 6))
        for t, r, w, g in zip(samples.visible_time, role(samples), samples.weight, samples.gmv, strict=True)
    ]
    assert found == GOLDEN[journey]


def test_clicks_that_paid_before_the_stream_are_corrected_but_not_delivered_anew():
    log = random_log(generator(7, "log"), 900, WINDOWS, days=6)
    opens = 3 * DAY
    samples = replay(log, EXACT, 10 * DAY, 7 * HOUR, opens=opens)
    final = final_labels(log.click_time, log.event, 0, WINDOWS)
    first = role(samples) == "first"
    paid = final.first_pay[samples.row]
    assert (paid[first] >= opens).all()
    assert (paid[~first] < opens).any()
    assert first.sum() == np.count_nonzero(final.converted & (final.first_pay >= opens))
    weight = np.bincount(samples.row, samples.weight, len(final.first_pay))
    np.testing.assert_array_equal(weight, final.converted & (final.first_pay >= opens))


def test_silence_is_drawn_once_with_the_probability_that_it_takes():
    """Belief in another pay falls from .8 by .05 a segment: as many correct as stop believing, and each once."""
    n = 20_000
    event = EventBatch(
        np.arange(n), np.arange(n), np.full(n, 1), np.full(n, Kind.PAY, np.uint8), np.full(n, 9.0)
    )
    log = MemoryLog(np.arange(n), np.zeros(n, np.int64), event, np.zeros((n, 0), np.int32))
    advisor = Fixed(
        lambda silent, clicks, now: np.full(len(silent), 0.8 - 0.05 * np.round(now[0] / HOUR)),
        lambda silent, journey: [np.full(len(silent), 0.2 * (k + 1)) for k in range(5)],
    )
    samples = replay(log, EXACT, 10 * HOUR, HOUR, advisor)
    kinds = role(samples)
    first = samples.gmv[kinds == "first"]
    assert np.mean(first > 9) == pytest.approx(0.75, abs=0.02)
    grown = np.round(np.log(first[first > 9] + 1) - np.log(10), 6)
    values, counts = np.unique(grown, return_counts=True)
    np.testing.assert_allclose(values, [0.2, 0.4, 0.6, 0.8, 1.0])
    assert np.abs(counts / len(grown) - 0.2).max() < 0.02
    corrected = kinds == "correction"
    assert (samples.gmv[corrected] == 9).all()
    assert np.bincount(samples.row[corrected]).max() == 1
    per_hour = np.bincount((samples.visible_time[corrected] + 1) // HOUR)[2:]
    assert np.abs(per_hour / n - 0.05).max() < 0.01


@pytest.mark.parametrize("parameters", [{}, {"belief": "point"}, {"belief": "partial", "tolerance": 1e9}])
def test_it_keeps_the_contract(parameters):
    passed = check_policy(policy_from({"kind": "gmv-settlement", **parameters}), clicks=200)
    assert {"causal", "ticks", "labels", "final"} <= set(passed)


SPEED, AGAIN, BEFORE = 8.0, 0.5, 30.0
"""Hours; share that pays a second time; the first amount."""


def shop(seed: int, clicks: int = 40_000) -> MemoryLog:
    """Everybody pays at once; half pay again, at an exponential age inside the window, one of five growths."""
    rng = generator(seed, "amounts")
    time = np.sort(rng.integers(0, 8 * DAY, clicks))
    again = np.flatnonzero(rng.random(clicks) < AGAIN)
    whole = 1 - np.exp(-WINDOWS.attribution / HOUR / SPEED)
    delay = (-SPEED * np.log1p(-rng.random(len(again)) * whole) * HOUR).astype(np.int64)
    grown = np.expm1(np.log1p(BEFORE) + 0.3 * (1 + rng.integers(0, 5, len(again))))
    row = np.concatenate([np.arange(clicks), again])
    when = np.concatenate([time, time[again] + delay])
    amount = np.concatenate([np.full(clicks, BEFORE), grown - BEFORE])
    order = np.lexsort((np.arange(len(row)), when))
    kind = np.full(len(row), Kind.PAY, np.uint8)
    event = EventBatch(row[order], np.arange(len(row)), when[order], kind, amount[order])
    return MemoryLog(np.arange(clicks), time, event, np.zeros((clicks, 0), np.int32))


def right(speed: float) -> Fixed:
    whole = 1 - np.exp(-WINDOWS.attribution / HOUR / SPEED)

    def again(silent, clicks, now):
        age = (now - clicks.time) / HOUR / speed
        left = np.maximum(1 - (1 - np.exp(-age / SPEED)) / whole, 0)
        return AGAIN * left / (AGAIN * left + 1 - AGAIN)

    def growth(silent, journey):
        return [np.where(journey.pay_count > 1, 0.0, 0.3 * (k + 1)) for k in range(5)]

    return Fixed(again, growth)


@pytest.mark.parametrize("at", [0.2, 0.75])
def test_with_right_beliefs_each_segment_pulls_by_the_final_gmvs_alone(at):
    """First deliveries pull as the final labels of their clicks do in the mean, and corrections have mean 0."""
    log = shop(1)
    segment = 3 * HOUR
    samples = replay(log, {"kind": "gmv-settlement", "tolerance": 1e-6}, 8 * DAY, segment, right(1.0))
    output = np.log1p(BEFORE) + at
    slope = np.sign(output - np.log1p(samples.gmv))
    above = AGAIN * np.mean(0.3 * np.arange(1, 6) > at)
    first = role(samples) == "first"
    expected = np.where(first, 1 - 2 * above, 0.0)
    place = samples.visible_time // segment
    for part in (first, ~first):
        pull = (samples.weight * slope - expected)[part]
        # A click's pair is one draw: its two pulls are added before they are squared.
        pairs = np.unique(np.stack([place[part], samples.row[part]]), axis=1, return_inverse=True)
        keys, of = pairs[0], pairs[1].ravel()
        by_click = np.bincount(of, pull)
        spread = np.sqrt(np.bincount(keys[0], by_click**2))
        z = np.bincount(keys[0], by_click)[spread > 0] / spread[spread > 0]
        assert len(z) > 60
        assert np.abs(z).max() < 3.5, z
        assert np.abs(z).mean() < 1.1


def test_wrong_beliefs_pull_while_they_are_wrong():
    log = shop(1)
    segment = 3 * HOUR
    samples = replay(log, {"kind": "gmv-settlement", "tolerance": 1e-6}, 8 * DAY, segment, right(3.0))
    settled = samples[role(samples) != "first"]
    slope = settled.weight * np.sign(np.log1p(BEFORE) + 0.2 - np.log1p(settled.gmv))
    early = settled.visible_time < 12 * HOUR
    spread = np.sqrt((slope[early] ** 2).sum())
    assert slope[early].sum() / spread < -5, "pays come sooner than believed"


def audit(samples: Samples, segment: int) -> dict:
    meter = PushMeter(Grid(0, segment, Calendar()))
    meter.delivered(samples)
    found = meter.summary()
    assert found is not None
    return found["gmv"]


@pytest.mark.parametrize(("tolerance", "opens"), [(0.0, 0), (0.0, 2 * DAY), (0.5, 2 * DAY)])
def test_with_right_beliefs_the_audit_finds_chance(tolerance, opens):
    """Growths are as likely to be exchanged one way as the other here, so that a tolerance moves nothing."""
    segment = 3 * HOUR
    spec = {"kind": "gmv-settlement", "tolerance": tolerance}
    found = audit(replay(shop(2), spec, 8 * DAY, segment, right(1.0), opens=opens), segment)
    z = np.array([cell["z"] for cell in found["cells"]])
    assert len(z) >= (8 * DAY - opens) // segment - 1
    assert np.abs(z).max() < 3.5
    assert np.mean(z**2) == pytest.approx(1, abs=0.5)
    assert abs(found["z"]) < 3
    assert found["paid"] == pytest.approx(found["expected"], rel=0.05)


@pytest.mark.parametrize(("factor", "side"), [(0.7, -1), (1.3, 1)])
def test_beliefs_in_too_little_or_too_much_are_found(factor, side):
    class Biased(Fixed):
        def ask(self, question):
            found = right(1.0).ask(question)
            return {**found, "again": factor * found["again"]}

    segment = 6 * HOUR
    found = audit(replay(shop(2), EXACT, 8 * DAY, segment, Biased(None, None)), segment)
    z = np.array([cell["z"] for cell in found["cells"]])
    assert side * found["z"] > 10
    assert (side * z[8:] > 0).mean() > 0.9
    assert side * (found["expected"] - found["paid"]) > 0.1 * found["paid"]


def test_a_correction_says_what_it_replaces_and_leaves_the_gmv_so_far_alone():
    log = random_log(generator(2, "log"), 800, WINDOWS, days=4)
    samples = replay(log, EXACT, 8 * DAY, 7 * HOUR)
    back = np.flatnonzero(samples.weight < 0)
    np.testing.assert_array_equal(samples.column("prior")[back + 1], np.log1p(samples.gmv[back]))
    others = np.setdiff1d(np.arange(len(samples)), back + 1)
    assert np.isnan(samples.column("prior")[others]).all()
    assert np.isnan(samples.column("evidence")).all()
    pays = log.event.kind == Kind.PAY
    for k in (*back[:50], *(back[:50] + 1)):
        own = pays & (log.event.row == samples.row[k]) & (log.event.time <= samples.event_time[k])
        own &= log.event.time <= log.click_time[samples.row[k]] + WINDOWS.attribution
        assert samples.previous_gmv[k] == pytest.approx(log.event.amount[own].sum())


def test_the_numbers_of_a_click_are_its_own():
    ids = np.arange(30_000)
    u, v = draws(ids, "gmv settlement", "again"), draws(ids, "gmv settlement", "growth")
    assert abs(np.corrcoef(u, v)[0, 1]) < 0.03
