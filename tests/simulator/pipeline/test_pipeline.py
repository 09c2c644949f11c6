"""The pipeline with a learner that writes down what happens to it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from time import sleep

import numpy as np
import pytest
import simpy

from simulator.engine import Engine
from simulator.learning import PREDICTIONS, Clicks, Question
from simulator.log.memory import final_labels, random_log
from simulator.pipeline import MethodRun, Pipeline, Stream
from simulator.pipeline.lanes import Lane, Turns
from simulator.pipeline.mailbox import Mailbox, mini_batches
from simulator.pipeline.trainer import Trainer
from simulator.policies import policy_from
from simulator.randomness import generator
from simulator.samples import Samples
from simulator.units import DAY, HOUR, MINUTE, SECOND
from simulator.windows import Windows
from tests.doubles import Diary, Guestbook, Listener

WINDOWS = Windows(DAY, 0)
START, END, SEGMENT = 2 * DAY, 4 * DAY, 6 * HOUR


def run(methods, *, tick=HOUR, workers=2, truth=None, clicks=3000, **settings):
    log = random_log(generator(4, "log"), clicks, WINDOWS, days=5)
    policies = {m.policy: policy_from(m.policy, {"window": "15m"}) for m in methods}
    audience = Guestbook()

    def engine(advisors):
        return Engine(log, WINDOWS, policies, start=START - DAY, features=True, advisors=advisors)

    pipeline = Pipeline(
        engine,
        methods,
        Stream(START, END, SEGMENT, tick, 6 * DAY),
        audience,
        truth=truth,
        workers=workers,
        **settings,
    )
    pipeline.run()
    return log, audience, pipeline


def method(name="m", policy="elapsed-time", **settings):
    return MethodRun(name, policy, Diary(), 50, settings.pop("publish_every", SEGMENT), **settings)


def test_clicks_of_a_segment_are_predicted_by_the_model_published_before_it():
    m = method()
    log, audience, _ = run([m])
    fed = np.cumsum([0, *(len(s) for s in audience.meals["m"])])
    time = log.click_time
    for n, (row, predicted) in enumerate(audience.predicted["m"]):
        inside = np.flatnonzero((time >= START + n * SEGMENT) & (time < START + (n + 1) * SEGMENT))
        assert row == inside[0]
        assert len(predicted) == len(inside)
        assert set(predicted) == {float(fed[n])}


def test_the_learner_is_fed_what_became_visible_in_the_segment_in_order():
    m = method()
    _, audience, _ = run([m])
    for n, samples in enumerate(audience.meals["m"]):
        assert samples.visible_time.min() >= START + n * SEGMENT
        assert samples.visible_time.max() < START + (n + 1) * SEGMENT
        assert np.all(np.diff(samples.visible_time) >= 0)
    whole = Samples.concatenate(audience.meals["m"])
    np.testing.assert_array_equal(Samples.concatenate(m.learner.learned).click_id, whole.click_id)
    late = whole.elapsed > 15 * MINUTE
    assert np.any(whole.event_time[late] - whole.elapsed[late] < START)  # late positives of the gap's clicks


def test_ticks_and_threads_change_nothing():
    results = []
    for tick, workers in ((HOUR, 1), (SEGMENT, 2), (47 * MINUTE, 3)):
        methods = [method("a"), method("b", "fake-negative"), method("c", "complete", publish_every=DAY)]
        _, audience, _ = run(methods, tick=tick, workers=workers)
        results.append(
            (
                {k: [(r, p.tolist()) for r, p in v] for k, v in audience.predicted.items()},
                {m.name: [s.click_id.tolist() for s in m.learner.learned] for m in methods},
            )
        )
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("beside", [[], [HOUR]])
def test_who_is_told_at_the_end_of_a_segment_has_served_its_clicks_before(beside):
    """Also where another method's publications have the clicks of a segment predicted in several parts."""
    m = MethodRun("m", "posterior-settlement", Listener(), 50, SEGMENT)
    others = [method(f"other {k}", publish_every=every) for k, every in enumerate(beside)]
    log, audience, _ = run([m, *others])
    assert m.learner.heard == (END - START) // SEGMENT
    assert len(audience.predicted["m"]) > m.learner.heard * len(beside)
    for row, predicted in audience.predicted["m"]:
        segment = (log.click_time[row : row + len(predicted)] - START) // SEGMENT
        np.testing.assert_allclose(predicted, (1 + segment) / 100)


def test_clicks_that_the_policy_asks_about_are_predicted_once():
    m = MethodRun("m", "posterior-settlement", Listener(), 50, SEGMENT)
    _, audience, pipeline = run([m, method("other")])
    assert {name: trainer.lane.asked for name, trainer in pipeline._trainers.items()} == {
        "m": True,
        "other": False,
    }
    # At the first segment's end the policy asks about the open clicks of the gap as well, which are not served.
    assert len(m.learner.asked) - 1 == len(audience.predicted["m"]) == (END - START) // SEGMENT
    for rows, (row, predicted) in zip(m.learner.asked[1:], audience.predicted["m"], strict=True):
        np.testing.assert_array_equal(rows, np.arange(row, row + len(predicted)))


def test_clicks_that_stay_open_are_asked_about_anew_in_every_segment():
    """Where no click comes and none closes, the same ones are asked about; another model has been published since."""
    log = random_log(generator(4, "log"), 5, WINDOWS, days=1)
    clicks = Clicks(np.arange(5), log.click_time, np.zeros((5, 1), np.int32))
    m = MethodRun("m", "never", Diary(), 50, SEGMENT)
    with ThreadPoolExecutor(1) as pool:
        trainer = Trainer(simpy.Environment(), m, Lane(Turns(pool), "m"), START)

        def asked():
            return set(trainer.ask(Question(PREDICTIONS, clicks))["cvr"])

        m.learner.served = 1
        assert asked() == {1}
        m.learner.served = 2
        assert asked() == {1}, "it is remembered until the segment is over"
        trainer.hand_over(START + SEGMENT)
        assert asked() == {2}


def test_publishing_every_day_serves_a_model_of_yesterday():
    m = method(publish_every=DAY)
    _, audience, _ = run([m])
    fed = np.cumsum([0, *(len(s) for s in audience.meals["m"])])
    served = [set(p) for _, p in audience.predicted["m"]]
    assert served == [{float(fed[n // 4 * 4])} for n in range(8)]


def test_publishing_more_often_than_a_segment_cuts_predictions_there():
    m = method(publish_every=4 * HOUR)
    _, audience, _ = run([m])
    assert (
        len(audience.predicted["m"]) == 16
    )  # ends of segments and publications, 4 of 24 hours coincide twice


def test_a_slow_trainer_falls_behind_and_its_model_goes_stale():
    fast, slow = method("fast"), method("slow", capacity=200 / (6 * 60 * 60))
    _, audience, pipeline = run([fast, slow])
    assert sum(len(s) for s in audience.meals["slow"]) == sum(len(s) for s in audience.meals["fast"])
    assert sum(len(s) for s in slow.learner.learned) < sum(len(s) for s in fast.learner.learned)
    # 200 samples a segment at most, and the last mini-batch may still be in service
    assert all(n <= 200 * (k + 1) for k, n in enumerate(slow.learner.published))
    assert pipeline.notes["slow"]["staleness"] > pipeline.notes["fast"]["staleness"]
    assert pipeline.notes["slow"]["samples_waiting"] > 0


def test_transport_delay_moves_visibility():
    plain, late = method("plain"), method("late", transport_delay=HOUR)
    _, audience, _ = run([plain, late])
    a, b = (Samples.concatenate(audience.meals[name]) for name in ("plain", "late"))
    shift = b.visible_time - b.event_time
    assert set(shift.tolist()) == {HOUR}
    assert a.event_time.max() > b.event_time.max()
    np.testing.assert_array_equal(a.click_id[a.event_time < END - HOUR], b.click_id[b.event_time >= START])


def test_labels_settle_once_for_every_served_click_with_its_truth():
    rows = np.arange(3000.0)
    truth = ((a, {"p_pay": rows[a : a + 700]}) for a in range(0, 3000, 700))
    log, audience, _ = run([method()], truth=truth)
    expected = final_labels(log.click_time, log.event, 0, WINDOWS)
    served = [row + i for row, time in audience.served for i in range(len(time))]
    settled = [row + i for row, labels, _ in audience.finals for i in range(len(labels))]
    assert settled == served
    for row, labels, block in audience.finals:
        np.testing.assert_array_equal(labels.converted, expected.converted[row : row + len(labels)])
        np.testing.assert_array_equal(block["p_pay"], rows[row : row + len(labels)])


def test_an_error_in_a_learner_stops_the_run():
    m = method()

    def broken(samples):
        raise FloatingPointError("loss is not finite")

    m.learner.learn = broken
    with pytest.raises(FloatingPointError, match="not finite"):
        run([m, method("other")])


@pytest.mark.parametrize(
    ("left_over", "rows", "sizes"),
    [
        ("step", 700, [300, 300, 100]),
        ("drop", 700, [300, 300]),
        ("step", 600, [300, 300]),
        ("drop", 600, [300, 300]),
        ("drop", 299, []),
        ("step", 2, [2]),
        ("spread", 700, [350, 350]),
    ],
)
def test_rows_beyond_whole_batches(left_over, rows, sizes):
    log = random_log(generator(4, "log"), 1000, WINDOWS, days=2)
    engine = Engine(log, WINDOWS, {"p": policy_from("fake-negative")}, start=0, features=True)
    samples = engine.advance(2 * DAY).samples["p"][:rows]
    parts = list(mini_batches(samples, 300, left_over))
    assert [len(part) for part in parts] == sizes
    learned = [row for part in parts for row in part.click_id.tolist()]
    assert learned == samples.click_id[: sum(sizes)].tolist(), "the oldest, in their order"


def test_mini_batches_are_equal_parts():
    log = random_log(generator(4, "log"), 1000, WINDOWS, days=2)
    engine = Engine(log, WINDOWS, {"p": policy_from("fake-negative")}, start=0, features=True)
    samples = engine.advance(2 * DAY).samples["p"]
    sizes = [len(part) for part in mini_batches(samples, 300)]
    assert sum(sizes) == len(samples)
    assert max(sizes) - min(sizes) <= 1
    assert [len(p) for p in mini_batches(samples[:3], 300)] == [3]
    box = Mailbox(10 * SECOND, 5 * HOUR)
    box.put(samples)
    parts = []
    for until in range(5 * HOUR, 3 * DAY, 3 * HOUR):
        taken = box.take(until)
        assert (taken.visible_time < until).all()
        parts.append(taken)
    whole = Samples.concatenate(parts)
    assert len(whole) == np.count_nonzero(samples.visible_time + 10 * SECOND >= 5 * HOUR)


def at_times(*visible):
    """Samples that become visible at these instants."""
    log = random_log(generator(4, "log"), 100, WINDOWS, days=2)
    engine = Engine(log, WINDOWS, {"p": policy_from("fake-negative")}, start=0, features=True)
    samples = engine.advance(3 * DAY).samples["p"][: len(visible)]
    samples.visible_time[:] = visible
    return samples


@pytest.mark.parametrize("delay", [0, HOUR])
def test_the_edges_of_the_mailbox(delay):
    """What is visible at the very start of the stream is kept; what is visible at the end of a segment waits for the next."""
    box = Mailbox(delay, 5 * HOUR)
    box.put(at_times(*(np.array([5 * HOUR - 1, 5 * HOUR, 6 * HOUR - 1, 6 * HOUR, 6 * HOUR]) - delay)))
    assert not len(box.take(5 * HOUR))
    assert box.take(6 * HOUR).visible_time.tolist() == [5 * HOUR, 6 * HOUR - 1]
    assert not len(box.take(6 * HOUR))
    assert box.take(6 * HOUR + 1).visible_time.tolist() == [6 * HOUR, 6 * HOUR]
    assert not len(box.take(9 * HOUR))


def test_the_replay_waits_for_a_method_that_falls_behind(monkeypatch):
    """No more than `LEAD` tasks of a method are left when the replay goes on after the end of a segment."""
    waiting = []

    class Watched(Lane):
        def join(self, at_most=0):
            super().join(at_most)
            if at_most:
                waiting.append((at_most, len(self._tasks) + self._running))

    class Slow(Diary):
        def learn(self, samples):
            super().learn(samples)
            sleep(0.002)

    monkeypatch.setattr("simulator.pipeline.pipeline.LEAD", 3)
    monkeypatch.setattr("simulator.pipeline.pipeline.Lane", Watched)
    run([MethodRun("m", "elapsed-time", Slow(), 20, SEGMENT)], workers=1)
    assert waiting
    assert {at_most for at_most, _ in waiting} == {3}
    assert max(left for _, left in waiting) <= 3


def test_a_lane_lets_go_at_exactly_as_many_tasks_as_may_be_left():
    with ThreadPoolExecutor(1) as pool:
        lane, doors = Lane(Turns(pool), "m"), [Event() for _ in range(4)]
        for door in doors:
            lane.submit(door.wait)
        passed = []
        waiter = Thread(target=lambda: passed.append(lane.join(2)))
        waiter.start()
        doors[0].set()
        waiter.join(0.2)
        assert not passed  # three are left: one that runs and two that wait
        doors[1].set()
        waiter.join(10)
        assert passed
        doors[2].set()
        doors[3].set()
        lane.join()
