"""Files that grow: records are read from them, samples are appended to them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path

from simulator.errors import LogError
from simulator.live.seam import END, Piece, Reached

_PIECE = 1 << 21
"""Bytes that are read at a time."""


class FileInlet:
    """A file of lines, one partition; positions are bytes. A last line that is not whole is waited for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise LogError(f"{path}: cannot be read ({error.strerror})") from None
        self.partitions = (path.name,)
        self._at, self._rest = 0, b""

    def begin(self, positions: Mapping[str, int]) -> None:
        self._at = positions.get(self._path.name, 0)
        if self._at > self._path.stat().st_size:
            raise LogError(
                f"{self._path}: is shorter than it was when it was listened to; what was read is needed again"
            )
        self._file.seek(self._at)
        self._rest = b""

    def read(self, wait: float) -> dict[str, Piece]:
        piece = self._file.read(_PIECE)
        if not piece:
            time.sleep(wait)
            return {}
        *lines, self._rest = (self._rest + piece).split(b"\n")
        return self._given(lines, 1)

    def last(self) -> dict[str, Piece]:
        """Return the last line, if no newline ends it: nothing comes any more."""
        rest, self._rest = self._rest, b""
        return self._given([rest] if rest.strip() else [], 0)

    def _given(self, lines: list[bytes], newline: int) -> dict[str, Piece]:
        *positions, self._at = accumulate((len(line) + newline for line in lines), initial=self._at)
        return {self._path.name: Piece(lines, positions, self._at)}

    def behind(self, partition: str) -> bool:
        return False

    def close(self) -> None:
        self._file.close()


class FileOutlet:
    """A file of lines; a last one that is not whole, of a process that was killed, is taken away."""

    parts = 1

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("ab+")
            self._size = self._file.seek(0, os.SEEK_END)
            end = next(self._backwards(), b"")
            if end and not end.endswith(b"\n"):
                self._size -= len(end)
                self._file.truncate(self._size)
        except OSError as error:
            raise LogError(f"{path}: cannot be written ({error.strerror})") from None

    @property
    def fresh(self) -> bool:
        return self._size == 0

    def history(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            yield from file

    def _backwards(self) -> Iterator[bytes]:
        """Yield the lines from the last one on."""
        held, at = b"", self._size
        while at:
            length = min(at, _PIECE)
            at -= length
            self._file.seek(at)
            first, *lines = (self._file.read(length) + held).splitlines(keepends=True)
            yield from reversed(lines)
            held = first
        if held:
            yield held

    def reached(self, part: int) -> Reached:
        return ending(self._backwards())

    def append(self, part: int, lines: Sequence[bytes], places: Sequence[tuple[int, int]] = ()) -> None:
        if lines:
            self._file.write(b"\n".join(lines) + b"\n")
            self._file.flush()

    def close(self) -> None:
        self._file.close()


def ending(backwards: Iterator[bytes]) -> Reached:
    """Find the end of samples that are given from the last one on."""
    last, time, count = b"", -1, 0
    for line in backwards:
        told = json.loads(line)
        if not last:
            last = line
            if END in told:
                continue
        at = told["visible_time"]
        if count and at != time:
            break
        time, count = at, count + 1
    return Reached(time, count, last)
