"""`describe` and `fit`: the log behind a name (a scenario's, or a directory), its fact sheet, its likeness to a preset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.calendar import Calendar, Promotion
from simulator.clock import Clock
from simulator.commands.account import print_account
from simulator.commands.console import stdout
from simulator.commands.data import duration
from simulator.errors import ScenarioError, unknown
from simulator.scenario.moments import instant_of, parse_moment
from simulator.store import Location
from simulator.units import DAY
from simulator.windows import Windows

if TYPE_CHECKING:
    from rich.console import Console

    from simulator.scenario.model import Scenario
    from simulator.worlds.targets import Targets


OBSERVATION = DAY // 100
"""The observation window of a log that no scenario speaks of: a hundredth of a day, as in CASCADE."""


@dataclass(frozen=True, slots=True)
class Described:
    """A log at rest with what it takes to describe it; ``preset`` names the published facts to compare it with."""

    path: Location
    windows: Windows
    calendar: Calendar
    observation: int
    preset: str | None = None

    @classmethod
    def of_scenario(cls, scenario: Scenario, path: Path) -> Described:
        """Describe the log of a scenario by the scenario's own windows and calendar."""
        from simulator.log.meta import read_meta

        preset = None if scenario.world is None else scenario.world.preset
        windows = scenario.windows
        return cls(
            path, windows.windows(), scenario.calendar(read_meta(path).clock), windows.observation, preset
        )

    @classmethod
    def of_log(cls, path: Location, windows: str | None, promotions: Sequence[str]) -> Described:
        """Describe the log in a directory.

        ``windows`` is "attribution" or "attribution,refund" (default: the attribution it was imported with, or 3d);
        ``promotions`` are written START..END, such as 20d..21d or 2025-11-11..2025-11-12.

        Raises
        ------
        ScenarioError : an option cannot be read.
        LogError : there is no log.
        """
        from simulator.log.meta import read_meta

        meta = read_meta(path)
        imported = meta.provenance.get("attribution")
        text = windows or (imported if isinstance(imported, str) else "3d")
        lengths = [duration("--windows", part) for part in text.split(",")]
        if len(lengths) > 2 or not lengths[0]:
            raise ScenarioError(f"--windows {text}: must be one or two durations, such as 3d or 3d,7d")
        calendar = Calendar.of(
            [_promotion(i, word, meta.clock) for i, word in enumerate(promotions, start=1)], meta.clock
        )
        return cls(path, Windows(lengths[0], lengths[-1]), calendar, min(OBSERVATION, lengths[0]))


def _promotion(number: int, word: str, clock: Clock) -> Promotion:
    first, dots, last = word.partition("..")
    if not dots:
        raise ScenarioError(
            f"--promotion {word}: must be START..END from the log's origin, such as 20d..21d, or by date, "
            "such as 2025-11-11..2025-11-12"
        )
    try:
        start, end = (instant_of(parse_moment(part), clock) for part in (first, last))
    except ValueError as error:
        raise ScenarioError(f"--promotion {word}: {error}") from None
    if end <= start:
        raise ScenarioError(f"--promotion {word}: must end after it starts")
    return Promotion(f"promotion-{number}", start, end)


def print_log(described: Described, *, fit: bool, against: str | None) -> None:
    """Print the fact sheet of a log; with ``fit`` (or ``against`` a preset) only how it compares with published facts.

    Raises
    ------
    ScenarioError : there is no preset to compare with, or none of that name.
    """
    targets = _targets(described, against) if fit or against is not None else None
    from simulator.log.facts import fact_sheet, facts_table, phase_facts, sheet_tables
    from simulator.log.feature_checks import feature_doubts
    from simulator.log.reader import Log

    log, console = Log.open(described.path), stdout()
    if targets is None:
        print_account(log.meta, log.path)
    sheet = fact_sheet(log, described.windows, described.calendar, intervals=targets is not None)
    if targets is not None:
        from simulator.worlds.targets.compare import fit_table, verdict_line

        table, notes = fit_table(targets, sheet)
        console.print(table)
        for note in notes:
            console.print(note)
        console.print(verdict_line(targets, sheet), soft_wrap=True)
        return
    phases = phase_facts(log, described.windows, described.calendar, observation=described.observation)
    _apart(console, facts_table(phases, "phases"), *sheet_tables(sheet))
    for doubt in feature_doubts(
        log, described.windows, end=log.meta.observed_until - described.windows.lifetime
    ):
        console.print()
        console.print(doubt.message, soft_wrap=True)


def _apart(console: Console, *tables: object) -> None:
    for table in tables:
        console.print()
        console.print(table)


def _targets(described: Described, against: str | None) -> Targets:
    from simulator.worlds.targets import TARGETS

    name = against or described.preset
    if name is None:
        raise ScenarioError(
            f"--fit: only a world has a preset; choose one with --against: {', '.join(TARGETS)}"
        )
    if name not in TARGETS:
        raise ScenarioError(unknown("preset", name, TARGETS))
    return TARGETS[name]
