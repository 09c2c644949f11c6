"""Work that several processes need is done by one of them; the others wait, and find it done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def alone(cache: Path, name: str) -> Iterator[None]:
    """Hold the right to read or make what ``cache`` has by a name, against every thread and process that sees the disk.

    It ends with the process, however that ends. The lock's empty file stays in ``locks/``: were it removed, somebody who waits
    for it and somebody who makes a new one would both go on. A cache that cannot be written is only read: nobody waits.
    """
    from filelock import FileLock

    lock = FileLock(cache / "locks" / f"{name}.lock")
    with suppress(OSError):
        (cache / "locks").mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
