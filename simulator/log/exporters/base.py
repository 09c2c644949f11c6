"""What an exporter is, and the way from a log to a file that all of them share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from simulator.atomic import put_in_place, written_whole
from simulator.errors import LogError, UsageError, unknown
from simulator.log.meta import FILE, Meta
from simulator.log.reader import Log
from simulator.log.schema import Feature
from simulator.log.sql import identifier, literal, one_line, workspace
from simulator.plugins import Family
from simulator.windows import Windows


@dataclass(frozen=True, slots=True)
class Asked:
    """What an exporter is asked for.

    Parameters
    ----------
    windows : pays and refunds outside them are left out; None: the format's own windows.
    features : names of the features to write; None: all of them.
    raw : the raw form of a format that has a raw and a processed one.
    test_start : where the test part begins, microseconds from the origin (formats with one); None: where the log says that
        the test file of its source did, if it does.
    """

    windows: Windows | None = None
    features: tuple[str, ...] | None = None
    raw: bool = False
    test_start: int | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the rows, what the format could not carry, and the feature in each of its columns."""

    path: Path
    rows: int
    left_out: dict[str, int] = field(default_factory=dict)
    placed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """A query whose rows, in their order, are the file; with what it leaves out and where features went.

    A format of several ``files`` has a query of each, by name; they go into a folder.
    """

    query: str
    left_out: dict[str, int] = field(default_factory=dict)
    placed: dict[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exporter:
    """One file format.

    Parameters
    ----------
    file : name of the file where only a directory is named.
    suffixes : endings by which a path is taken for the file itself.
    write : given a connection with the views ``click``, ``event`` and, with ``files``, ``impression`` (the columns
        of the contract), what the log says of itself and what was asked for: make the query of the file, or of each.
    text : lines parted by ``delimiter`` (else Parquet), with names in the first line if ``header``.
    files : names in the folder of a format of what was shown (impressions); other formats have one file.
    """

    format: str
    description: str
    file: str
    suffixes: tuple[str, ...]
    write: Callable[[duckdb.DuckDBPyConnection, Meta, Asked], Written]
    text: bool = True
    header: bool = False
    raw: bool = False
    delimiter: str = "\t"
    files: tuple[str, ...] = ()


EXPORTERS: Family[Exporter] = Family("exporter", "exporters", "simulator.log.exporters", Exporter)
TEXT = (".txt", ".tsv", ".csv", ".gz")


def export_log(
    log: Path,
    out: Path,
    format: str = "parquet",  # noqa: A002 - the word of the command line
    asked: Asked | None = None,
    *,
    replace: bool = False,
) -> Exported:
    """Write the log in ``log`` as the file of a format, or the folder of its files; it appears whole or not at all.

    Parameters
    ----------
    out : the file, or a directory for a file of the format's usual name (``.gz`` packs text); or the folder.

    Raises
    ------
    UsageError
        If there is no such log or format, the features of the log do not go into the format's columns, or the file
        exists and ``replace`` is not set.
    LogError
        If the log is damaged, or the file cannot be written.
    """
    if format not in EXPORTERS:
        raise UsageError(unknown("format", format, EXPORTERS))
    exporter, asked = EXPORTERS[format], asked or Asked()
    if asked.raw and not exporter.raw:
        raise UsageError(f"{format}: has no raw form; leave --raw out")
    if not (log / FILE).is_file():
        raise UsageError(f"{log}: is no log" if log.exists() else f"{log}: no such log")
    meta = Log.open(log).meta
    target = _target(exporter, log, meta, out, asked, replace=replace)
    made = not target.parent.exists()
    try:
        with workspace(target) as con:
            _make_views(con, log)
            written = exporter.write(con, meta, asked)
            rows = _write_folder(con, exporter, written, target) if exporter.files else 0
            if not exporter.files:
                with written_whole(target) as partial:
                    packed = target.suffix == ".gz"
                    [(rows,)] = con.execute(_copy(exporter, written.query, partial, packed=packed)).fetchall()
    except duckdb.Error as error:
        raise LogError(f"{log}: cannot be exported ({one_line(error)})") from None
    finally:
        if made and not target.exists():
            with suppress(OSError):
                target.parent.rmdir()
    left_out = {what: count for what, count in written.left_out.items() if count}
    return Exported(target, int(rows), left_out, written.placed)


def _target(exporter: Exporter, log: Path, meta: Meta, out: Path, asked: Asked, *, replace: bool) -> Path:
    """Return the file or folder to write, which is free or may be replaced."""
    name = exporter.format
    if exporter.files and not meta.impressions:
        raise UsageError(f"{log}: does not say what was shown, and {name} is a format of impressions")
    if asked.test_start is not None and not exporter.files:
        raise UsageError(f"{name}: has no test part; leave --test-start out")
    whole = exporter.files or (out.suffix in exporter.suffixes and not out.is_dir())
    target = out if whole else out / exporter.file
    if target.exists() and not replace:
        raise UsageError(
            f"{target}: exists already; choose another {'folder' if exporter.files else 'file'}, or say --replace"
        )
    if target.is_dir() and not exporter.files:
        raise UsageError(f"{target}: is a directory; choose another file")
    if exporter.files and target.exists():
        other = {path.name for path in target.iterdir()} if target.is_dir() else {target.name}
        if other := other - set(exporter.files):
            raise UsageError(
                f"{target}: holds {min(other)!r}, which is no file of {name}; choose another folder"
            )
    return target


def _write_folder(con: duckdb.DuckDBPyConnection, exporter: Exporter, written: Written, target: Path) -> int:
    """Write the files of a format into a folder that takes the place of ``target``; return their lines."""
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        lines = 0
        for name, query in written.files.items():
            [(rows,)] = con.execute(_copy(exporter, query, partial / name, packed=False)).fetchall()
            lines += int(rows)
        put_in_place(partial, target)
    except OSError as error:
        raise LogError(f"{target}: cannot be written ({error.strerror})") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return lines


def _copy(exporter: Exporter, query: str, path: Path, *, packed: bool) -> str:
    if not exporter.text:
        return f"COPY ({query}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
    return (
        f"COPY ({query}) TO {literal(str(path))} (FORMAT csv, DELIMITER {literal(exporter.delimiter)}, QUOTE '', ESCAPE '', "
        f"HEADER {exporter.header}, NULLSTR '', COMPRESSION {'gzip' if packed else 'none'})"
    )


def _make_views(con: duckdb.DuckDBPyConnection, log: Path) -> None:
    """Make ``click`` and ``event`` of the files; a log may have no event at all."""
    for view, folder in (("click", "clicks"), ("event", "events"), ("impression", "impressions")):
        files = sorted((log / folder).glob("*.parquet"))
        listed = ", ".join(literal(str(file)) for file in files)
        if not files and view == "impression":
            continue
        source = f"read_parquet([{listed}], hive_partitioning = false)" if files else _NO_EVENTS
        con.execute(f"CREATE VIEW {view} AS SELECT * FROM {source}")


_NO_EVENTS = (
    "(SELECT 0::BIGINT AS event_id, 0::BIGINT AS click_id, 0::BIGINT AS time, '' AS kind, 0.0::DOUBLE AS amount, "
    "0::BIGINT AS click_row WHERE false)"
)


def chosen(meta: Meta, names: Sequence[str] | None) -> dict[str, int]:
    """Return the features to write, with their cardinalities.

    Raises
    ------
    UsageError
        If the log has no such feature, one is named twice, or is of tags: these formats have one id in a column.
    """
    features = chosen_features(meta, names)
    if tags := [feature.name for feature in features if feature.tags]:
        others = ",".join(feature.name for feature in features if not feature.tags)
        raise UsageError(
            f"feature {tags[0]!r} holds several tags a click, and this format has one id in a column; leave it out "
            f"(--features {others or 'NAME,...'}), or export as parquet"
        )
    return {feature.name: feature.cardinality for feature in features}


def chosen_features(meta: Meta, names: Sequence[str] | None) -> list[Feature]:
    """Return the features to write.

    Raises
    ------
    UsageError
        If the log has no such feature, or one is named twice.
    """
    if names is None:
        return list(meta.features)
    sizes = {feature.name: feature for feature in meta.features}
    faults = [unknown("feature", name, sizes) for name in names if name not in sizes]
    faults += [f"--features names {name} twice" for k, name in enumerate(names) if name in names[:k]]
    if faults:
        raise UsageError("\n".join(faults))
    return [sizes[name] for name in names]


def column(feature: str) -> str:
    """SQL for a feature of ``click``."""
    return f"click.{identifier(feature)}"
