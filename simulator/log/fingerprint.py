"""What identifies the content of a log, cheaply: its files' names, sizes and Parquet footers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from simulator.errors import LogError
from simulator.store import Location

FOLDERS = ("clicks", "events", "truth", "impressions", "exposure")
_TAIL = 8  # four bytes: length of the footer; four bytes: "PAR1"


def footer(path: Location) -> bytes:
    """Return the footer of a Parquet file: schema, and per row group the sizes and extremes of every column.

    Raises
    ------
    LogError
        If the file is missing, truncated or no Parquet file.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL))
            tail = file.read(_TAIL)
            length = int.from_bytes(tail[:4], "little")
            if tail[4:] != b"PAR1" or length + _TAIL > size:
                raise LogError(f"{path}: is not a whole Parquet file (cut short, or not Parquet)")
            file.seek(size - _TAIL - length)
            return file.read(length)
    except OSError as error:
        raise LogError(f"{path}: cannot be read ({error.strerror})") from None


def fingerprint(root: Location, files: Iterable[str]) -> str:
    """Return the SHA-256 (hex) over the sorted ``files``, paths relative to ``root``."""
    digest = hashlib.sha256()
    for name in sorted(files):
        path = root / name
        content = footer(path)
        digest.update(f"{name}\0{_size(path)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def parquet_files(root: Location) -> list[str]:
    """List the Parquet files of a log by their path relative to ``root``, sorted."""
    return sorted(f"{folder}/{path.name}" for folder in FOLDERS for path in (root / folder).glob("*.parquet"))


def etags(root: Location) -> str:
    """Return a digest of what an object store says of the content of a log's files; empty for a log on a disk."""
    if isinstance(root, Path):
        return ""
    told = "\n".join(f"{name} {(root / name).etag()}" for name in parquet_files(root))
    return hashlib.sha256(told.encode()).hexdigest()


def _size(path: Location) -> int:
    return path.stat().st_size if isinstance(path, Path) else path.size()
