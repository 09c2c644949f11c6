"""Jobs to workers, by joblib: processes of this machine (loky), a Dask cluster, or Ray. The one seam to any of them."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from simulator.errors import RunError, ScenarioError
from simulator.sweep.jobs import Job, Notes, Outcome, killed, ordered

Work = Callable[[Job], Outcome]
"""A function of an installed module: what a worker imports, and does."""
_IDLE_DEATHS = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Where jobs run: ``on`` is "" (processes of this machine, ``workers`` of them), ``dask://host:port`` or ``ray``."""

    workers: int
    on: str = ""

    @property
    def told(self) -> str:
        """Where, in words."""
        return self.on or f"{self.workers} worker{'s' * (self.workers != 1)}"

    @contextmanager
    def opened(self) -> Iterator[dict[str, Any]]:
        """Yield what `joblib.Parallel` is to be told; a cluster is left when the block ends.

        Raises
        ------
        ScenarioError : ``on`` is no place, or its package is not installed.
        RunError : nobody answers there.
        """
        import joblib

        if not self.on:
            # With one job joblib stays in this process, which would end with it.
            with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
                yield {"n_jobs": max(self.workers, 2), "pre_dispatch": self.workers}
        elif self.on.startswith("dask://"):
            with _dask(self.on.removeprefix("dask://")) as backend, joblib.parallel_config(backend):
                yield {"n_jobs": -1, "pre_dispatch": "all"}
        elif self.on == "ray":
            _ray()
            with joblib.parallel_config("ray"):
                yield {"n_jobs": -1, "pre_dispatch": "all", "return_as": "list"}
        else:
            raise ScenarioError(f"--on {self.on}: no such place; allowed: dask://HOST:PORT, ray")


@contextmanager
def _dask(address: str) -> Iterator[Any]:
    """Yield joblib's backend of a cluster."""
    try:
        from distributed import Client
        from joblib._dask import DaskDistributedBackend
    except ImportError:
        raise ScenarioError(
            '--on dask://...: needs Dask; install it with: pip install "afterclick[dask]"'
        ) from None
    try:
        client: Any = Client(f"tcp://{address}", timeout=10, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise RunError(
            f"--on dask://{address}: no scheduler answers there ({type(error).__name__})"
        ) from None

    class Cluster(DaskDistributedBackend):  # type: ignore[misc]
        """Mends two things: where one worker is there (yet), joblib would do the jobs in this process, which ends with whatever
        kills it; and of a job that the cluster gives up it would never hear.
        """

        def effective_n_jobs(self, n_jobs: int) -> int:
            return max(int(super().effective_n_jobs(n_jobs)), 2)

        def submit(self, func: Any, callback: Any = None) -> Any:
            future = super().submit(func, callback)
            future.add_done_callback(lambda done: done.exception() and callback(done.exception()))
            return future

        def retrieve_result_callback(self, out: Any) -> Any:
            if isinstance(out, BaseException):
                raise out
            return super().retrieve_result_callback(out)

    with client:
        yield Cluster(client=client)


def _ray() -> None:
    try:
        from ray.util.joblib import register_ray
    except ImportError:
        raise ScenarioError('--on ray: needs Ray; install it with: pip install "afterclick[ray]"') from None
    register_ray()


def dispatch(
    jobs: Sequence[Job], work: Work, place: Place, notes: Notes, *, retries: int, stop: bool = False
) -> Iterator[Outcome]:
    """Do all jobs, and yield what became of each as soon as that is known, in no order.

    A job that failed is tried again after the others, as often as ``retries`` allows. When a worker dies the jobs that were
    running are done again one by one, so that of several the one that kills its worker is told from its neighbours.

    Parameters
    ----------
    stop : end after the first job that has failed for good.

    Raises
    ------
    RunError : workers die before they have begun anything.
    """
    left = {job.id: job for job in ordered(jobs)}
    tries: Counter[str] = Counter()
    deaths = 0
    with place.opened() as options:
        while left:
            for outcome in _round(list(left.values()), work, options):
                if outcome is None:
                    suspects = [left[name] for name in notes.running() if name in left]
                    notes.forget([job.id for job in suspects])
                    deaths = 0 if suspects else deaths + 1
                    if deaths == _IDLE_DEATHS:
                        raise RunError(
                            "workers end before they begin a run: is there memory enough, and the package?"
                        )
                    found: Iterator[Outcome] = _one_by_one(suspects, work, options, notes, max(retries, 1))
                else:
                    found = iter([outcome])
                for known in found:
                    tries[known.id] += known.tries
                    if known.status == "failed" and known.again and tries[known.id] <= retries:
                        continue
                    del left[known.id]
                    yield replace(known, tries=tries[known.id])
                    if stop and known.status == "failed":
                        return


def _one_by_one(
    jobs: Sequence[Job], work: Work, options: dict[str, Any], notes: Notes, most: int
) -> Iterator[Outcome]:
    for job in jobs:
        for tries in range(1, most + 1):
            found = next(_round([job], work, options))
            if found is not None:
                yield replace(found, tries=tries)
                break
            notes.forget([job.id])
        else:
            yield killed(job, most)


def _round(jobs: Sequence[Job], work: Work, options: dict[str, Any]) -> Iterator[Outcome | None]:
    """Give jobs to workers and yield what comes back; None, and no more, where a worker died."""
    import joblib

    # When a sweep stops, what is running is to end; nobody needs to be told to write it otherwise.
    warnings.filterwarnings("ignore", ".*still being processed by the workers", UserWarning)
    said = {"return_as": "generator_unordered", "batch_size": 1, **options}
    try:
        yield from joblib.Parallel(**said)(joblib.delayed(work)(job) for job in jobs)
    except Exception as error:
        if isinstance(error, ImportError | AttributeError):
            raise RunError(f"workers cannot load the package: {error}") from error
        yield None
