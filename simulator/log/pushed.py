"""A source that is told as things happen, for an engine that is at work while they do."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from simulator.errors import LogError
from simulator.log.schema import (
    ROW_GROUP,
    ClickBatch,
    EventBatch,
    Feature,
    Labels,
)
from simulator.log.unshown import Unshown
from simulator.windows import Windows

T = TypeVar("T")


class Pushed(Unshown):
    """Clicks and events in replay order, read as far as they were pushed: what was read is gone.

    Push all that is known before an instant, then advance the engine to it. What is pushed after the engine has passed its
    time, twice, out of order or with a gap is refused by the engine. One engine reads it; policies that read the future
    cannot be at work on it.
    """

    def __init__(self, features: tuple[Feature, ...] = ()) -> None:
        self.features = features
        self._clicks: deque[ClickBatch] = deque()
        self._events: deque[EventBatch] = deque()

    def push(self, clicks: ClickBatch | None = None, events: EventBatch | None = None) -> None:
        """Append what happened next; ``row`` of events is that of their clicks, pushed before or together with them."""
        if clicks is not None and len(clicks):
            self._clicks.append(clicks)
        if events is not None and len(events):
            self._events.append(events)

    def row_of(self, time: int) -> int:
        """Refuse: what was read is gone."""
        raise LogError("a source that is pushed to keeps nothing of what was read")

    def clicks(
        self,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[ClickBatch]:
        """Yield the clicks that were pushed; when there are more, go on."""
        return Popped(self._clicks)

    def events(
        self, start: int | None = None, end: int | None = None, *, batch_rows: int = ROW_GROUP
    ) -> Iterator[EventBatch]:
        """Yield the events that were pushed; when there are more, go on."""
        return Popped(self._events)

    def labelled(
        self,
        windows: Windows,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[tuple[ClickBatch, Labels]]:
        """Refuse: nobody knows final labels while things happen."""
        raise LogError(
            "final labels are not known of a source that is pushed to; no policy that peeks can run on it"
        )


class Popped(Generic[T]):
    """Takes from the left as long as there is anything; unlike a generator it goes on when there is more."""

    def __init__(self, held: deque[T]) -> None:
        self._held = held

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if not self._held:
            raise StopIteration
        return self._held.popleft()
