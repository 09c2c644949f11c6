"""One method's side of the pipeline: its mailbox, its trainer with limited capacity, its published model."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import simpy
from simpy.events import EventPriority

from simulator.calls import of_methods
from simulator.learning import PREDICTIONS, Clicks, Learner, Predictions, Question
from simulator.log.schema import Float64, Int64
from simulator.pipeline.lanes import Lane
from simulator.pipeline.mailbox import Mailbox, mini_batches
from simulator.policies.base import Heard
from simulator.samples import Samples
from simulator.units import SECOND

LATE = 2
"""SimPy priority after all normal events of an instant: a model is published when the learning due then is done."""
LAST = 3
"""And a checkpoint is taken after that."""


@dataclass(frozen=True, slots=True)
class MethodRun:
    """A method as the pipeline runs it.

    Parameters
    ----------
    policy : key of the delay policy it listens to.
    capacity : samples its trainer can learn per simulated second; None: no limit.
    publish_every : microseconds between publications.
    transport_delay : microseconds from a label's delivery to the learner.
    left_over : what becomes of a segment's samples beyond whole batches (`mini_batches`).
    listens : to what of the log's impressions: "" (nothing), "impressions", "slice" (these, and what came of the clicks in the
        randomised slice) or "potential" (with what would have come of clicks that were not made).
    judged_on_impressions : whether it predicts the stream's impressions, beside the clicks.
    checkpoint, checkpoint_every : what to call, in the method's own order of things, and how often.
    """

    name: str
    policy: str
    learner: Learner
    batch_size: int
    publish_every: int
    transport_delay: int = 0
    left_over: str = "spread"
    capacity: float | None = None
    listens: Heard | Literal[""] = ""
    judged_on_impressions: bool = False
    checkpoint: Callable[[], None] | None = None
    checkpoint_every: int | None = None


class Trainer:
    """SimPy processes of one method: a Store of mini-batches, a worker with its service time, a publisher."""

    def __init__(self, env: simpy.Environment, method: MethodRun, lane: Lane, start: int) -> None:
        self.method, self.lane = method, lane
        self.mailbox = Mailbox(method.transport_delay, start)
        self._env = env
        self._backlog: simpy.Store = simpy.Store(env)
        self._learned: list[tuple[int, int]] = []
        self._told: list[Callable[[], None]] = []
        self._asked: tuple[Clicks, Predictions] | None = None
        self.steps = 0
        self.samples = 0
        self._published = 0
        self._lag = 0
        env.process(self._train())
        env.process(self._publish(start))
        if method.checkpoint is not None and method.checkpoint_every is not None:
            env.process(self._checkpoint(method.checkpoint, method.checkpoint_every, start))

    def hand_over(self, until: int) -> Samples:
        """End a segment: give the trainer everything that has become visible, cut into mini-batches, and before that what
        it was told.
        """
        self._asked = None
        for told in self._told:
            self.lane.submit(told)
        self._told.clear()
        samples = self.mailbox.take(until)
        if len(samples):
            for batch in mini_batches(samples, self.method.batch_size, self.method.left_over):
                self._backlog.put(batch)
        return samples

    def _train(self) -> Generator[Any, Any, None]:
        while True:
            batch: Samples = yield self._backlog.get()
            if self.method.capacity is not None:
                yield self._env.timeout(max(1, round(len(batch) / self.method.capacity * SECOND)))
            self.steps += 1
            self.samples += len(batch)
            self._learned.append((len(batch), int(batch.visible_time.sum())))
            self.lane.submit(partial(self.method.learner.learn, batch))

    def _publish(self, start: int) -> Generator[Any, Any, None]:
        yield self._late(start - int(self._env.now), LATE)
        while True:
            self.lane.submit(partial(self.method.learner.publish, int(self._env.now)))
            for count, visible in self._learned:
                self._published += count
                self._lag += count * int(self._env.now) - visible
            self._learned.clear()
            yield self._late(self.method.publish_every, LATE)

    def _checkpoint(
        self, checkpoint: Callable[[], None], every: int, start: int
    ) -> Generator[Any, Any, None]:
        yield self._late(start - int(self._env.now) + every, LAST)
        while True:
            self.lane.submit(checkpoint)
            yield self._late(every, LAST)

    def _late(self, delay: int, priority: int) -> simpy.Event:
        event = simpy.Event(self._env)
        event._ok, event._value = True, None  # noqa: SLF001 - as simpy.Timeout does, but with a later priority
        self._env.schedule(event, priority=EventPriority(priority), delay=delay)
        return event

    def serve(self, clicks: Clicks, then: Callable[[Predictions], None]) -> None:
        """Predict with the model published last, in the method's own order of things.

        Where the policy has asked for the same clicks at this segment's end, what it was told is served.
        """
        known = self._remembered(clicks)
        if known is None:
            self.predict(clicks, then)
        else:
            self.lane.submit(partial(then, known))

    def predict(self, clicks: Clicks, then: Callable[[Predictions], None]) -> None:
        """Predict with the model published last, in the method's own order of things."""
        learner = self.method.learner
        self.lane.submit(lambda: then(learner.ask(Question(PREDICTIONS, clicks))))

    def ask(self, question: Question) -> Mapping[str, Float64]:
        """Ask, and wait for the answer; predictions are remembered until the segment is over."""
        known = self._remembered(question.clicks) if question.name == PREDICTIONS else None
        if known is None:
            self.lane.asked = True
            self.lane.join()
            with of_methods(self.method.name):
                known = self.method.learner.ask(question)
            if question.name == PREDICTIONS:
                self._asked = question.clicks, known
        return known

    def _remembered(self, clicks: Clicks) -> Predictions | None:
        if self._asked is None or not np.array_equal(self._asked[0].row, clicks.row):
            return None
        return self._asked[1]

    def tell(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64]) -> None:
        """Tell it, if it learns from that, as soon as it has served the clicks of the segment that ends."""
        if self.method.learner.adapts:
            self._told.append(partial(self.method.learner.tell, clicks, now, known))

    def notes(self) -> dict[str, float]:
        """Return what training cost: steps, samples, and the mean time from a visible label to a served model."""
        return {
            "steps": self.steps,
            "samples_learned": self.samples,
            "samples_waiting": sum(len(batch) for batch in self._backlog.items),
            "staleness": self._lag / self._published / SECOND if self._published else float(np.nan),
        }
