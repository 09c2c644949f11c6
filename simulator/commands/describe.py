"""`validate` and `describe`: what a scenario says, and what its log holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from simulator.commands.console import stdout, table, warn
from simulator.errors import LogError, ScenarioError
from simulator.scenario.lint import Span, lint, span_of_world
from simulator.scenario.load import Loaded
from simulator.scenario.resolve import config_hash, describe_keys
from simulator.scenario.timeline import timeline


def validated(loaded: Loaded) -> None:
    """Print that the scenario is valid, and warnings about what is probably not meant.

    Raises
    ------
    ScenarioError : the stream does not fit on the log.
    """
    scenario = loaded.scenario
    span, wrong = span_of(loaded)
    span = span_of_world(scenario) or span
    if span is not None:
        try:
            timeline(scenario, span.start, span.observed_until)
        except ScenarioError as error:
            raise ScenarioError([f"{loaded.path}: {fault}" for fault in error.faults]) from None
    warn([*lint(scenario, span), *wrong])
    stdout().print(
        f"{loaded.path}: valid; {len(scenario.method)} methods, id {config_hash(scenario)}-s{scenario.seed}",
        soft_wrap=True,
    )


def span_of(loaded: Loaded) -> tuple[Span | None, list[str]]:
    """Return which time the scenario's log spans (``None``: not known), and what is wrong with it."""
    data = loaded.scenario.data
    if data is None or data.path is None or not Path(data.path).exists():
        return None, []
    from simulator.log.meta import read_meta  # noqa: PLC0415 - only scenarios on data need it

    try:
        meta = read_meta(Path(data.path))
    except LogError as error:
        return None, [f"this scenario cannot run: {error}"]
    return Span(meta.start, meta.observed_until), []


def print_keys(loaded: Loaded) -> None:
    """Print every key of the resolved scenario with its value and where it was written."""
    shown = table(
        f"{loaded.path} ({config_hash(loaded.scenario)}-s{loaded.scenario.seed})", "key", "value", "from"
    )
    for key, value, origin in describe_keys(loaded):
        shown.add_row(key, value, origin)
    stdout().print(shown)


def print_facts(loaded: Loaded, open_data: Callable[[Loaded], Path]) -> None:
    """Open (or generate) the log and print what is in it, phase by phase."""
    from simulator.log.facts import facts_table, phase_facts  # noqa: PLC0415 - loads DuckDB
    from simulator.log.reader import Log  # noqa: PLC0415

    log = Log.open(open_data(loaded))
    scenario = loaded.scenario
    facts = phase_facts(
        log, scenario.windows.windows(), scenario.calendar(), observation=scenario.windows.observation
    )
    console = stdout()
    console.print()
    console.print(facts_table(facts))
