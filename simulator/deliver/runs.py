"""What slices deliver, as it goes from one process to another: sorted runs of samples in Arrow files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from simulator.samples import CAUSE, Samples
from simulator.store import Location, sink


@dataclass(slots=True)
class Run:
    """What a slice delivered in segments that others share in: in its total order, no piece in two segments.

    ``roles`` are names of the codes in its file: codes count by first use, so that each file has its own.
    """

    path: Location
    number: int
    carries: dict[str, str]
    pieces: list[tuple[int, int]] = field(default_factory=list)
    """Segment of each piece, and an instant before which all of it is visible."""
    roles: tuple[str, ...] = ()
    alone: dict[int, int] = field(default_factory=dict)
    """Rows of the segments that its slice wrote by itself."""

    @property
    def segments(self) -> set[int]:
        """Return the segments of which it has samples."""
        return {segment for segment, _ in self.pieces}

    def of_segment(self, segment: int) -> Iterator[Samples]:
        """Yield the pieces of a segment, in their order."""
        places = [k for k, (of, _) in enumerate(self.pieces) if of == segment]
        if not places:
            return
        path = self.path
        with (
            pa.memory_map(str(path)) if isinstance(path, Path) else path.open("rb") as source,
            pa.ipc.open_file(source) as file,
        ):
            for place in places:
                yield self._samples(file.get_batch(place))

    def _samples(self, batch: pa.RecordBatch) -> Samples:
        columns = dict(zip(batch.schema.names, (c.to_numpy() for c in batch.columns), strict=True))
        columns["features"] = np.empty((batch.num_rows, 0), np.int32)
        made = Samples.from_arrays(columns)
        made.carried = {name: columns[name] for name in (*self.carries, *CAUSE)}
        made.roles = self.roles
        return made


class RunFile:
    """The file of a run that is being written."""

    def __init__(self, path: Location, number: int, carries: Mapping[str, str]) -> None:
        self.run = Run(path, number, dict(carries))
        types = {name: kind for name, kind in Samples.types().items() if name != "features"}
        own = {name: np.dtype(kind) for name, kind in {**carries, **CAUSE}.items()}
        self._schema = pa.schema(
            [pa.field(name, pa.from_numpy_dtype(kind)) for name, kind in (types | own).items()]
        )
        self._sink = sink(path)
        self._file = pa.ipc.new_file(self._sink, self._schema)

    def write(self, segment: int, until: int, samples: Samples) -> None:
        """Append samples of a segment, all visible before ``until``."""
        if len(samples):
            columns = [pa.array(samples.column(name)) for name in self._schema.names]
            self._file.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._schema))
            self.run.pieces.append((segment, until))
            self.run.roles = samples.roles

    def close(self) -> None:
        """Finish the file."""
        self._file.close()
        self._sink.close()
