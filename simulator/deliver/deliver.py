"""Deliver: what a policy would have delivered for a log of any length, by as many processes as there are."""

from __future__ import annotations

from dataclasses import dataclass

import tomlkit

from simulator.deliver.folder import FILE, RUNS, new_samples, remove
from simulator.deliver.merge import Merge, merge
from simulator.deliver.order import EACH, Order, jobs, slices
from simulator.deliver.replay import replay_slice
from simulator.deliver.runs import Run
from simulator.deliver.work import fan_out
from simulator.errors import UsageError
from simulator.log.fingerprint import etags
from simulator.log.reader import Log
from simulator.policies import policy_from
from simulator.store import Location
from simulator.sweep.dispatch import Place

HERE = Place(1)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was written: a folder with a file of each segment that has samples."""

    path: Location
    rows: int
    files: int
    clicks: int
    slices: int


def deliver(
    order: Order,
    out: Location,
    *,
    width: int | None = None,
    place: Place = HERE,
    replace: bool = False,
) -> Delivered:
    """Write the samples of an order into the folder ``out``, which appears whole or not at all.

    Row for row and in the same order they are those of one replay of the whole log, however it is cut.

    Parameters
    ----------
    width : click time of a slice in microseconds; None: as the number of processes and of clicks asks for.
    place : where the slices are replayed.

    Raises
    ------
    UsageError : ``out`` is there and not to be replaced.
    ScenarioError, RunError : there is no such place, or a worker was killed.
    LogError : the log is damaged, or nothing can be written.
    PolicyError : the policy breaks a rule.
    """
    if place.workers < 1:
        raise UsageError(f"--workers {place.workers}: allowed: 1 or more")
    log, out = Log.open(order.log), out.absolute()
    cuts = slices(order, width, _several(place))
    with new_samples(out, replace=replace) as new:
        rows = _by_slices(order, cuts, new.path, place)
        (new.path / FILE).write_text(tomlkit.dumps(_account(order, log, rows)), encoding="utf-8")
        new.commit()
    return Delivered(out, sum(rows.values()), len(rows), log.meta.clicks, len(cuts))


def _by_slices(order: Order, cuts: list[tuple[int, int]], out: Location, place: Place) -> dict[int, int]:
    """Replay slices, then merge what several of them delivered in one segment; return the rows of each segment."""
    between = out / RUNS
    between.mkdir()
    runs = list(fan_out(replay_slice, jobs(order, cuts, out, between), place))
    shared: set[int] = set().union(*(run.segments for run in runs))
    size = max(-(-len(shared) // (EACH * _several(place))), 1)
    groups = [tuple(sorted(shared)[at : at + size]) for at in range(0, len(shared), size)]
    merges = [Merge(group, _concerned(runs, group), out) for group in groups]
    rows = [*(run.alone for run in runs), *fan_out(merge, merges, place)]
    remove(between)
    return dict(sorted((segment, count) for part in rows for segment, count in part.items()))


def _several(place: Place) -> int:
    """Return how many are at work; of a cluster nobody says."""
    return max(place.workers, EACH) if place.on else place.workers


def _concerned(runs: list[Run], segments: tuple[int, ...]) -> tuple[Run, ...]:
    wanted = set(segments)
    return tuple(run for run in runs if not wanted.isdisjoint(run.segments))


def _account(order: Order, log: Log, rows: dict[int, int]) -> dict[str, object]:
    """Return what identifies the samples, and how many there are: nothing of machines and processes."""
    windows = order.windows
    return {
        "policy": policy_from(order.policy).spec(),
        "log": {
            "name": log.meta.name,
            "fingerprint": log.meta.fingerprint,
            "clicks": log.meta.clicks,
            **({"etags": told} if (told := etags(log.location)) else {}),
        },
        "windows": {name: getattr(windows, name) for name in ("attribution", "refund", "lateness", "edges")},
        "promotions": [{"start": p.start, "end": p.end} for p in order.calendar.promotions],
        "segment": order.segment,
        "start": order.start,
        "until": order.until,
        "samples": sum(rows.values()),
        "files": {f"{segment}": count for segment, count in rows.items()},
    }
