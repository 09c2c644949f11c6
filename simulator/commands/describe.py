"""`validate` and `describe`: what a scenario says, and what its log holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.commands.account import print_account
from simulator.commands.console import stdout, table, warn
from simulator.errors import LogError, ScenarioError
from simulator.parts import Part
from simulator.scenario.lint import lint
from simulator.scenario.load import Loaded
from simulator.scenario.model import Scenario
from simulator.scenario.resolve import describe_keys
from simulator.scenario.sentences import toml_like
from simulator.scenario.ticks import said_of_tick
from simulator.scenario.timeline import Extent, extent_of_world, timeline
from simulator.units import format_duration, parse_duration

if TYPE_CHECKING:
    from simulator.log.meta import Meta


Check = Callable[[Loaded], tuple["Meta", Path, list[str]] | None]
"""Opens the log of a scenario, if it is there; returns its meta, its place and what is doubtful about it."""


def validated(
    loaded: Loaded, warnings: Sequence[str], check: Check, identity: Callable[[Path | None], str]
) -> None:
    """Print that the scenario is valid, and warnings (``warnings`` among them) about what is probably not meant.

    ``identity`` tells its runs from others by the place of its log (None for a world's).

    Raises
    ------
    ScenarioError : a run would not start.
    LogError : its log cannot be read.
    """
    scenario, path = loaded.scenario, None
    try:
        opened = check(loaded)
        if opened is None:
            log = extent_of_world(scenario)
            doubts: list[str] = []
            if log is not None:
                timeline(scenario, log)
        else:
            meta, path, doubts = opened
            log = Extent.of(meta)
            doubts += attribution_doubts(scenario, meta)
            print_account(meta, path)
    except ScenarioError as error:
        told = [
            fault if fault.startswith(f"{loaded.path}:") else f"{loaded.path}: {fault}"
            for fault in error.faults
        ]
        raise ScenarioError(told) from None
    warn([*lint(scenario, log), *warnings, *doubts])
    known = scenario.world is not None or path is not None  # else nobody knows yet what it will read
    named = f", id {identity(path)}-s{scenario.seed}" if known else ""
    methods = f"{len(scenario.method)} method{'s' * (len(scenario.method) != 1)}"
    stdout().print(f"{loaded.path}: valid; {methods}{named}", soft_wrap=True)


def attribution_doubts(scenario: Scenario, meta: Meta) -> list[str]:
    """Warn of a log whose journeys were cut by another window than the scenario's."""
    imported, wanted = meta.provenance.get("attribution"), scenario.windows.attribution
    if not isinstance(imported, str):
        return []
    # Where a purchase opens the journey, a longer import hides later purchases in the journey of the first.
    cut = parse_duration(imported) < wanted or (
        meta.provenance.get("opens") == "purchase" and parse_duration(imported) > wanted
    )
    told = f"windows.attribution is {format_duration(wanted)}, but the log was imported with --attribution {imported}"
    return [f"{told}, so its journeys end there. Import it again with the scenario's."] if cut else []


def _at_rest(scenario: Scenario) -> Extent | None:
    """Return the extent of a scenario's log where it is known without opening files."""
    data = scenario.data
    if data is None or data.path is None or not Path(data.path).exists():
        return extent_of_world(scenario)
    from simulator.log.meta import read_meta

    try:
        return Extent.of(read_meta(Path(data.path)))
    except LogError:
        return None  # said where it is opened


def print_keys(loaded: Loaded) -> None:
    """Print every key of the resolved scenario with its value and where it was written."""
    shown = table(str(loaded.path), "key", "value", "from")
    chosen = said_of_tick(loaded.scenario, _at_rest(loaded.scenario))
    for key, value, origin in describe_keys(loaded):
        shown.add_row(key, chosen if key == "engine.tick" and chosen is not None else value, origin)
    stdout().print(shown)


def print_methods(methods: Mapping[str, Mapping[str, Part | None]]) -> None:
    """Print what each method is composed of, every parameter filled in; parts are given by their key."""
    console = stdout()
    console.print()
    shown = table("methods", "name", *dict.fromkeys(key for parts in methods.values() for key in parts))
    for name, parts in methods.items():
        shown.add_row(name, *("" if part is None else _composed(part) for part in parts.values()))
    console.print(shown)


def print_composed(scenario: Scenario) -> None:
    """Print the methods that serve by others, with their members."""
    rows = [
        (block.label, block.method, toml_like(block.members)) for block in scenario.method if block.members
    ]
    if rows:
        shown = table("methods that serve by others", "name", "method", "members")
        for row in rows:
            shown.add_row(*row)
        stdout().print(shown)


def _composed(part: Part) -> str:
    values = part.model_dump(mode="json").items()
    said = ", ".join(f"{key} = {toml_like(value)}" for key, value in values if value is not None)
    return part.kind + (f" ({said})" if said else "")
