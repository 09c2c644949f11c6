"""Replay a slice, and write down what is delivered: by segment, or for the merge with other slices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing

from simulator.deliver.order import Job
from simulator.deliver.runs import Run, RunFile
from simulator.engine import Engine
from simulator.log.reader import Log
from simulator.log.slices import Slice
from simulator.plugins import load_plugins
from simulator.policies import policy_from
from simulator.policies.base import Policy
from simulator.samples import Samples
from simulator.samples_file import SamplesFile
from simulator.store import Location


def segment_file(out: Location, segment: int) -> Location:
    """Return the file of a segment."""
    return out / f"segment={segment:05d}.parquet"


class SegmentFiles:
    """The files of segments, which come one after the other; of those without samples there is none.

    ``rows`` are counted by segment.
    """

    def __init__(self, out: Location, carries: Mapping[str, str]) -> None:
        self._out, self._carries = out, carries
        self._file: SamplesFile | None = None
        self.rows: dict[int, int] = {}

    def write(self, segment: int, samples: Samples) -> None:
        """Append samples of a segment that is not before the last one."""
        if not len(samples):
            return
        if segment not in self.rows:
            self.close()
            self._file = SamplesFile(segment_file(self._out, segment), self._carries)
            self.rows[segment] = 0
        assert self._file is not None
        self._file.write(samples)
        self.rows[segment] += len(samples)

    def close(self) -> None:
        """Finish the file that is open."""
        if self._file is not None:
            self._file.close()
            self._file = None


def replay_slice(job: Job) -> Run:
    """Deliver a slice: files of the segments in which nobody else delivers anything, a run of the others."""
    policy = policy_from_job(job)
    path = job.between / f"{job.number:05d}.arrow"
    with (
        closing(SegmentFiles(job.out, policy.carries)) as files,
        closing(RunFile(path, job.number, policy.carries)) as file,
    ):
        for edge, samples in replayed(job, policy):
            segment = (edge - 1) // job.order.segment
            if job.alone(segment):
                files.write(segment, samples)
            else:
                file.write(segment, edge, samples)
        file.run.alone = files.rows
        return file.run


def policy_from_job(job: Job) -> Policy:
    """Return the policy of an order in this process."""
    load_plugins((), job.order.folders)
    return policy_from(job.order.policy)


def replayed(job: Job, policy: Policy) -> Iterator[tuple[int, Samples]]:
    """Yield what is delivered by the end of each tick."""
    order = job.order
    source = Slice(Log.open(order.log), job.begin, job.end, order.windows)
    engine = Engine(
        source,
        order.windows,
        {policy.kind: policy},
        start=job.begin,
        calendar=order.calendar,
        stream_start=max(job.begin // order.segment * order.segment, order.start),
        causes=True,
    )
    for edge, segment_end in order.edges(job.begin, job.end):
        yield edge, engine.advance(edge, segment_end=segment_end).samples[policy.kind]
