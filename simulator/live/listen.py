"""Listen: policies on a stream of records, each of their samples written exactly once."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from simulator.engine import Engine
from simulator.errors import UsageError
from simulator.live.intake import Intake
from simulator.live.journal import Journal
from simulator.live.lines import lines
from simulator.live.seam import END, Outlet, Piece, Reached, beside, inlet, outlet
from simulator.live.settings import Live
from simulator.log.pushed import Pushed
from simulator.log.schema import Int64
from simulator.samples import Samples

_PAUSE = 0.2
"""Seconds between looks at what has brought nothing new."""
_OBJECTS = 1_000_000
"""New ones after which it is looked for cycles."""


def _line(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode()


def _is_end(line: bytes) -> bool:
    return line.strip() == _line({END: True})


class Output:
    """Samples, in the order of when they are visible: those that are there already are left out."""

    def __init__(self, place: str) -> None:
        self._outlet: Outlet = outlet(place)
        self._reached = [self._outlet.reached(part) for part in range(self._outlet.parts)]
        # Whoever is killed at the end may have said so in some orders only.
        self._open = [part for part, reached in enumerate(self._reached) if not _is_end(reached.line)]
        if not self._open:
            raise UsageError(f"{place}: this stream has ended; choose another place")

    @property
    def fresh(self) -> bool:
        """Whether nothing was ever there."""
        return self._outlet.fresh

    @property
    def reached(self) -> int:
        """The instant before which all is there; -1: nothing may be."""
        return min(reached.time for reached in self._reached)

    def write(self, samples: Mapping[str, Samples], since: int) -> int:
        """Append what is visible from ``since`` on and not there; of an instant all come together. Return how many came."""
        chosen = {name: some[some.visible_time >= since] for name, some in samples.items()}
        chosen = {name: some for name, some in chosen.items() if len(some)}
        if not chosen:
            return 0
        times = np.concatenate([some.visible_time for some in chosen.values()])
        clicks = np.concatenate([some.click_id for some in chosen.values()])
        written = [line for name, some in chosen.items() for line in lines(some, name)]
        order, total = np.argsort(times, kind="stable"), 0
        for part, reached in enumerate(self._reached):
            mine = order[clicks[order] % self._outlet.parts == part]
            places = _ordinals(times[mine])
            new = _beyond(times[mine], places, reached)
            chosen_lines = [written[k] for k in mine[new].tolist()]
            self._outlet.append(
                part,
                chosen_lines,
                list(zip(times[mine][new].tolist(), places[new].tolist(), strict=True)),
            )
            total += len(chosen_lines)
        return total

    def end(self, until: int) -> None:
        """Say that nothing comes any more."""
        for part in self._open:
            self._outlet.append(part, [_line({END: True})], [(until, 0)])

    def close(self) -> None:
        """Let go of it."""
        self._outlet.close()


def _ordinals(times: Int64) -> Int64:
    """Return how many are before each at the same instant; times are sorted."""
    return np.arange(len(times)) - np.searchsorted(times, times)


def _beyond(times: Int64, ordinals: Int64, reached: Reached) -> Int64:
    """Return the places of what is not there."""
    return np.flatnonzero((times > reached.time) | ((times == reached.time) & (ordinals >= reached.count)))


class Listener:
    """One stream: where it comes from, its intake, its engine, what it delivers and what is put aside."""

    def __init__(self, live: Live) -> None:
        policies, windows = live.made_policies(), live.label_windows()
        self._inlet = inlet(live.events)
        self._intake = Intake(
            live.lateness, live.tick, windows.lifetime, self._inlet.partitions, live.reading()
        )
        self._live, self._windows, self._policies = live, windows, policies
        self._source = Pushed()
        self._engine: Engine | None = None
        self._samples, self._aside = Output(live.samples), outlet(live.aside)
        told = map(json.loads, self._aside.history())
        self._put_aside = {(one["partition"], one["position"]) for one in told}
        self._journal = Journal(outlet(beside(live.samples)), windows.lifetime, fresh=self._samples.fresh)
        self._since = max(self._samples.reached, self._journal.edge)
        self._journal.begin(self._inlet, self._intake, self._since)
        self._heard = dict.fromkeys(self._inlet.partitions, time.monotonic())
        self.records = self.written = 0

    def run(self, *, follow: bool) -> None:
        """Read and deliver; without ``follow`` the end of what there is is that of the stream."""
        while True:
            pieces = self._inlet.read(_PAUSE if follow else 0.0)
            if not pieces and not follow:
                self._take(self._inlet.last())
                return self._end()
            self._take(pieces)

    def _take(self, pieces: Mapping[str, Piece]) -> None:
        for name, piece in pieces.items():
            self._intake.read(name, piece)
            self.records += len(piece.lines)
        if self._live.idle is not None:
            self._lift_idle(pieces, self._live.idle / 1_000_000)
        self._advance(self._intake.edge)

    def _lift_idle(self, pieces: Mapping[str, Piece], seconds: float) -> None:
        """Let the others go on without those partitions that have brought nothing for long."""
        now = time.monotonic()
        self._heard |= {name: now for name in self._heard if name in pieces or self._inlet.behind(name)}
        partitions = self._intake.partitions.values()
        idle = [partition for partition in partitions if now - self._heard[partition.name] >= seconds]
        marks = [self._intake.watermark(partition) for partition in partitions]
        awake = [mark for mark, partition in zip(marks, partitions, strict=True) if partition not in idle]
        edge = min(awake) if awake else max(marks)  # where all are idle, the one that came furthest
        for partition in idle:
            if self._intake.watermark(partition) < edge:
                self._journal.lift(partition, edge)

    def _end(self) -> None:
        """Deliver all that is left: nothing comes any more."""
        last = self._intake.latest + self._windows.lifetime + 1
        until = last + -last % self._live.tick
        self._advance(until)
        self._samples.end(until)

    def close(self) -> None:
        """Let go of everything."""
        for each in (self._inlet, self._samples, self._aside, self._journal):
            each.close()

    def _advance(self, until: int) -> None:
        if until > (-1 if self._engine is None else self._engine.now):
            clicks, events = self._intake.release(until)
            if self._engine is None and clicks is not None:
                start = int(clicks.time[0]) // self._live.tick * self._live.tick
                self._engine = Engine(self._source, self._windows, self._policies, start=start, causes=True)
            self._write_aside()
            if self._engine is not None:
                self._source.push(clicks, events)
                self.written += self._samples.write(self._engine.advance(until).samples, self._since)
                self._journal.mark(self._intake, until)
        self._write_aside()

    def _write_aside(self) -> None:
        """Put aside, before anything is delivered that rests on it."""
        told, self._intake.aside = self._intake.aside, []
        new = [
            one
            for time_, one in told
            if not 0 <= time_ < self._since and (one["partition"], one["position"]) not in self._put_aside
        ]
        self._aside.append(0, [_line(one) for one in new])


def listen(live: Live, *, follow: bool) -> Listener:
    """Read the records of a stream as they come, and deliver; without ``follow`` the end of what there is ends the stream.

    Raises
    ------
    LogError : something cannot be read or written.
    UsageError : the stream has ended before, or a place is none.
    """
    listener, often = Listener(live), gc.get_threshold()
    # Clients make so many small objects, which refer to nothing, that to look at them for cycles takes a fifth of the time.
    gc.set_threshold(_OBJECTS, *often[1:])
    try:
        listener.run(follow=follow)
    finally:
        gc.set_threshold(*often)
        listener.close()
    return listener
