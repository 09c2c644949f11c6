"""Run one policy over a tick: call its hooks with batches, follow its timers, number its samples."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy, deepcopy
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from simulator.calls import calling
from simulator.engine.batch import CLOSE, SEGMENT, At, JourneyView, Scene, read_only
from simulator.engine.journeys import Journeys
from simulator.engine.outbox import Outbox
from simulator.engine.timers import Chains, Timers
from simulator.engine.waves import Waves, ordinals
from simulator.log.schema import Int32, Int64, Kind
from simulator.policies.base import Policy
from simulator.samples import Samples

_EVENT_HOOKS: dict[int, str] = {Kind.CART: "on_cart", Kind.PAY: "on_pay", Kind.REFUND: "on_refund"}
_HOOKS: dict[int, str] = {
    Kind.CLICK: "on_click",
    **_EVENT_HOOKS,
    Kind.TIMER: "on_timer",
    CLOSE: "on_close",
    SEGMENT: "on_segment",
}


class TickItems:
    """The items of a tick that do not depend on the policy: made at first use, shared by all policies."""

    def __init__(self, scene: Scene, new: slice, waves: Waves, start: int, until: int) -> None:
        self.scene, self.waves, self.start, self.until = scene, waves, start, until
        self._new = new

    def at(self, index: Int64 | slice, time: Int64, rank: int, tag: Int32 | None = None) -> At:
        """Make a batch of items that are not events: clicks, timers, closings, segment ends."""
        journeys, n = self.scene.journeys, len(time)
        if rank == Kind.CLICK:
            slots = np.zeros(n, np.int32)
        else:
            places = np.arange(index.start, index.stop) if isinstance(index, slice) else index
            slots = self.waves.slots_at(journeys, places, time)
        ids = journeys.columns["click_id"][index]
        tag = np.zeros(n, np.int32) if tag is None else tag
        time, ids, amount, tag = map(read_only, (time, ids, np.zeros(n), tag))
        return At(self.scene, index, time, rank, ids, JourneyView(journeys.state, slots), amount, tag, time)

    @cached_property
    def clicks(self) -> At:
        """The tick's new clicks."""
        return self.at(self._new, self.scene.journeys.columns["click_time"][self._new], Kind.CLICK)

    def events(self, kind: int) -> At:
        """The tick's events of one kind that fall inside the windows."""
        return self._by_kind[kind]

    @cached_property
    def _by_kind(self) -> dict[int, At]:
        return {kind: self._make_events(kind) for kind in _EVENT_HOOKS}

    def _make_events(self, kind: int) -> At:
        events, waves = self.waves.events, self.waves
        chosen = np.flatnonzero((events.kind == kind) & waves.counted)
        journeys, time = self.scene.journeys, read_only(events.arrival[chosen])
        return At(
            self.scene,
            journeys.index(events.row[chosen]),
            time,
            kind,
            read_only(events.event_id[chosen]),
            JourneyView(journeys.state, waves.slot[chosen]),
            read_only(events.amount[chosen]),
            read_only(np.zeros(len(chosen), np.int32)),
            read_only(events.time[chosen]) if events.late else time,
        )

    @cached_property
    def closing(self) -> At:
        """The journeys whose attribution window closes in this tick, lateness included."""
        journeys, window = self.scene.journeys, self.scene.windows.closing
        index = slice(journeys.before(self.start - window), journeys.before(self.until - window))
        return self.at(index, journeys.columns["click_time"][index] + window, CLOSE)

    @cached_property
    def open_at_end(self) -> At:
        """All open journeys, at the last microsecond of the tick."""
        journeys = self.scene.journeys
        now = self.until - 1
        index = slice(journeys.before(now - self.scene.windows.lifetime), journeys.size)
        return self.at(index, np.full(index.stop - index.start, now), SEGMENT)


class PolicyRunner:
    """One policy with its timers, its own values and its revision counters."""

    def __init__(self, policy: Policy, journeys: Journeys, key: str, *, causes: bool = False) -> None:
        self.policy = policy
        self.key = key
        self._out = Outbox(key, policy.carries, causes=causes)
        self._timers = Timers()
        self._prefix = f"{key}/"
        self._revision = f"{key}#revision"
        journeys.add_column(self._revision, np.int32, 0)
        for name, (kind, default) in policy.own.items():
            journeys.add_column(self._prefix + name, kind, default)

    def fork(self) -> PolicyRunner:
        """Return a copy with timers of its own; the policy is copied too, so far as it can be."""
        twin = copy(self)
        vars(twin).update(_timers=deepcopy(self._timers), _out=self._out.fork(), policy=self.policy.copied())
        return twin

    def run(self, items: TickItems, scene: Scene, *, segment_end: bool) -> Samples:
        """Call the hooks for everything that happens in the tick; return what was delivered, in order."""
        out = self._out
        if self.policy.own:
            self._run_ordered(items, scene, out, segment_end=segment_end)
        else:
            self._run_together(items, scene, out, segment_end=segment_end)
        samples = out.take_samples()
        self._number(samples, scene.journeys)
        return samples

    def _shared(self, items: TickItems, *, segment_end: bool) -> Iterator[At]:
        """Yield the batches that the policy subscribes to, timers aside."""
        uses = self.policy.uses
        if uses("on_click"):
            yield items.clicks
        for kind, hook in _EVENT_HOOKS.items():
            if uses(hook):
                yield items.events(kind)
        if uses("on_close"):
            yield items.closing
        if segment_end and uses("on_segment"):
            yield items.open_at_end

    def _call(self, at: At, scene: Scene, out: Outbox) -> None:
        if len(at):
            hook = _HOOKS[at.rank]
            with calling(self.policy, hook, f"a batch of {len(at)} items", f"policy {self.key!r}"):
                getattr(self.policy, hook)(replace(at, _scene=scene, prefix=self._prefix), out)

    def _due(self, items: TickItems, out: Outbox, chains: Chains) -> At:
        self._timers.add(out.take_timers())
        due = self._timers.take(items.until)
        chains.see(due)
        return items.at(items.scene.journeys.index(due.row), due.time, Kind.TIMER, tag=due.tag)

    def _run_together(self, items: TickItems, scene: Scene, out: Outbox, *, segment_end: bool) -> None:
        """Without values of its own the order of the calls cannot matter: one call per kind."""
        for at in self._shared(items, segment_end=segment_end):
            self._call(at, scene, out)
        chains = Chains(self.key)
        while len(due := self._due(items, out, chains)):
            self._call(due, scene, out)

    def _run_ordered(self, items: TickItems, scene: Scene, out: Outbox, *, segment_end: bool) -> None:
        """With values of its own, wave by wave: the next item of every journey, timers set on the way included."""
        waiting = [at for at in self._shared(items, segment_end=segment_end) if len(at)]
        # The end of a segment is every journey's last item in its tick: no order needs to be found for it.
        last = waiting.pop() if waiting and waiting[-1].rank == SEGMENT else None
        chains = Chains(self.key)
        while True:
            if len(due := self._due(items, out, chains)):
                waiting.append(due)
            if not waiting:
                break
            later: list[At] = []
            for at, ready in zip(waiting, _first_of_each_journey(waiting), strict=True):
                self._call(at[ready], scene, out)
                if not ready.all():
                    later.append(at[~ready])
            waiting = later
        if last is not None:
            self._call(last, scene, out)

    def _number(self, samples: Samples, journeys: Journeys) -> None:
        """Number the samples of each click: 0 is its first delivery."""
        if not len(samples):
            return
        counter = journeys.columns[self._revision]
        index = journeys.index(samples.row)
        samples.revision[:] = counter[index]
        order = np.arange(len(index), dtype=np.int32)
        counter[index] = order  # the last sample of each journey wins: the others have a later twin
        twins = np.flatnonzero(counter[index] != order)
        counter[index] = samples.revision + 1
        if len(twins):
            several = np.flatnonzero(np.isin(index, index[twins]))
            several = several[np.argsort(index[several], kind="stable")]
            samples.revision[several] += ordinals(index[several])[1].astype(np.int32)
            counter[index[several]] = samples.revision[several] + 1


def _first_of_each_journey(batches: list[At]) -> list[Any]:
    """Mark, in each batch, the items that are their journey's next one in the order (time, when it happened, kind, id,
    tag).
    """
    sizes = [len(at) for at in batches]
    index = np.concatenate(
        [
            np.arange(at.index.start, at.index.stop) if isinstance(at.index, slice) else at.index
            for at in batches
        ]
    )
    rank = np.repeat([at.rank for at in batches], sizes)
    keys = [np.concatenate([getattr(at, name) for at in batches]) for name in ("tag", "ids")]
    keys.append(rank)
    if any(at.late for at in batches):
        keys.append(np.concatenate([at.event_time for at in batches]))
    order = np.lexsort((*keys, np.concatenate([at.time for at in batches]), index))
    first = np.zeros(len(index), np.bool_)
    first[order] = ordinals(index[order])[1] == 0
    return np.split(first, np.cumsum(sizes)[:-1])
