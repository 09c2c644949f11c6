"""The samples of several slices in one order: that of a replay of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulator.deliver.replay import SegmentFiles
from simulator.deliver.runs import Run
from simulator.log.schema import Int64
from simulator.pieces import TimeQueue
from simulator.samples import Samples


@dataclass(frozen=True, slots=True)
class Merge:
    """Segments whose samples several slices delivered.

    Parameters
    ----------
    runs : what the slices delivered, in the order of their clicks.
    """

    segments: tuple[int, ...]
    runs: tuple[Run, ...]
    out: Path


def merge(job: Merge) -> dict[int, int]:
    """Write the files of segments; return the rows of each. No more is held than some ticks of each run."""
    with SegmentFiles(job.out, job.runs[0].carries) as files:
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
    joined = Samples.concatenate(parts)
    part = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return joined[_order(joined, part)]


def _order(samples: Samples, part: Int64) -> Int64:
    order = np.argsort(samples.visible_time, kind="stable")
    time, part = samples.visible_time[order], part[order]
    tied = (time[1:] == time[:-1]) & (part[1:] != part[:-1])
    if tied.any():
        places = np.flatnonzero(np.isin(time, time[1:][tied]))
        rows = samples[order[places]]
        cause, cause_id = rows.carried["cause"], rows.carried["cause_id"]
        order[places] = order[places[np.lexsort((cause_id, cause, rows.event_time, rows.visible_time))]]
    return order
