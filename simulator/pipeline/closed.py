"""The closed loop: what a method predicts decides what it wins, and what it wins is all that it hears of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from simulator.engine import Engine, Tick
from simulator.exposures import Exposures
from simulator.learning import Advisor, Clicks, Predictions, Question
from simulator.log.schema import (
    ROW_GROUP,
    Bool,
    ClickBatch,
    EventBatch,
    Float64,
    ImpressionBatch,
    Int8,
    Int64,
    Labels,
)
from simulator.log.source import Source
from simulator.log.without import NOTHING, Lost
from simulator.log.won import WonLog
from simulator.pieces import RowQueue, TimeQueue
from simulator.samples import Samples
from simulator.windows import Windows

if TYPE_CHECKING:  # scipy is loaded with them, and most runs have no auction
    from simulator.auction.heard import Conversions
    from simulator.auction.offers import Market, Offers
    from simulator.auction.room import Room, Won
    from simulator.auction.worth import Predictions as Believed


class Watcher(Protocol):
    """Who is told what was decided."""

    def own(self, bidder: str, row: int, own: Bool) -> None:
        """Which of consecutive clicks of the log are in a bidder's world."""

    def cleared(self, bidder: str, offers: Offers, won: Won) -> None:
        """What a bidder won of offers."""

    def heard(self, bidder: str, conversions: Conversions) -> None:
        """What a bidder heard of what it won."""


@dataclass(slots=True)
class Side:
    """One bidder's side.

    Parameters
    ----------
    room : where it bids.
    believes : what it bids with, of offers and what the method of its name predicts of them.
    policy : under which key the method's policy delivers; "": there is no method, and nothing is learnt.
    """

    room: Room
    believes: Callable[[Offers, Predictions], Believed]
    policy: str = ""
    log: WonLog = field(default_factory=WonLog)
    _row: Int64 = field(default_factory=lambda: np.empty(0, np.int64))
    _won: Bool = field(default_factory=lambda: np.empty(0, np.bool_))

    def clear(self, offers: Offers, believed: Believed) -> Won:
        """Bid for offers, and take what was won into the log; their clicks are still to come."""
        won = self.room.clear(offers, believed)
        to_click = offers.click_row >= 0
        self._row = np.concatenate([self._row, offers.click_row[to_click]])
        self._won = np.concatenate([self._won, won.click_row[to_click] >= 0])
        mine = won.won
        row = won.click_row[mine]
        none: Int8 = np.full(len(row), -1, np.int8)
        self.log.show(
            ImpressionBatch(
                offers.place[mine],
                offers.impression_id[mine],
                offers.time[mine],
                row,
                np.where(row >= 0, offers.click_time[mine], -1),
                none,
                none,
                offers.features[mine],
            )
        )
        return won

    def decided(self, clicks: ClickBatch, before: Bool) -> Bool:
        """Return which of the log's next clicks are its own; ``before`` says it of those that were not offered."""
        own = before.copy()
        now = self._row < clicks.row + len(clicks)
        own[self._row[now] - clicks.row] = self._won[now]
        self._row, self._won = self._row[~now], self._won[~now]
        return own


class _InLog:
    """An advisor who knows clicks by their rows in the log, for a policy that knows them by those of its own."""

    def __init__(self, advisor: Advisor, log: WonLog) -> None:
        self._advisor, self._log = advisor, log

    def ask(self, question: Question) -> Mapping[str, Float64]:
        return self._advisor.ask(replace(question, clicks=self._of(question.clicks)))

    def tell(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64]) -> None:
        self._advisor.tell(self._of(clicks), now, known)

    def _of(self, clicks: Clicks) -> Clicks:
        return replace(clicks, row=self._log.world(clicks.row))


class ClosedLoop:
    """Reads a log once, and hands to each method what it won: clicks, what follows them, and what was shown.

    A stretch between two publications is decided at its beginning, with the model published before. Nothing of what a method
    lost is in its source, so that nothing it does can depend on it.

    Parameters
    ----------
    source : the log whose impressions are offered.
    market : offers those of the stream.
    sides : by method, or by the name of a bidder that is none.
    make_engine : builds a method's engine over its own source.
    start, stream, end : where the replay begins, and the stream, and where that ends.
    periods : of publications and segments; whole multiples of each, from the start of the stream, end a stretch.
    before : whether a method knows what was shown before the stream.
    lost : what is not known of it even so.
    ahead : whether some policy peeks at the final labels of what its method won.
    """

    def __init__(
        self,
        source: Source,
        windows: Windows,
        market: Market,
        sides: Mapping[str, Side],
        make_engine: Callable[[str, Source, Mapping[str, Advisor]], Engine],
        watcher: Watcher,
        *,
        start: int,
        stream: int,
        end: int,
        periods: Sequence[int],
        before: bool = True,
        lost: Lost = NOTHING,
        ahead: bool = False,
        batch_rows: int = ROW_GROUP,
    ) -> None:
        self._market, self._sides, self._make_engine, self._watcher = market, sides, make_engine, watcher
        self._stream, self._end, self._periods, self._before = stream, end, periods, before
        self._decided, self._lost = stream, lost
        self._clicks = TimeQueue(source.clicks(start, batch_rows=batch_rows))
        self._events = TimeQueue(source.events(start, batch_rows=batch_rows), by="arrival")
        labelled = source.labelled(windows, start, features=False, batch_rows=batch_rows) if ahead else ()
        self._labels = RowQueue("final labels", ((c.row, labels.arrays()) for c, labels in labelled))
        self._ahead = ahead
        shown = source.impressions(max(0, stream - windows.click), stream, batch_rows=batch_rows)
        self._shown = TimeQueue(shown if before else ())
        self._engines: dict[str, Engine] = {}
        self.exposures: dict[str, Exposures | None] = {}
        """What became known in the last tick of each method's impressions."""

    def open(self, advisors: Mapping[str, Advisor]) -> None:
        """Build the methods' engines, with advisors by policy key."""
        for name, side in self._sides.items():
            if side.policy:
                own = {side.policy: _InLog(advisors[side.policy], side.log)}
                self._engines[name] = self._make_engine(name, side.log, own)

    def decide(self, begin: int, until: int, ask: Callable[[Offers], Mapping[str, Predictions]]) -> None:
        """Decide what is won in the stretch that begins at ``begin``, if one does, by what methods are asked.

        Before the stream nothing is offered, and what happens up to ``until`` is handed on.
        """
        if begin < self._stream:
            self._follow(until)
        elif begin == self._decided:
            into = begin - self._stream
            self._decided = min(self._end, *(begin + p - into % p for p in self._periods))
            offers = self._market.take(self._decided)
            served = ask(offers) if len(offers) else {}
            self._clear(offers, served, begin)

    def _clear(self, offers: Offers, served: Mapping[str, Predictions], begin: int) -> None:
        """Decide a stretch, up to each instant at which some room must hear what arrived."""
        believed = (
            {name: side.believes(offers, served.get(name, {})) for name, side in self._sides.items()}
            if len(offers)
            else {}
        )
        stops = {stop for side in self._sides.values() for stop in side.room.stops(begin, self._decided)}
        low = 0
        for stop in sorted(stops):
            high = int(np.searchsorted(offers.time, stop))
            if high > low:
                part = offers[low:high]
                for name, side in self._sides.items():
                    self._watcher.cleared(name, part, side.clear(part, believed[name][low:high]))
            low = high
            self._follow(stop)

    def _follow(self, until: int) -> None:
        """Hand on what happens before ``until`` to clicks that are decided."""
        for shown in self._shown.take(until):
            known = shown[self._lost.shown(shown)]
            for side in self._sides.values():
                side.log.show(known)
        parts = self._clicks.take(until)
        events = EventBatch.concatenate(self._events.take(until))
        clicks = ClickBatch.concatenate(parts) if parts else None
        labels = None
        before = np.zeros(0, np.bool_)
        if clicks is not None:
            before = self._lost.kept(clicks) if self._before else np.zeros(len(clicks), np.bool_)
        if clicks is not None and self._ahead:
            labels = Labels.from_arrays(self._labels.take(clicks.row + len(clicks), clicks.row))
        for name, side in self._sides.items():
            if clicks is not None:
                own = side.decided(clicks, before)
                side.log.click(clicks, own, labels)
                self._watcher.own(name, clicks.row, own)
            self._watcher.heard(name, side.room.hear(side.log.follow(events)))

    def advance(self, tick: Tick, *, segment_end: bool) -> Tick:
        """Replay every method's own log as far as the log; return the log's tick with what their policies delivered."""
        samples: dict[str, Samples] = {}
        for name, engine in self._engines.items():
            side = self._sides[name]
            own = engine.advance(tick.until, segment_end=segment_end)
            delivered = own.samples[side.policy]
            samples[side.policy] = replace(delivered, row=side.log.world(delivered.row))
            self.exposures[name] = own.exposures
        return replace(tick, samples=samples)
