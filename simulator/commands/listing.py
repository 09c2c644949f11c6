"""`ls`: what can be named in a scenario or on the command line."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable

from rich.console import Console

from simulator.auction.bidders.registry import BIDDERS
from simulator.commands.console import stdout, table, warn
from simulator.commands.scenarios import shipped
from simulator.evaluation.tasks import METRICS, TASKS
from simulator.parts import Part
from simulator.plugins import FAMILIES, troubles
from simulator.scenario.sentences import toml_like
from simulator.units import Microseconds, format_duration

PARTS = ("policies", "objectives", "networks", "recipes", "links", "offsets", "auxiliaries", BIDDERS.plural)
"""Families of what methods are composed of, and who bids for them."""


def listing(kind: str | None, methods: Iterable[tuple[str, str, str, str]]) -> None:
    """Print one listing, or all of them; ``methods`` are rows of name, tasks, description and origin.

    What others bring is listed with where it comes from; what could not be taken in is a warning.
    """
    console = stdout()
    if kind in (None, "scenarios"):
        _print(console, "scenarios", ("file", "title"), shipped())
    if kind in (None, "methods"):
        _print(console, "methods", ("name", "task", "what it is", "from"), methods)
    if kind in (None, "formats"):
        _print(console, "formats", ("format", "shape", "what it reads", "from"), _formats())
    for plural in PARTS:
        if kind in (None, plural):
            family = FAMILIES[plural]
            rows = [
                (name, summary_of(cls), parameters_of(cls), family.origin(name))
                for name, cls in family.items()
            ]
            _print(console, plural, ("name", "what it does", "parameters", "from"), rows)
    for plural, what in (("importers", "what it reads"), ("exporters", "what it writes")):
        if kind in (None, plural):
            importlib.import_module(f"simulator.log.{plural}")  # loads DuckDB
            family = FAMILIES[plural]
            made = [(name, found.description, family.origin(name)) for name, found in family.items()]
            _print(console, plural, ("format", what, "from"), made)
    for plural, module in (("tasks", TASKS), ("metrics", METRICS)):
        if kind in (None, plural):
            told = [(name, found.title, module.origin(name)) for name, found in module.items()]
            _print(console, plural, ("name", "what it is", "from"), told)
    warn(troubles() if kind is None else FAMILIES[kind].troubles() if kind in FAMILIES else [])


def _formats() -> list[tuple[str, str, str, str]]:
    from simulator.log.formats import format_names, format_table
    from simulator.log.importers import IMPORTERS

    known = [(name, format_table(name)) for name in format_names()]
    rows = [(name, str(table["shape"]), str(table["title"]), "afterclick") for name, table in known]
    return rows + [(name, "code", own.description, IMPORTERS.origin(name)) for name, own in IMPORTERS.items()]


def summary_of(part: type[Part]) -> str:
    """Return the first paragraph of a part's docstring."""
    return " ".join((inspect.getdoc(part) or "").split("\n\n")[0].split())


def parameters_of(part: type[Part]) -> str:
    """Write the parameters of a part with their defaults, as a scenario would."""
    shown = {}
    for name, field in part.model_fields.items():
        value = field.get_default(call_default_factory=True)
        text = f'"{format_duration(value)}"' if isinstance(value, Microseconds) else toml_like(value)
        shown[name] = "(must be given)" if field.is_required() else text
    return ", ".join(f"{name} = {text}" for name, text in shown.items())


def _print(console: Console, title: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    shown = table(title, *columns)
    for row in rows:
        shown.add_row(*row)
    console.print(shown)
    console.print()
