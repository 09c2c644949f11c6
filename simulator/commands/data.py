"""`import` and `export`: logs in and out of the house's form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from simulator.commands.account import print_account
from simulator.commands.console import stderr
from simulator.errors import ScenarioError, unknown
from simulator.log.opens import Opens
from simulator.plugins import load_plugins
from simulator.program import program
from simulator.units import parse_duration
from simulator.windows import Windows

if TYPE_CHECKING:
    from simulator.log.exporters import Exported


def import_log(
    form: str,
    sources: Sequence[Path],
    out: Path,
    *,
    opens: Opens | None,
    attribution: str | None,
    observed_until: str | None = None,
    mapping: Path | None = None,
    common: Sequence[Path] = (),
    fields: Literal["18", "23"] | None = None,
    min_count: int | None = None,
    by: Path | None = None,
    on_bad_row: Literal["quarantine", "fail"],
    most_bad: float | None = None,
    replace: bool,
) -> None:
    """Import a public log, or files by a mapping (``by``), and print what was read, kept and put aside.

    Raises
    ------
    ScenarioError, UsageError : an option is wrong, or the source is not what it claims to be.
    LogError : nothing of the source can be replayed.
    """
    from simulator.log import importers
    from simulator.log.formats import format_names
    from simulator.log.intake import imports

    window = None if attribution is None else duration("--attribution", attribution)
    load_plugins((), [Path.cwd()])
    own = [form] if ":" in form and importers.IMPORTERS.find(form) else []
    known = (*importers.IMPORTERS, *format_names(), *imports.PLAIN, *own)
    if form not in known:
        raise ScenarioError(unknown("format", form, known))
    if (form in imports.PLAIN) != (by is not None):
        raise ScenarioError(
            f"import {form}: needs --map FILE, which says what the columns mean ({program()} init SOURCE writes one)"
            if by is None
            else f"--map goes with {', '.join(imports.PLAIN)}; {form} says itself what its columns mean"
        )
    if mapping is not None and form not in importers.IMPORTERS:
        raise ScenarioError(f"--mapping: {form} takes none; those that do: cascade, trace")
    for option, given in (("--common", common), ("--fields", fields), ("--min-count", min_count)):
        if given not in (None, ()) and form not in importers.IMPORTERS:
            raise ScenarioError(f"{option}: {form} takes none; only ali-ccp does")
    if observed_until is not None and form in importers.IMPORTERS:
        raise ScenarioError(
            f"--observed-until: {form} takes none; its files say until when they were recorded"
        )
    if most_bad is not None and not 0 <= most_bad <= 1:
        raise ScenarioError(f"--most-bad {most_bad:g}: must be a share, from 0 to 1")
    if by is not None:
        meta = imports.import_mapped(
            by,
            sources,
            out,
            attribution=window,
            observed_until=observed_until,
            on_bad_row=on_bad_row,
            most_bad=most_bad,
            replace=replace,
        )
    elif form in importers.IMPORTERS:
        meta = importers.import_log(
            form,
            sources,
            out,
            opens=opens or "view",
            attribution=window,
            mapping=mapping,
            common=common,
            fields=fields,
            min_count=min_count,
            on_bad_row=on_bad_row,
            replace=replace,
        )
    else:
        meta = imports.import_format(
            form,
            sources,
            out,
            opens=opens,
            attribution=window,
            observed_until=observed_until,
            on_bad_row=on_bad_row,
            most_bad=most_bad,
            replace=replace,
        )
    print_account(meta, out)


def duration(option: str, text: str) -> int:
    """Read a duration that was given to an option."""
    try:
        return parse_duration(text.strip())
    except ValueError as error:
        raise ScenarioError(f"{option} {text}: {error}") from None


def export_log(
    log: Path,
    out: Path,
    windows: str | None = None,
    *,
    form: str = "parquet",
    features: str | None = None,
    raw: bool = False,
    test_start: str | None = None,
    replace: bool = False,
) -> Exported:
    """Write a log as one file of a format; ``windows`` is "attribution,refund", ``features`` a list of names.

    Raises
    ------
    ScenarioError : an option cannot be read.
    UsageError : there is no such log or format, its features do not fit the format, or the file exists.
    LogError : the log is damaged.
    """
    from simulator.log.exporters import Asked, export_log

    load_plugins((), [Path.cwd()])
    names = None if features is None else tuple(name.strip() for name in features.split(",") if name.strip())
    start = None if test_start is None else duration("--test-start", test_start)
    return export_log(log, out, form, Asked(_windows(windows), names, raw, start), replace=replace)


def _windows(text: str | None) -> Windows | None:
    if text is None:
        return None
    lengths = [duration("--windows", part) for part in text.split(",")]
    if len(lengths) > 2:
        raise ScenarioError(f"--windows {text}: must be one or two durations, such as 3d or 3d,7d")
    return Windows(attribution=lengths[0], refund=lengths[-1])


def print_export(exported: Exported) -> None:
    """Print where the file is; to stderr, what it could not carry and which feature went into which column."""
    print(exported.path)
    console = stderr()
    renamed = {column: feature for column, feature in exported.placed.items() if column != feature}
    if renamed:
        told = ", ".join(f"{column} = {feature}" for column, feature in renamed.items())
        console.print(f"{exported.rows:,} rows; features: {told}", soft_wrap=True)
    for what, count in exported.left_out.items():
        console.print(f"left out: {count:,} {what}", soft_wrap=True)
