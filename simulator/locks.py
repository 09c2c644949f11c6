"""Work that several processes need is done by one of them; the others wait, and find it done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simulator.errors import LogError


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Hold the right to make ``place`` against every process and thread, on whatever machine sees the disk.

    It ends with the process, however that ends. The lock's empty file stays: were it removed, somebody who waits for it and
    somebody who makes a new one would both go on.

    Raises
    ------
    LogError : the folder cannot be written.
    """
    from filelock import FileLock

    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place.with_name(f".{place.name}.lock"))
        lock.acquire()
    except OSError as error:
        raise LogError(f"{place.parent}: cannot be written ({error.strerror})") from None
    try:
        yield
    finally:
        lock.release()
