"""Rows of an embedding table that several models read and none writes: as drawn at first, and as pre-training left them."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol
from weakref import WeakValueDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from simulator.log.schema import Bool, Int32, Int64

Float32 = NDArray[np.float32]

PART = 65_536
"""Rows drawn at a time. torch draws normal numbers by sixteens, so that parts of whole sixteens are what one draw gives."""
SIXTEEN = 16
SPOOLED = 2**25
"""Bytes of initial rows from which on they lie in a file: most are hardly ever read again once pre-training is over."""


@dataclass(frozen=True, eq=False, slots=True)
class Initial:
    """Rows before the first step, N(0, deviation squared), drawn when somebody wants them.

    Parameters
    ----------
    count, width : how many rows, of how many numbers.
    state : of the generator that draws them.
    """

    count: int
    width: int
    deviation: float
    state: Tensor

    @property
    def identity(self) -> str:
        """A hash of all that makes them what they are."""
        told = hashlib.blake2b(self.state.numpy().tobytes(), digest_size=16)
        told.update(repr((self.count, self.width, self.deviation)).encode())
        return told.hexdigest()

    def generator(self) -> Generator:
        """Return a generator that is about to draw them."""
        generator = Generator()
        generator.set_state(self.state)
        return generator

    def fill(self, out: Tensor) -> None:
        """Draw all rows into ``out``, shape (count, width)."""
        out.normal_(0, self.deviation, generator=self.generator())

    def parts(self, generator: Generator | None = None) -> Iterator[tuple[int, Float32]]:
        """Yield all rows by parts, each with the place of its first row; a part is good until the next."""
        generator, begin = generator or self.generator(), 0
        room = torch.empty(min(PART + SIXTEEN, self.count), self.width)
        while begin < self.count:
            few = self.count - begin < PART + SIXTEEN  # fewer than sixteen numbers are drawn in another way
            part = room[: self.count - begin if few else PART]
            part.normal_(0, self.deviation, generator=generator)
            yield begin, part.numpy()
            begin += len(part)

    def drawn_by(self, generator: Generator) -> None:
        """Leave a generator as drawing all rows leaves it, for whatever it draws next."""
        generator.set_state(_after(self.count, self.width, self.state.numpy().tobytes()))


@lru_cache(16)
def _after(count: int, width: int, state: bytes) -> Tensor:
    initial = Initial(count, width, 1.0, torch.frombuffer(bytearray(state), dtype=torch.uint8))
    generator = initial.generator()
    for _ in initial.parts(generator):
        pass
    return generator.get_state()


class Below:
    """What a model's own rows lie over; many models read it.

    Parameters
    ----------
    identity : of models with equal ones, equal rows lie below.
    shape : how many rows there are, of how many numbers.
    parts : all rows, by parts in their order (`Initial.parts`); those that pre-training moved are left out.
    rows : the rows that it moved; default: none.
    moved : what they are now, by name: "weight", shape (len(rows), width), and what its optimiser keeps of each.
    folder : where the others are put into a file that is nowhere to be seen, if they are many; None: they stay in memory.
    """

    def __init__(
        self,
        identity: str,
        shape: tuple[int, int],
        parts: Iterable[tuple[int, Float32]],
        rows: Int32 | None = None,
        moved: Mapping[str, Float32] | None = None,
        folder: Path | None = None,
    ) -> None:
        rows = np.empty(0, np.int32) if rows is None else rows
        self.identity, self.rows, self.moved = identity, rows, moved or {}
        count, width = shape
        stays = np.ones(count, bool)
        stays[rows] = False
        self._place: Int32 | None = None
        if len(rows):
            self._place = np.empty(count, np.int32)
            self._place[rows] = np.arange(len(rows), dtype=np.int32)
            self._place[stays] = -1 - np.arange(count - len(rows), dtype=np.int32)
        self._others = _kept(parts, stays, width, folder)

    def take(self, rows: Int64) -> Float32:
        """Return some rows, shape (len(rows), width)."""
        if self._place is None:
            return self._others.take(rows, 0)
        place = self._place[rows]
        values = self.moved["weight"].take(np.maximum(place, 0), 0)
        drawn = np.flatnonzero(place < 0)
        if len(drawn):
            values[drawn] = self._others.take(-1 - place[drawn], 0)
        return values

    def kept(self, name: str, rows: Int64) -> Float32 | None:
        """Return what the optimiser of pre-training keeps of some rows, 0 where it never met them; None if of none."""
        if self._place is None or name not in self.moved:
            return None
        place = self._place[rows]
        values = self.moved[name].take(np.maximum(place, 0), 0)
        values[place < 0] = 0
        return values


def _kept(parts: Iterable[tuple[int, Float32]], stays: Bool, width: int, folder: Path | None) -> _Rows:
    """Return the rows that stay as they were drawn: in memory, or in a file without a name."""
    shape = int(np.count_nonzero(stays)), width
    chosen = (part[stays[begin : begin + len(part)]] for begin, part in parts)
    if folder is not None and 4 * shape[0] * width >= SPOOLED:
        return Spool(chosen, shape, folder)
    values, begin = np.empty(shape, np.float32), 0
    for part in chosen:
        values[begin : begin + len(part)] = part
        begin += len(part)
    return values


class _Rows(Protocol):
    def take(self, indices: Int64 | Int32, axis: int, /) -> Float32: ...


class Spool:
    """Rows in a file that goes when nobody has it any more; those that somebody asked for are in memory from then on.

    Mapping the file would bring sixteen pages for every row that is asked for, which is soon all of it.
    """

    def __init__(self, parts: Iterable[Float32], shape: tuple[int, int], folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - open as long as it is read
        for part in parts:
            self._file.write(part.data)
        self._file.flush()
        self._slot = np.zeros(shape[0], np.int32)
        self._read = np.empty((shape[0] + 1, shape[1]), np.float32)  # takes memory once it is used
        self._count = 0
        self._reading = threading.Lock()

    def take(self, indices: Int64 | Int32, axis: int, /) -> Float32:
        """Return some rows; ``axis`` is 0, as of an array that is asked so."""
        slots = self._slot.take(indices)
        if not slots.all():
            self._fetch(indices[slots == 0])
            slots = self._slot.take(indices)
        return self._read.take(slots, axis)

    def _fetch(self, indices: Int64 | Int32) -> None:
        with self._reading:
            fresh = np.unique(indices[self._slot.take(indices) == 0])
            for slot, index in enumerate(fresh.tolist(), self._count + 1):
                row = self._read[slot]
                self._file.raw.seek(index * row.nbytes)
                self._file.raw.readinto(row)
            self._slot[fresh] = np.arange(self._count + 1, self._count + 1 + len(fresh), dtype=np.int32)
            self._count += len(fresh)


_SHARED: WeakValueDictionary[str, Below] = WeakValueDictionary()
_LOCKS: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
_GUARD = threading.Lock()


def shared(identity: str, make: Callable[[], Below]) -> Below:
    """Return the rows of that identity, made unless some model of the process has them."""
    with _GUARD:
        lock = _LOCKS[identity]
    with lock:
        found = _SHARED.get(identity)
        if found is None:
            found = _SHARED[identity] = make()
        return found
