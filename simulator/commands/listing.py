"""`ls`: what can be named in a scenario or on the command line."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from rich.console import Console

from simulator.commands.console import stdout, table
from simulator.commands.scenarios import shipped
from simulator.parts import Part
from simulator.scenario.faults import toml_like
from simulator.units import Microseconds, format_duration


def listing(kind: str | None, methods: Iterable[tuple[str, str, str]]) -> None:
    """Print one listing, or all of them; ``methods`` are rows of name, tasks and description."""
    console = stdout()
    if kind in (None, "scenarios"):
        _print(console, "scenarios", ("file", "title"), shipped())
    if kind in (None, "methods"):
        _print(console, "methods", ("name", "task", "what it is"), methods)
    if kind in (None, "policies"):
        from simulator.policies import POLICIES  # noqa: PLC0415 - imports every policy

        rows = [(name, summary_of(cls), parameters_of(cls)) for name, cls in POLICIES.items()]
        _print(console, "policies", ("name", "what it does", "parameters"), rows)
    if kind in (None, "formats"):
        from simulator.log.formats import format_names, format_table  # noqa: PLC0415
        from simulator.log.importers import IMPORTERS  # noqa: PLC0415 - loads DuckDB

        known = [
            (name, str(format_table(name)["shape"]), str(format_table(name)["title"]))
            for name in format_names()
        ]
        known += [(name, "code", importer.description) for name, importer in IMPORTERS.items()]
        _print(console, "formats", ("format", "shape", "what it reads"), known)
    if kind in (None, "importers"):
        from simulator.log.importers import IMPORTERS  # noqa: PLC0415 - loads DuckDB

        formats = [(name, importer.description) for name, importer in IMPORTERS.items()]
        _print(console, "importers", ("format", "what it reads"), formats)
    if kind in (None, "exporters"):
        from simulator.log.exporters import EXPORTERS  # noqa: PLC0415 - loads DuckDB

        layouts = [(name, exporter.description) for name, exporter in EXPORTERS.items()]
        _print(console, "exporters", ("format", "what it writes"), layouts)


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
