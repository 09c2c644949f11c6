"""Work that must be done in order per method, but not between methods, on a few threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Condition

from simulator.calls import of_methods


class Lane:
    """Tasks of one method: started in the order given, one at a time, whichever thread is free.

    What a method computes depends on its own tasks alone, so neither the number of threads nor their speed changes
    a result. The first exception stops the lane and is raised again by `join`.
    """

    def __init__(self, pool: ThreadPoolExecutor, method: str) -> None:
        self._pool, self._method = pool, method
        self._tasks: deque[Callable[[], None]] = deque()
        self._changed = Condition()
        self._running = False
        self._error: BaseException | None = None

    def submit(self, task: Callable[[], None]) -> None:
        """Append a task."""
        with self._changed:
            self._tasks.append(task)
            if not self._running and self._error is None:
                self._running = True
                self._pool.submit(self._run_one)

    def _run_one(self) -> None:
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
            if self._running:
                self._pool.submit(self._run_one)
            self._changed.notify_all()

    def join(self, at_most: int = 0) -> None:
        """Wait until no more than ``at_most`` tasks are left; raise what a task raised."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._error is not None or len(self._tasks) + self._running <= at_most
            )
            if self._error is not None:
                raise self._error
