"""The files of a source: found by name, pattern or folder; what each is (Parquet, text, JSON lines), told by its bytes."""

from __future__ import annotations

import csv
import glob
import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from itertools import takewhile
from pathlib import Path
from typing import IO, Any, Literal

import pyarrow as pa

from simulator.errors import UsageError
from simulator.scenario.data import ReadBlock

Form = Literal["parquet", "text", "json"]
SUFFIXES = (".parquet", ".pq", ".csv", ".tsv", ".txt", ".dat", ".psv", ".json", ".jsonl", ".ndjson")
PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_DELIMITERS = (",", "\t", ";", "|")
_HEAD = 1 << 18
WHITESPACE = "whitespace"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: what it is, how it is packed, and for text its delimiter and columns (None: not of text)."""

    path: str
    form: Form
    compression: str = "none"
    delimiter: str = ""
    columns: tuple[str, ...] = ()
    skip: int = 0
    add: tuple[tuple[str, str], ...] = ()
    """Columns that are one value in this file, as text: what the layout adds, and keys of hive folders."""


def find(key: str, patterns: Sequence[str], read: ReadBlock) -> list[SourceFile]:
    """Return the files that ``[data] key`` names, each looked at, in order of the patterns and then of their paths.

    Raises
    ------
    UsageError : there are none, or one is empty, damaged, or of another kind than the rest.
    """
    above: dict[str, int] = {}
    for pattern in patterns:
        for path in _paths(key, pattern, read.only):
            above.setdefault(path, _fixed(pattern))
    found = [look(path, read, named) for path, named in above.items()]
    forms = {file.form for file in found}
    if len(forms) > 1:
        one, other = (next(f.path for f in found if f.form == form) for form in sorted(forms)[:2])
        raise UsageError(f"[data] {key}: {one} and {other} are of different kinds; name files of one kind")
    return found


def _paths(key: str, pattern: str, only: Sequence[str]) -> list[str]:
    if "://" in pattern:
        return [pattern]
    place = Path(pattern)
    if place.is_dir():
        try:
            inside = sorted(
                str(p)
                for p in place.rglob("*")
                if p.is_file() and _is_data(p.relative_to(place)) and _is_meant(p.name, only)
            )
        except OSError as error:
            raise UsageError(f"[data] {key} = {pattern!r}: cannot be read ({error.strerror})") from None
        if not inside:
            named = f" named {' or '.join(only)}" if only else ""
            told = ", ".join(SUFFIXES)
            raise UsageError(
                f"[data] {key} = {pattern!r}: the folder holds no data file{named} ({told}, also .gz, .zst)"
            )
        return inside
    if place.exists():
        return [pattern]
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - the pattern may be absolute
    files = [path for path in found if Path(path).is_file()]
    if not files:
        hint = f"; it names folders, so write {pattern.rstrip('/')}/*" if found else ""
        raise UsageError(f"[data] {key} = {pattern!r}: no such file{hint}")
    return files


def _is_data(path: Path) -> bool:
    name = path.name.lower().removesuffix(".gz").removesuffix(".zst")
    return name.endswith(SUFFIXES) and not any(part.startswith(("_", ".")) for part in path.parts)


def _is_meant(name: str, only: Sequence[str]) -> bool:
    """Tell whether a name, with or without the ending of its packing, is of a pattern; case does not matter."""
    told = name.lower()
    names = {told, told.removesuffix(".gz").removesuffix(".zst")}
    return not only or any(fnmatch(one, pattern.lower()) for one in names for pattern in only)


def _fixed(pattern: str) -> int:
    """Return how many folders of a pattern come before its first wildcard."""
    parts = Path(pattern).parts
    return next((place for place, part in enumerate(parts) if glob.has_magic(part)), len(parts))


def look(path: str, read: ReadBlock, above: int = 0) -> SourceFile:
    """Tell what a file is by its first bytes (a remote one by its name).

    ``above`` counts the folders that were named, not searched: of those, only the last ones in a row are keys
    (``project=x/shop/day=1`` has one), since where a scenario lies says nothing of its log.
    """
    folder_keys = _hive(path, above)
    if "://" in path:
        return replace(_remote(path), add=folder_keys)
    head, compression = _head(path)
    if not head:
        raise UsageError(f"{path}: is empty")
    if head.startswith(b"PAR1"):
        return SourceFile(path, "parquet", add=folder_keys)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UsageError(f"{path}: is UTF-16 text; save it as UTF-8")
    if head.startswith(b"PK\x03\x04"):
        raise UsageError(
            f"{path}: is a zip archive (or an .xlsx workbook); unpack it, or save it as CSV, first"
        )
    suffix = Path(path.removesuffix(".gz").removesuffix(".zst")).suffix.lower()
    if suffix in (".parquet", ".pq"):
        raise UsageError(f"{path}: cannot be read as Parquet (it does not start like it)")
    text = head.decode("utf-8-sig", "replace")
    if not text.strip():
        raise UsageError(f"{path}: is empty")
    if suffix in (".json", ".jsonl", ".ndjson") or text.lstrip().startswith("{"):
        if text.lstrip().startswith("["):
            raise UsageError(f"{path}: is one JSON array; write one object a line (JSON lines)")
        return SourceFile(path, "json", compression, add=folder_keys)
    return _text(SourceFile(path, "text", compression, add=folder_keys), text, read)


def _remote(path: str) -> SourceFile:
    if not path.lower().split("?")[0].endswith((".parquet", ".pq")) and "*" not in path:
        raise UsageError(f"{path}: remote files are read as Parquet alone; copy others here first")
    return SourceFile(path, "parquet")


def _hive(path: str, above: int) -> tuple[tuple[str, str], ...]:
    from urllib.parse import unquote

    folders = Path(path).parts[:-1]
    named = list(takewhile(lambda part: "=" in part, reversed(folders[:above])))
    parts = (part.partition("=") for part in (*reversed(named), *folders[above:]) if "=" in part)
    return tuple((key, unquote(value)) for key, _, value in parts if key)


def _head(path: str) -> tuple[bytes, str]:
    """Return the first bytes, unpacked, and how the file is packed."""
    try:
        with Path(path).open("rb") as file:
            magic = file.read(4)
            file.seek(0)
            compression = next((name for mark, name in PACKED.items() if magic.startswith(mark)), "none")
            for suffix, name in ((".gz", "gzip"), (".zst", "zstd")):
                if path.endswith(suffix) and compression != name and magic:
                    raise UsageError(f"{path}: is named {suffix} but is not {name}")
            return bytes(unpacked(file, compression).read(_HEAD)), compression
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        raise UsageError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None


def unpacked(file: IO[bytes], compression: str) -> Any:
    """Return a file as it was before it was packed."""
    if compression == "gzip":
        return gzip.GzipFile(fileobj=file)
    if compression == "zstd":
        return io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd"))
    return file


def _text(file: SourceFile, text: str, read: ReadBlock) -> SourceFile:
    """Find the delimiter and the columns of a text file from its first lines."""
    line = text.replace("\r", "\n").lstrip("\n").split("\n", 1)[0]
    part = next((p for p in read.parts if _is_meant(Path(file.path).name, (p.match,))), None)
    names = part.names if part is not None and part.names else read.names
    add = file.add if part is None else (*file.add, *((k, _plain(v)) for k, v in part.add.items()))
    delimiter = read.delimiter or max(
        _DELIMITERS, key=lambda mark: (line.count(mark), -_DELIMITERS.index(mark))
    )
    cells = line.split() if delimiter == WHITESPACE else next(csv.reader([line], delimiter=delimiter[:1]))
    if delimiter != WHITESPACE and len(delimiter) != 1:
        raise UsageError(f'[data.read] delimiter = {delimiter!r}: must be one character, or "whitespace"')
    if not names and not read.header:
        names = tuple(f"column{k}" for k in range(len(cells)))
    if names:
        if len(cells) != len(names):
            told = ", ".join(names)
            raise UsageError(
                f"{file.path}: its first line has {len(cells)} columns; [data.read] names {len(names)} ({told})"
            )
        return replace(file, delimiter=delimiter, columns=tuple(names), add=add)
    names = tuple(cell.strip() for cell in cells)
    lowered = [name.lower() for name in names]
    if twice := next((name for name in names if lowered.count(name.lower()) > 1), None):
        raise UsageError(
            f"{file.path}: its first line names {twice!r} twice; rename one, or name all by [data.read] names"
        )
    if "" in names:
        raise UsageError(
            f"{file.path}: column {names.index('') + 1} has no name in the first line; give it one"
        )
    return replace(file, delimiter=delimiter, columns=names, skip=1, add=add)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
