"""Jobs to workers, and what they return in the order of the jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from typing import Any, TypeVar

from simulator.errors import RunError
from simulator.sweep.dispatch import Place

T = TypeVar("T")


def fan_out(work: Callable[..., T], jobs: Sequence[Any], place: Place) -> Iterator[T]:
    """Call ``work``, a function of an importable module, with each job; yield what it returns, in the order of the jobs.

    Raises
    ------
    ScenarioError : there is no such place.
    RunError : a worker was killed, or nobody answers at the place.
    """
    if not place.on and (place.workers == 1 or len(jobs) < 2):
        yield from map(work, jobs)
        return
    from joblib import Parallel, delayed

    with place.opened() as options:
        said = {"return_as": "generator", "batch_size": 1, **options}
        try:
            yield from Parallel(**said)(delayed(work)(job) for job in jobs)
        except BrokenExecutor:
            raise RunError(
                "a worker was killed, perhaps for want of memory; try fewer --workers, or shorter --slices"
            ) from None
