"""The engine: replays a log tick by tick and asks every policy what is delivered."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy, deepcopy
from dataclasses import dataclass

from simulator.calendar import Calendar
from simulator.engine.batch import Scene
from simulator.engine.future import Future
from simulator.engine.journeys import Journeys
from simulator.engine.late import LateRefunds
from simulator.engine.order import ReplayOrder
from simulator.engine.runner import PolicyRunner, TickItems
from simulator.engine.waves import Waves
from simulator.errors import PolicyError
from simulator.exposures import ExposureReader, Exposures, SliceReader
from simulator.learning import Advisor
from simulator.log.schema import ROW_GROUP, ClickBatch, EventBatch, Labels
from simulator.log.source import Source
from simulator.pieces import TimeQueue
from simulator.policies.base import Policy
from simulator.samples import Samples
from simulator.windows import Windows


@dataclass(slots=True)
class Tick:
    """What happened in ``[start, until)``."""

    start: int
    until: int
    clicks: ClickBatch | None
    events: int
    """Events that became known."""
    outside: int
    """Events outside the windows of their click (or of a click before the replay), or known after its lifetime: they
    count for nothing. A refund that waits for its pay is counted when its journey ends."""
    samples: dict[str, Samples]
    """What each policy delivered, by the key it was given."""
    final_row: int
    final: Labels
    """Final labels of the consecutive clicks from ``final_row`` whose lifetime ended."""
    exposures: Exposures | None = None
    """What became known of impressions, where somebody listens to them."""
    in_slice: Exposures | None = None
    """The same of the randomised slice."""


class Engine:
    """Replays ``source`` from ``start``.

    Parameters
    ----------
    policies : by key; each is run once however many methods listen to it.
    features : keep the features of open journeys, for policies and samples.
    advisors : by policy key, the model and auxiliary of its method, for policies that ask or tell.
    stream_start : when the first segment begins, at the start of the stream; default: ``start``.
    exposures, in_slice : whether somebody listens to the log's impressions, and to those of its randomised slice. What became
        known of them before the stream is left out.
    causes : whether samples keep what they were delivered at (`simulator.samples.CAUSE`).

    Results do not depend on how the replay is cut into ticks, nor on ``batch_rows``.
    """

    def __init__(
        self,
        source: Source,
        windows: Windows,
        policies: Mapping[str, Policy],
        *,
        start: int,
        calendar: Calendar | None = None,
        features: bool = False,
        batch_rows: int = ROW_GROUP,
        advisors: Mapping[str, Advisor] | None = None,
        stream_start: int | None = None,
        exposures: bool = False,
        in_slice: bool = False,
        causes: bool = False,
    ) -> None:
        width = sum(feature.width for feature in source.features) if features else 0
        self.now = start
        self._segment_start = start if stream_start is None else stream_start
        self.journeys = Journeys(windows, width)
        self._windows = windows
        self._calendar = calendar or Calendar()
        self._reading = features, batch_rows
        self._clicks, self._events = self._cursors(source)
        reading = source, windows, self._segment_start, features, batch_rows
        self._exposures = ExposureReader(*reading) if exposures else None
        self._slice = SliceReader(*reading) if in_slice else None
        self._late: LateRefunds | None = None
        # Who asks a model comes last: while the others are asked what they deliver, it can finish learning.
        self._runners = {
            key: PolicyRunner(policies[key], self.journeys, key, causes=causes)
            for key in sorted(policies, key=lambda key: bool(policies[key].asks))
        }
        self._order = ReplayOrder()
        self._advisors = {} if advisors is None else advisors
        peeking = any(policy.peeks for policy in policies.values())
        self._future = Future(source, windows, start, batch_rows) if peeking else None

    def _cursors(self, source: Source) -> tuple[TimeQueue[ClickBatch], TimeQueue[EventBatch]]:
        """Begin to read a log, from now on."""
        features, batch_rows = self._reading
        return (
            TimeQueue(source.clicks(self.now, features=features, batch_rows=batch_rows)),
            TimeQueue(source.events(self.now, batch_rows=batch_rows), by="arrival"),
        )

    def fork(self, source: Source) -> Engine:
        """Return a copy that goes on from this instant over another log, one that differs only in what is to come.

        Journeys, timers, policies and advisors are copied with all that they remember: neither engine sees what
        happens in the other. Policies that read the future are not forked.
        """
        if self._future is not None:
            raise PolicyError("a replay with policies that read the future cannot be forked")
        if self._exposures is not None or self._slice is not None:
            raise PolicyError("a replay that reads impressions cannot be forked")
        twin, (clicks, events) = copy(self), self._cursors(source)
        vars(twin).update(
            journeys=deepcopy(self.journeys),
            _late=deepcopy(self._late),
            _runners={key: runner.fork() for key, runner in self._runners.items()},
            _advisors=deepcopy(dict(self._advisors)),
            _order=deepcopy(self._order),
            _clicks=clicks,
            _events=events,
        )
        return twin

    def advance(self, until: int, *, segment_end: bool = False, deliver: bool = True) -> Tick:
        """Replay up to ``until`` (exclusive).

        ``segment_end`` says that a segment ends there; with ``deliver=False`` policies are left out for good (the
        labels of the last clicks still have to mature when the stream is over).
        """
        start, self.now = self.now, until
        parts = self._clicks.take(until)
        clicks = ClickBatch.concatenate(parts) if parts else None
        new = slice(0, 0) if clicks is None else self.journeys.append(clicks)
        events = EventBatch.concatenate(self._events.take(until))
        self._order.check(start, until, parts, events)
        if events.late and self._late is None:
            self._late = LateRefunds()
            self.journeys.track_arrivals()
        waves = Waves(self.journeys, events, start, until, self._late)
        scene = Scene(self.journeys, self._windows, self._calendar)
        items = TickItems(scene, new, waves, start, until)
        samples = {
            key: runner.run(items, self._scene(key, runner.policy, segment_end), segment_end=segment_end)
            for key, runner in self._runners.items()
            if deliver
        }
        if segment_end:
            self._segment_start = until
        row, labels = self.journeys.finalise(until)
        if self._future is not None:
            self._future.forget(self.journeys.base + self.journeys.head)
        known, in_slice = (
            reader.take(until) if deliver and reader is not None else None
            for reader in (self._exposures, self._slice)
        )
        return Tick(start, until, clicks, len(events), waves.outside, samples, row, labels, known, in_slice)

    def _scene(self, key: str, policy: Policy, segment_end: bool) -> Scene:
        future = self._future.labels if policy.peeks and self._future is not None else None
        advisor = self._advisors.get(key) if (policy.asks or policy.tells) and segment_end else None
        return Scene(
            self.journeys,
            self._windows,
            self._calendar,
            future,
            advisor,
            policy.asks,
            policy.tells,
            self._segment_start,
        )
