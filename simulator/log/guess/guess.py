"""From files to a draft, a plan and the text of a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from simulator.errors import UsageError
from simulator.log.guess.clock import Clock, clock_of
from simulator.log.guess.common import clocks_of, pick_time
from simulator.log.guess.draft import Draft
from simulator.log.guess.known import Known, draft_of_format, known_format
from simulator.log.guess.pairs import order_of
from simulator.log.guess.plan import Plan, plan_of
from simulator.log.guess.profile import Profile, profile
from simulator.log.guess.shapes import check_asked, draft_of
from simulator.log.guess.trial import TELLING, Seen, live
from simulator.log.intake.tables import create_rejected, open_table
from simulator.log.sql import workspace
from simulator.units import DAY


@dataclass(frozen=True, slots=True)
class Guess:
    """What files were taken for. ``faults`` say why the draft cannot be read as it stands; ``span`` is in microseconds."""

    draft: Draft
    plan: Plan
    seen: Seen | None
    span: tuple[int, int] | None
    faults: list[str]
    known: Known | None = None


def guess(
    sources: Sequence[str], beside: Path, *, shape: str | None = None, opens: str | None = None
) -> Guess:
    """Look at files, decide what they are, and read them once to see what comes of it.

    Parameters
    ----------
    sources : one file, pattern or folder, or two (clicks and events); several with the same columns are one table.
    beside : where the scenario will be; the work is done on that disk.
    shape, opens : what is known already.

    Raises
    ------
    UsageError, LogError : a file is missing or damaged, or the options do not go with the files.
    """
    with (
        workspace(beside) as con,
        TemporaryDirectory(prefix=f".{beside.name}.trial-", dir=beside.parent) as folder,
    ):
        create_rejected(con)
        profiles = _profiles(con, sources)
        check_asked(len(profiles), shape, opens)
        if len(profiles) == 2:
            profiles = order_of(profiles)
        known = known_format(profiles[0]) if len(profiles) == 1 and shape is None and opens is None else None
        draft = (
            draft_of(con, profiles, shape, opens)
            if known is None
            else draft_of_format(con, profiles[0], known)
        )
        span = _span(con, draft)
        seen: Seen | None = None
        faults: list[str] = []
        if not draft.lacking:
            length = 30 * DAY if span is None else max(span[1] - span[0], 1)
            found = live(con, draft, length, Path(folder))
            if isinstance(found, str):
                faults.append(found)
            else:
                seen = found
                _leave_out(draft, seen)
                _zone_hint(draft, seen)
        if seen is not None:
            origin = int(seen.meta.origin.timestamp()) * 1_000_000
            span = origin + seen.meta.start, origin + seen.meta.observed_until
        plan = plan_of(draft, seen, 30 * DAY if span is None else span[1] - span[0])
        faults += (
            []
            if seen is None or seen.payers
            else ["no click pays: look at kinds, or at the columns of the pays"]
        )
        return Guess(draft, plan, seen, span, faults, known)


def _profiles(con: duckdb.DuckDBPyConnection, sources: Sequence[str]) -> list[Profile]:
    if len(sources) == 1:
        return [profile(con, "touches", sources)]
    if len(sources) == 2:
        first, second = (
            profile(con, key, [source]) for key, source in zip(("clicks", "events"), sources, strict=True)
        )
        if {name.lower() for name in first.columns} != {name.lower() for name in second.columns}:
            return [first, second]
    found = profile(con, "touches", sources)
    if len(sources) > 2:
        _check_alike(con, sources, found)
    return [found]


def _check_alike(con: duckdb.DuckDBPyConnection, sources: Sequence[str], whole: Profile) -> None:
    names = {name.lower() for name in whole.columns}
    for source in sources:
        own = {name.lower() for name in open_table(con, "touches", [source], whole.read).types}
        if own != names and whole.read.unnest is None:
            lacking = ", ".join(sorted(names - own))
            raise UsageError(
                f"{len(sources)} sources are files of one table, but {source} lacks {lacking}; give one source (a "
                "file, pattern or folder), or two: clicks and events"
            )


def _span(con: duckdb.DuckDBPyConnection, draft: Draft) -> tuple[int, int] | None:
    """Return the first and last instant of the column of times; None where none can be read."""
    source = draft.profiles[0]
    entry = draft.columns.get("time")
    clocks: dict[str, Clock] = {}
    if entry is None:
        clocks = clocks_of(con, source)
        found = pick_time(source, clocks)
        name = None if found is None else found.column.name
    else:
        name = str(entry.value)
        clock = clock_of(con, source, source.columns[name])
        clocks = {} if clock is None else {name: clock}
    if name is None or name not in clocks:
        return None
    return clocks[name].first, clocks[name].last


def _leave_out(draft: Draft, seen: Seen) -> None:
    """Leave out features that alone tell payers from others: no click can have known them."""
    source = draft.profiles[0]
    for name, auc in seen.aucs.items():
        told = max(auc, 1 - auc)
        if told <= TELLING or name not in draft.features:
            continue
        reason = f"alone it tells who pays with an AUC of {min(int(told * 1000) / 1000, 0.999):.3f}: looks like a label"
        if name in ("user", "item"):
            draft.unsure.append(f"[data.features] {name}: {reason}; is it known at the click?")
            continue
        entry = draft.features.pop(name)
        kind = entry.value if isinstance(entry.value, str) else str(entry.value["kind"])
        draft.left.append((name, kind, reason))
        draft.take(source, name, f"left out: {reason}")


def _zone_hint(draft: Draft, seen: Seen) -> None:
    """Say which zones the quietest hour of the day speaks for: people sleep at about four."""
    entry = draft.data.get("time_zone")
    if entry is None or seen.quiet is None or seen.meta.clicks < 500 or seen.span < 3 * DAY:
        return
    offset = (4 - seen.quiet + 12) % 24 - 12
    entry.note += f"; fewest clicks come around {seen.quiet:02}:00, and people sleep around 04:00"
    if abs(offset) > 2:
        entry.note += f" (UTC{offset:+d}?)"
