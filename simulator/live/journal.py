"""What is kept beside samples: how far partitions were read at an instant, and what of them is no longer waited for."""

from __future__ import annotations

import json
from typing import Any

from simulator.live.intake import Intake, Partition
from simulator.live.seam import Inlet, Outlet

_MARKS = 16
"""Marks that are set in a lifetime."""


class Journal:
    """Marks, from one of which a restart goes on, and lifts of the watermarks of partitions that bring nothing.

    Where nothing was ever delivered marks are not gone by, but lifts are: something may be put aside because of them.

    A lift is written before anything is delivered that rests on it, a mark when all that is visible before its instant is
    delivered. So what was late is late again, and all else is decided as before from two lifetimes on after a mark.
    """

    def __init__(self, outlet: Outlet, lifetime: int, *, fresh: bool) -> None:
        self._outlet, self._lifetime = outlet, lifetime
        self._marks: list[dict[str, Any]] = []
        self._lifts: list[dict[str, Any]] = []
        for line in outlet.history():
            told = json.loads(line)
            if "begun" in told:
                self._marks = []
            else:
                (self._lifts if "lift" in told else self._marks).append(told)
        if fresh and self._marks:  # of samples that somebody took away: they are made again
            self._write({"begun": True})
            self._marks = []
        self._next = self.edge + self._lifetime // _MARKS

    @property
    def edge(self) -> int:
        """The instant before which everything is delivered; -1: none is known."""
        return max((int(mark["edge"]) for mark in self._marks), default=-1)

    def begin(self, inlet: Inlet, intake: Intake, written: int) -> None:
        """Go on from the last mark beyond which all is that happened from two lifetimes before ``written`` on."""
        needed = written - 2 * (self._lifetime + 1)
        mark = max(
            (mark for mark in self._marks if max(mark["latest"].values()) < needed),
            key=lambda mark: int(mark["edge"]),
            default=None,
        )
        positions: dict[str, int] = {} if mark is None else mark["positions"]
        inlet.begin(positions)
        for name, partition in intake.partitions.items():
            partition.position = positions.get(name, 0)
            partition.lift((lift["position"], lift["edge"]) for lift in self._lifts if lift["lift"] == name)
            if mark is not None:
                partition.latest = mark["latest"].get(name, -1)
                if name not in positions:  # it is new: what it holds of the time before is late
                    self.lift(partition, self.edge)

    def lift(self, partition: Partition, edge: int) -> None:
        """No longer wait for what a partition may bring of the time before an instant."""
        partition.lift([(partition.position, edge)])
        self._write({"lift": partition.name, "position": partition.position, "edge": edge})

    def mark(self, intake: Intake, edge: int) -> None:
        """Say that all is delivered that is visible before an instant, if the last mark is long ago."""
        if edge < self._next:
            return
        self._next = edge + self._lifetime // _MARKS
        read = intake.partitions.values()
        self._write(
            {
                "edge": edge,
                "positions": {partition.name: partition.position for partition in read},
                "latest": {partition.name: partition.latest for partition in read},
            }
        )

    def _write(self, told: dict[str, Any]) -> None:
        self._outlet.append(0, [json.dumps(told, separators=(",", ":")).encode()])

    def close(self) -> None:
        """Close it."""
        self._outlet.close()
