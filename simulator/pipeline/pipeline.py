"""Drive the engine through the stream and everything that hangs on it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import simpy

from simulator.calls import of_methods
from simulator.engine import Engine, Tick
from simulator.errors import PartError
from simulator.exposures import UNCLICKED, Exposures
from simulator.learning import Advisor, Clicks, Predictions
from simulator.log.schema import Float64, Int32, Int64
from simulator.pieces import RowQueue
from simulator.pipeline.audience import Audience
from simulator.pipeline.closed import ClosedLoop
from simulator.pipeline.lanes import Lane, Turns
from simulator.pipeline.shown import ShownImpressions
from simulator.pipeline.trainer import MethodRun, Trainer

if TYPE_CHECKING:
    from simulator.auction.offers import Offers

LEAD = 16
"""Tasks of a method that may wait while the replay runs ahead: enough to keep the threads busy over a slow spell, few
enough that memory stays bounded and that progress means something."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The stream: ``[start, end)`` in segments; labels are final only for what was observed until ``observed_until``."""

    start: int
    end: int
    segment: int
    tick: int
    observed_until: int


@dataclass(slots=True)
class _Serving:
    """Clicks served since the last predictions were made."""

    row: int = 0
    time: list[Int64] = field(default_factory=list)
    features: list[Int32] = field(default_factory=list)

    def clicks(self) -> Clicks:
        time = np.concatenate(self.time)
        return Clicks(np.arange(self.row, self.row + len(time)), time, np.concatenate(self.features))


class Pipeline:
    """One replay, any number of methods.

    Parameters
    ----------
    make_engine : builds the engine, given the advisors by policy key (for policies that want predictions).
    truth : blocks of the world's truth in replay order, or None.
    shown : the impressions of the stream, where they are judged.
    potential : what would have come of clicks on impressions, for methods that peek at it.
    loop : where predictions bid, and each method hears only of what it won; the engine then delivers nothing.
    """

    def __init__(
        self,
        make_engine: Callable[[Mapping[str, Advisor]], Engine],
        methods: Sequence[MethodRun],
        stream: Stream,
        audience: Audience,
        *,
        truth: Iterator[tuple[int, dict[str, Float64]]] | None = None,
        shown: ShownImpressions | None = None,
        potential: Iterator[tuple[int, dict[str, Float64]]] | None = None,
        loop: ClosedLoop | None = None,
        workers: int = 1,
    ) -> None:
        self._shown, self._loop = shown, loop
        self._offered = 0
        self._potential = None if potential is None else RowQueue("potential outcomes", potential)
        self._stream, self._audience, self._workers = stream, audience, workers
        self._make_engine, self._methods = make_engine, methods
        self._truth = None if truth is None else RowQueue("truth", truth)
        self._serving = _Serving()
        self._served = (0, 0)
        self._trainers: dict[str, Trainer] = {}
        self.clicks = self.events = self.outside = 0
        self.notes: dict[str, dict[str, float]] = {}

    def run(self) -> None:
        """Run to the end of the stream, then on until the last served click is mature."""
        with ThreadPoolExecutor(self._workers, thread_name_prefix="method") as pool:
            advisors: dict[str, Advisor] = {}
            self._engine = self._make_engine(advisors)
            env, turns = simpy.Environment(initial_time=self._engine.now), Turns(pool)
            self._trainers = {
                m.name: Trainer(env, m, Lane(turns, m.name), self._stream.start) for m in self._methods
            }
            advisors.update({trainer.method.policy: trainer for trainer in self._trainers.values()})
            if self._loop is not None:
                self._loop.open(advisors)
            try:
                env.process(self._replay(env))
                env.run(until=self._stream.end + 1)
                for trainer in self._trainers.values():
                    trainer.lane.join()
            finally:
                pool.shutdown(cancel_futures=True)
        self._drain()
        self.notes = {name: trainer.notes() for name, trainer in self._trainers.items()}

    def _edges(self, now: int) -> Iterator[tuple[int, bool, bool]]:
        """Yield the ends of ticks: (time, a segment ends there, some model is published there)."""
        stream = self._stream
        periods = dict.fromkeys(m.publish_every for m in self._methods)
        while now < stream.end:
            into = now - stream.start
            following = [now + stream.tick, stream.end]
            if into < 0:
                following.append(stream.start)
            else:
                following += [now + p - into % p for p in (stream.segment, *periods)]
            now = min(following)
            into = now - stream.start
            segment_end = into > 0 and (into % stream.segment == 0 or now == stream.end)
            yield now, segment_end, into > 0 and any(into % p == 0 for p in periods)

    def _replay(self, env: simpy.Environment) -> Generator[Any, Any, None]:
        """Replay the log; at the end of each segment serve, then train. Publishing comes last at an instant."""
        for now, segment_end, published in self._edges(begin := int(env.now)):
            yield env.timeout(now - env.now)
            if self._loop is not None:
                self._loop.decide(begin, now, self._ask)
            begin = now
            tick = self._advance(now, segment_end=segment_end)
            if now > self._stream.start:
                self._serve(tick)
            self._deliver(tick)
            self._expose(tick)
            self._finalise(tick)
            if segment_end or published:
                self._predict()
                if self._loop is None:
                    self._show(now)
            if segment_end:
                self._train(now)
            if now > self._stream.start:
                self._audience.advance(now, tick.events + (0 if tick.clicks is None else len(tick.clicks)))

    def _ask(self, offers: Offers) -> Mapping[str, Predictions]:
        """Return what the models published last predict of what is offered; it is judged as in an open replay."""
        served: dict[str, Predictions] = {}
        place, self._offered = self._offered, self._offered + len(offers)
        impressions = Clicks(offers.place, offers.time, offers.features)
        for name, trainer in self._trainers.items():
            trainer.predict(impressions, partial(served.__setitem__, name))
        self._audience.show(place, offers.impression_id, offers.time)
        for name, trainer in self._trainers.items():
            trainer.lane.join()
            if trainer.method.judged_on_impressions:
                self._audience.predict_shown(name, place, served[name])
        return served

    def _advance(self, now: int, *, segment_end: bool) -> Tick:
        try:
            tick = self._engine.advance(now, segment_end=segment_end)
            return tick if self._loop is None else self._loop.advance(tick, segment_end=segment_end)
        except PartError as error:
            with of_methods(*(m.name for m in self._methods if error.who == f"policy {m.policy!r}")):
                raise

    def _serve(self, tick: Tick) -> None:
        clicks = tick.clicks
        if clicks is None:
            return
        self._served = (self._served[0] if self.clicks else clicks.row, clicks.row + len(clicks))
        self.clicks += len(clicks)
        if not self._serving.features:
            self._serving.row = clicks.row
        self._serving.time.append(clicks.time)
        self._serving.features.append(clicks.features)
        self._audience.serve(clicks.row, clicks.click_id, clicks.time)

    def _predict(self) -> None:
        """Predict the clicks served since the last time, each method with the model it had published."""
        if not self._serving.features:
            return
        row, clicks = self._serving.row, self._serving.clicks()
        self._serving = _Serving()
        for name, trainer in self._trainers.items():
            trainer.serve(clicks, partial(self._audience.predict, name, row))

    def _show(self, now: int) -> None:
        """Predict the impressions shown since the last time, each method with the model it had published."""
        if self._shown is None or (shown := self._shown.shown(now)) is None:
            return
        place, impression_id, impressions = shown
        self._audience.show(place, impression_id, impressions.time)
        for name, trainer in self._trainers.items():
            if trainer.method.judged_on_impressions:
                trainer.predict(impressions, partial(self._audience.predict_shown, name, place))

    def _expose(self, tick: Tick) -> None:
        """Hand what became known of impressions to the methods that listen to them."""
        shown = dict.fromkeys(self._trainers, tick.exposures) if self._loop is None else self._loop.exposures
        listens = {name: trainer.method.listens for name, trainer in self._trainers.items()}
        heard = {
            name: found for name, found in shown.items() if listens[name] and found is not None and len(found)
        }
        potential = self._with_potential(
            {name: of for name, of in heard.items() if listens[name] == "potential"}
        )
        for name, found in heard.items():
            self._trainers[name].mailbox.expose(potential.get(name, found))
        if tick.in_slice is not None and len(tick.in_slice):
            for trainer in self._trainers.values():
                if trainer.method.listens == "slice":
                    trainer.mailbox.expose(tick.in_slice)

    def _with_potential(self, heard: Mapping[str, Exposures]) -> Mapping[str, Exposures]:
        """Return the impressions with what would have come of a click as the label of those that nobody clicked."""
        if self._potential is None:
            return {}
        found: dict[str, Exposures] = {}
        oldest: list[int] = []
        for name, exposures in heard.items():
            would_pay = self._potential.of(exposures.impression)["would_pay"]
            unclicked = exposures.role == UNCLICKED
            if unclicked.any():
                oldest.append(int(exposures.impression[unclicked].min()))
            found[name] = replace(exposures, converted=np.where(unclicked, would_pay, exposures.converted))
        # A click that came in time may be of an impression shown a click window ago.
        if oldest:
            self._potential.drop(min(oldest))
        return found

    def _deliver(self, tick: Tick) -> None:
        self.events += tick.events
        self.outside += tick.outside
        delivered = {policy: samples for policy, samples in tick.samples.items() if len(samples)}
        for policy, samples in delivered.items() if self.clicks else ():
            self._audience.delivered(policy, samples[samples.row >= self._served[0]])
        for trainer in self._trainers.values():
            if trainer.method.policy in delivered:
                trainer.mailbox.put(delivered[trainer.method.policy])

    def _train(self, now: int) -> None:
        for name, trainer in self._trainers.items():
            trainer.lane.join(at_most=LEAD)
            samples = trainer.hand_over(now)
            if len(samples):
                self._audience.fed(name, samples)

    def _finalise(self, tick: Tick) -> None:
        """Pass on the final labels of the clicks that were served."""
        if self._shown is not None:
            for final in self._shown.final(self._engine.now):
                self._audience.finalise_shown(final)
        row = max(tick.final_row, self._served[0])
        end = min(tick.final_row + len(tick.final), self._served[1])
        if row < end:
            labels = tick.final[row - tick.final_row : end - tick.final_row]
            truth = None if self._truth is None else self._truth.take(end, row)
            self._audience.finalise(row, labels, truth)

    def _drain(self) -> None:
        """Let the rest of the labels mature, as far as the log was observed; nothing is delivered any more."""
        windows = self._engine.journeys.windows
        lifetime = windows.lifetime + (0 if self._shown is None else windows.click)
        end = min(self._stream.end + lifetime, self._stream.observed_until) + 1
        while self._engine.now < end:
            tick = self._engine.advance(min(end, self._engine.now + self._stream.tick), deliver=False)
            self._finalise(tick)
