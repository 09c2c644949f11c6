"""Many processes at work: the one seam through which jobs are spread over a machine, or over a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar

from simulator.errors import AfterclickError, UsageError

T = TypeVar("T")


class WorkerError(AfterclickError):
    """A process that was at work is gone."""


_DASK = "dask://"


def fan_out(
    work: Callable[..., T], jobs: Sequence[Any], *, workers: int = 1, on: str | None = None
) -> Iterator[T]:
    """Call ``work`` with each job; yield what it returns, in the order of the jobs.

    Parameters
    ----------
    work : a function of an importable module; it and the jobs are sent to other processes.
    workers : processes on this machine; 1: none but this one.
    on : "dask://host:port", the scheduler of a Dask cluster, instead; its workers must see the files that jobs name, under the
        same paths, and have the package installed.

    Raises
    ------
    UsageError : ``on`` is of another form, Dask is not installed, or nobody answers there.
    WorkerError : a process was killed.
    """
    check_workers(workers, on)
    if on is None and (workers == 1 or len(jobs) < 2):
        yield from map(work, jobs)
        return
    from joblib import Parallel, delayed, parallel_config

    with _backend(on) as backend, parallel_config(**backend):
        count = -1 if on else min(workers, len(jobs))
        try:
            yield from Parallel(n_jobs=count, return_as="generator", batch_size=1)(
                delayed(work)(job) for job in jobs
            )
        except BrokenExecutor:
            raise WorkerError(
                "a process that was at work was killed, perhaps for want of memory; try fewer --workers, or smaller jobs"
            ) from None


def check_workers(workers: int, on: str | None) -> None:
    """Refuse what `fan_out` cannot work with.

    Raises
    ------
    UsageError : fewer than one process, or ``on`` in another form than "dask://host:port".
    """
    if workers < 1:
        raise UsageError(f"--workers {workers}: allowed: 1 or more")
    if on is not None and (not on.startswith(_DASK) or not on[len(_DASK) :]):
        raise UsageError(f"--on {on}: must be written dask://HOST:PORT, the scheduler of a Dask cluster")


@contextmanager
def _backend(on: str | None) -> Iterator[dict[str, Any]]:
    if on is None:
        # Each process has the processors to itself in turn: threads of BLAS beside them would only wait for one another.
        yield {"backend": "loky", "inner_max_num_threads": 1}
        return
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise UsageError(f"--on {on}: Dask is not installed; pip install 'dask[distributed]'") from None
    try:
        client = distributed.Client(f"tcp://{on[len(_DASK) :]}", timeout=10)
    except (OSError, ValueError) as error:
        raise UsageError(f"--on {on}: nobody answers there ({error}); is the scheduler running?") from None
    with client:
        yield {"backend": "dask"}
