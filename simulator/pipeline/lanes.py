"""Work that must be done in order per method, but not between methods, on a few threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Condition, Lock

from simulator.calls import of_methods


class Turns:
    """Threads that take turns at the lanes which have something to do: at one that is awaited, else at the one that has
    been ready for longest.
    """

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool, self._lock = pool, Lock()
        self._ready: list[Lane] = []

    def enter(self, lane: Lane) -> None:
        """Have a thread come to a lane that has something to do."""
        with self._lock:
            self._ready.append(lane)
        self._pool.submit(self._take)

    def _take(self) -> None:
        with self._lock:
            place = next((k for k, lane in enumerate(self._ready) if lane.awaited), 0)
            lane = self._ready.pop(place)
        lane.run()

    def pressing(self) -> bool:
        """Whether a lane that is awaited has nobody who works for it."""
        with self._lock:
            return any(lane.awaited for lane in self._ready)


class Lane:
    """Tasks of one method: started in the order given, one at a time, whichever thread is free.

    What a method computes depends on its own tasks alone, so neither the number of threads nor their speed changes
    a result, nor who comes first. A thread stays as long as there is something to do and nobody else is awaited: what a
    model needs is then still in the processor's cache. The first exception stops the lane and is raised again by `join`.
    """

    def __init__(self, turns: Turns, method: str) -> None:
        self._turns, self._method = turns, method
        self._tasks: deque[Callable[[], None]] = deque()
        self._changed = Condition()
        self._running = False
        self._waiting = 0
        self._error: BaseException | None = None
        self.asked = False
        """Whether the replay will wait for it again and again, to ask its model."""

    @property
    def awaited(self) -> bool:
        """Whether the replay stands still until it has got on, or will at the end of the segment."""
        return self.asked or self._waiting > 0

    def submit(self, task: Callable[[], None]) -> None:
        """Append a task."""
        with self._changed:
            self._tasks.append(task)
            if self._running or self._error is not None:
                return
            self._running = True
        self._turns.enter(self)

    def run(self) -> None:
        """Do what there is to do, until somebody else is awaited."""
        while self._run_one():
            if not self.awaited and self._turns.pressing():
                self._turns.enter(self)
                return

    def _run_one(self) -> bool:
        """Do one task; return whether there are more."""
        with self._changed:
            task = self._tasks.popleft()
        try:
            with of_methods(self._method):
                task()
        except BaseException as error:  # noqa: BLE001 - carried to the main thread by join
            with self._changed:
                self._error = error
                self._tasks.clear()
        with self._changed:
            self._running = bool(self._tasks)
            self._changed.notify_all()
            return self._running

    def join(self, at_most: int = 0) -> None:
        """Wait until no more than ``at_most`` tasks are left; raise what a task raised."""
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(
                lambda: self._error is not None or len(self._tasks) + self._running <= at_most
            )
            self._waiting -= 1
            if self._error is not None:
                raise self._error
