"""The samples of several slices in one order: that of a replay of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simulator.deliver.replay import SegmentFiles
from simulator.deliver.runs import Run
from simulator.log.schema import Int64
from simulator.pieces import TimeQueue
from simulator.samples import Samples
from simulator.store import Location


@dataclass(frozen=True, slots=True)
class Merge:
    """Segments whose samples several slices delivered.

    Parameters
    ----------
    runs : what the slices delivered, in the order of their clicks.
    """

    segments: tuple[int, ...]
    runs: tuple[Run, ...]
    out: Location


def merge(job: Merge) -> dict[int, int]:
    """Write the files of segments; return the rows of each. No more is held than some ticks of each run."""
    with closing(SegmentFiles(job.out, job.runs[0].carries)) as files:
        for segment in job.segments:
            runs = [run for run in job.runs if segment in run.segments]
            queues = [TimeQueue(run.of_segment(segment), by="visible_time") for run in runs]
            for until in sorted({until for run in runs for of, until in run.pieces if of == segment}):
                parts = [Samples.concatenate(queue.take(until)) for queue in queues]
                files.write(segment, merged([part for part in parts if len(part)]))
        return files.rows


def merged(parts: Sequence[Samples]) -> Samples:
    """Return samples, each part of which is in its total order, in that of them all."""
    if len(parts) < 2:
        return parts[0] if parts else Samples.empty()
    edges = np.cumsum([0, *(len(part) for part in parts)])
    place = np.empty(edges[-1], np.int64)
    place[_order(parts)] = np.arange(edges[-1])
    made = Samples.blank(
        len(place), 0, {name: values.dtype.name for name, values in parts[0].carried.items()}
    )
    made.role[:] = 0
    for part, (begin, end) in zip(parts, pairwise(edges), strict=True):
        made.put(place[begin:end], part)
    return made


def _order(parts: Sequence[Samples]) -> Int64:
    """Return the places of all rows, part after part, in the total order of samples."""
    time = np.concatenate([part.visible_time for part in parts])
    of = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    order = np.argsort(time, kind="stable")
    sorted_time, of = time[order], of[order]
    tied = (sorted_time[1:] == sorted_time[:-1]) & (of[1:] != of[:-1])
    if tied.any():  # and only there it matters what else samples are sorted by
        places = np.flatnonzero(np.isin(sorted_time, sorted_time[1:][tied]))
        rows = order[places]
        keys = [
            np.concatenate([part.column(name) for part in parts])[rows]
            for name in ("cause_id", "cause", "event_time", "visible_time")
        ]
        order[places] = rows[np.lexsort(keys)]
    return order
