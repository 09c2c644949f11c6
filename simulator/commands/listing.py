"""`ls`: what can be named in a scenario or on the command line."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from simulator.commands.console import stdout, table
from simulator.commands.scenarios import shipped
from simulator.units import Microseconds, format_duration


def listing(kind: str | None, methods: Mapping[str, Any], directory: Path) -> None:
    """Print one listing, or all of them."""
    console = stdout()
    if kind in (None, "scenarios"):
        _print(console, "scenarios", ("file", "title"), shipped(directory))
    if kind in (None, "methods"):
        entries = [(n, str(getattr(m, "task", "")), summary_of(m)) for n, m in methods.items()]
        _print(console, "methods", ("name", "task", "what it is"), entries)
    if kind in (None, "policies"):
        from simulator.policies import POLICIES  # noqa: PLC0415 - imports every policy

        rows = [(name, summary_of(cls), parameters_of(cls)) for name, cls in POLICIES.items()]
        _print(console, "policies", ("name", "what it does", "parameters"), rows)
    if kind in (None, "importers"):
        from simulator.log.importers import IMPORTERS  # noqa: PLC0415 - loads DuckDB

        _print(
            console,
            "importers",
            ("format", "what it reads"),
            [(n, summary_of(i)) for n, i in IMPORTERS.items()],
        )


def summary_of(thing: Any) -> str:
    """Return the description of an entry: its own words, or the first paragraph of its docstring."""
    for attribute in ("description", "summary", "title"):
        text = getattr(thing, attribute, None)
        if isinstance(text, str) and text:
            return text
    if not isinstance(thing, type) and not callable(thing) and not inspect.ismodule(thing):
        return ""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def parameters_of(cls: type[Any]) -> str:
    """Write the parameters of a policy with their defaults, as a scenario would."""
    fields = getattr(cls, "model_fields", {})
    return ", ".join(f"{name} = {_default(field)}" for name, field in fields.items())


def _default(field: Any) -> str:
    if field.is_required():
        return "(must be given)"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Microseconds):
        return f'"{format_duration(value)}"'
    if value is None:
        return "none"
    return (
        f'"{value}"'
        if isinstance(value, str)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )


def _print(console: Console, title: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    shown = table(title, *columns)
    for row in rows:
        shown.add_row(*row)
    console.print(shown)
    console.print()
