"""HDR's copy: made of the past alone, served while the sale lasts, and dropped."""

from __future__ import annotations

import numpy as np
import pytest

from learners.journal import Journal
from learners.kit.ground import DAYS, WINDOWS, TrialLog, resolved, trial_log
from learners.past import UNKNOWN, Past
from learners.reuse.days import RECENT, DayVectors, day_vectors
from simulator.audit.futures import scrambled
from simulator.errors import RunError
from simulator.log.schema import Kind
from simulator.units import DAY, HOUR
from tests.learners.reuse.sale import END, MOMENT, OPENING, clicks_from, learner_of, served, streamed


def reuse(**other):
    """Return the auxiliary, with rates that are high enough for a few hundred clicks."""
    return {"second": {"kind": "historical-data-reuse", "rate": 0.01, "block_rate": 0.05, **other}}


def test_a_copy_is_served_in_the_sale_and_dropped_after_it(cache):
    """Outside the sale each prediction is that of the method below it, to the bit."""
    own = streamed(learner_of(cache, method="es-dfm"))
    learner = learner_of(cache, method="hdr", auxiliary=reuse())
    found = streamed(learner)
    first = next(now for now in own if now >= MOMENT)  # of the publication at which it is decided
    differ = [now for now in own if not np.array_equal(own[now], found[now])]
    assert differ == [now for now in own if first < now <= END]
    assert len(learner.notes()["reuse"]) == 1  # the second day of the sale has only twelve hours
    note = learner.notes()["reuse"][0]
    assert note["sale"] == "sale"
    assert note["steps"] > 0
    assert note["width"] == pytest.approx(note["width"])
    later = learner_of(cache, method="hdr", auxiliary=reuse(after="2d"))
    assert all(np.array_equal(own[now], values) for now, values in streamed(later).items())
    assert later.notes() == {}


def test_every_day_of_a_sale_has_its_decision(cache):
    learner = learner_of(cache, method="hdr", auxiliary=reuse(after="6h", days=1))
    streamed(learner)
    assert [note["at"] for note in learner.notes()["reuse"]] == ["6.25d", "7.25d"]


@pytest.mark.parametrize(
    "other",
    [
        {"transition": "none"},
        {"transition": "raising"},
        {"correction": "none"},
        {"ridge": 1.0},
        {"days": 1},
        {"epochs": 3},
    ],
    ids=str,
)
def test_each_choice_tells(other, cache):
    usual, changed = (
        streamed(learner_of(cache, method="hdr", auxiliary=reuse(**own)), until=END) for own in ({}, other)
    )
    assert not np.array_equal(usual[END], changed[END])


def test_the_reference_has_a_ridge_of_one():
    assert resolved(method="hdr").auxiliary.second.ridge == 1e-4
    assert resolved(method="hdr", fidelity="reference").auxiliary.second.ridge == 1.0


@pytest.mark.parametrize("save", [OPENING, OPENING + 12 * HOUR, OPENING + 18 * HOUR, END, END + 6 * HOUR])
def test_resumed_anywhere_it_goes_on_to_the_same_bits(save, cache, tmp_path):
    def build():
        return learner_of(cache, method="hdr", auxiliary=reuse())

    whole = streamed(build())
    streamed(Journal(build(), tmp_path, "m"), save=save, stop=save)
    learner = Journal(build(), tmp_path, "m", resume=True)
    again = streamed(learner)
    for now, values in whole.items():
        np.testing.assert_array_equal(values, again[now], err_msg=str(now))
    assert len(learner.notes()["reuse"]) == 1


def test_the_copy_knows_nothing_of_the_future(cache):
    """With all clicks and events after the decision exchanged, the copy says the same of every click."""
    other = TrialLog(scrambled(trial_log(), OPENING + 12 * HOUR - 1, (DAYS + 9) * DAY, seed=3), "kit")
    clicks = clicks_from(OPENING + 12 * HOUR, END)
    one, two = (learner_of(cache, log, method="hdr", auxiliary=reuse()) for log in (None, other))
    for learner in (one, two):
        learner.publish(4 * DAY)
        learner.publish(OPENING + 12 * HOUR)
    before, after = served(one, clicks), served(two, clicks)
    assert one.notes() == two.notes()
    np.testing.assert_array_equal(before, after)
    earlier = TrialLog(scrambled(trial_log(), OPENING - 2 * DAY, (DAYS + 9) * DAY, seed=3), "kit")
    third = learner_of(cache, earlier, method="hdr", auxiliary=reuse())
    third.publish(OPENING + 12 * HOUR)
    assert not np.array_equal(before, served(third, clicks)), "what came before it does tell"


def past(now=MOMENT):
    return Past(trial_log(), WINDOWS, now)


def test_what_is_not_known_is_refused():
    with pytest.raises(RunError, match=r"clicks up to .* were asked for at"):
        list(past().clicks(OPENING, MOMENT + 1))
    with pytest.raises(RunError, match="final labels up to"):
        list(past().finals(OPENING - DAY, OPENING))
    assert past().settled(MOMENT - WINDOWS.closing)
    assert not past().settled(MOMENT - WINDOWS.closing + 1)
    assert sum(len(clicks) for clicks in past().clicks(OPENING, MOMENT)) > 10


@pytest.mark.parametrize("batch", [7, 100_000])
def test_pays_are_known_when_they_arrive(batch, monkeypatch):
    log = trial_log()
    late = log.event.arrival + (log.event.event_id % 5) * HOUR
    log = type(log)(log.click_id, log.click_time, log.event, log.feature_matrix, 0, log.features)
    log.event = log.event[:]
    log.event.arrival = late
    log.event = log.event.in_order()
    monkeypatch.setattr("simulator.log.memory.ROW_GROUP", batch)
    found = [
        np.concatenate(part)
        for part in zip(*Past(log, WINDOWS, MOMENT).known_pays(DAY, OPENING), strict=True)
    ]
    rows = np.arange(*np.searchsorted(log.click_time, (DAY, OPENING)))
    np.testing.assert_array_equal(found[0], log.click_time[rows])
    expected = np.full(len(rows), UNKNOWN)
    for row, time, kind, arrival in zip(
        log.event.row, log.event.time, log.event.kind, log.event.arrival, strict=True
    ):
        since = log.click_time[row]
        counts = time - since <= WINDOWS.longest_pay and arrival - since <= WINDOWS.lifetime
        if kind == Kind.PAY and arrival < MOMENT and counts and rows[0] <= row <= rows[-1]:
            expected[row - rows[0]] = min(expected[row - rows[0]], arrival)
    np.testing.assert_array_equal(found[1], expected)


def test_vectors_of_days_are_as_they_were_seen_then():
    log = trial_log()
    vectors = day_vectors(past(), 0, OPENING, 10 * HOUR, 1, 50)
    assert vectors.start.tolist() == [3 * DAY, 4 * DAY, OPENING]  # the fifth day's labels are not final yet
    for start, rate, shares in zip(vectors.start, vectors.rate, vectors.shares, strict=True):
        then = Past(log, WINDOWS, int(start) + 10 * HOUR)
        pays = [known for _, known in then.known_pays(int(start) - RECENT * DAY, int(start))]
        assert rate == pytest.approx((np.concatenate(pays) < UNKNOWN).mean())
        (first,) = then.clicks(int(start), int(start) + 10 * HOUR)
        counts = np.bincount(first.features[:, 1], minlength=50)
        np.testing.assert_allclose(shares, counts / counts.sum())


def test_the_nearest_days_come_first_and_of_equals_the_later():
    start = np.arange(5) * DAY
    shares = np.array([[0.5, 0.5], [0.9, 0.1], [0.5, 0.5], [0.4, 0.6], [0.5, 0.5]])
    rate = np.array([0.1, 0.1, 0.1, 0.1, 0.1])
    assert DayVectors(start, rate, shares).nearest(3).tolist() == [2, 0, 3]
    rate = np.array([0.1, 0.2, 0.3, 0.2, 0.2])
    assert DayVectors(start, rate, shares).nearest(2).tolist() == [3, 2]
    assert DayVectors(start, rate, np.zeros((5, 0))).nearest(2).tolist() == [3, 1]


def test_a_category_that_the_log_does_not_have_is_named(cache):
    with pytest.raises(RunError, match=r"category: unknown feature 'aa'; allowed: a, b, c"):
        learner_of(cache, method="hdr", auxiliary=reuse(category="aa"))


def test_it_goes_with_any_objective(cache):
    own = {"policy": "fake-negative", "objective": "fnw", "auxiliary": reuse()["second"]}
    learner = learner_of(cache, method="hdr", **own)
    streamed(learner, until=END)
    assert learner.notes()["reuse"]
