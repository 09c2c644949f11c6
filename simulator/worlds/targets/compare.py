"""A fact sheet laid beside the published facts: as a table, and as plain values for the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from simulator.log.facts import FactSheet
from simulator.worlds.targets.base import Targets

_STYLES = {
    "within": "green",
    "outside": "bold red",
    "known miss": "yellow",
    "cannot tell": "cyan",
    "not comparable": "dim",
    "unknown": "dim",
}


def verdicts(targets: Targets, sheet: FactSheet) -> Counter[str]:
    """Count the verdicts."""
    return Counter(row.verdict(sheet)[1] for row in targets.rows)


def verdict_line(targets: Targets, sheet: FactSheet) -> str:
    """Say in one sentence how many published facts are met."""
    found = verdicts(targets, sheet)
    judged = sum(found[name] for name in ("within", "outside", "known miss", "cannot tell"))
    names = {
        "known miss": "known misses" if found["known miss"] > 1 else "known miss",
        "cannot tell": "that this log cannot tell",
    }
    rest = "".join(
        f", {found[name]} {names.get(name, name)}" for name in _STYLES if name != "within" and found[name]
    )
    return f"{found['within']} of {judged} published facts within tolerance{rest} ({targets.source})"


def fit_table(targets: Targets, sheet: FactSheet) -> tuple[Table, list[str]]:
    """Return one row per published fact, and the notes that its last column numbers: sources, and reasons for verdicts."""
    table = Table(
        title=f"fit to {targets.preset}",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    table.add_column("fact", overflow="fold")
    for name in ("allowed", "measured", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("notes", no_wrap=True)
    notes: dict[str, int] = {}
    for row in targets.rows:
        found, verdict, why = row.verdict(sheet)
        said = (row.source, row.note, row.known, why)
        interval = (sheet.intervals or {}).get(row.fact)
        table.add_row(
            row.name + (f" ({row.unit})" if row.unit else ""),
            _range(row.value - row.tolerance, row.value + row.tolerance),
            "" if found is None else _number(found),
            "" if interval is None else _range(*interval),
            Text(verdict, style=_STYLES[verdict]),
            ",".join(str(notes.setdefault(text, len(notes) + 1)) for text in dict.fromkeys(said) if text),
        )
    return table, [f"{number}  {text}" for text, number in notes.items()]


def _range(least: float, most: float) -> str:
    return f"{_number(least)}..{_number(most)}"


def fit_summary(targets: Targets, sheet: FactSheet) -> dict[str, Any]:
    """Return the comparison in plain types: counts, the facts outside (known misses with their reason among them), and
    every curve beside its target.
    """
    rows = [(row, *row.verdict(sheet)) for row in targets.rows]
    return {
        "preset": targets.preset,
        "source": targets.source,
        "sentence": verdict_line(targets, sheet),
        "verdicts": dict(verdicts(targets, sheet)),
        "outside": [
            {
                "name": r.name,
                "target": r.value,
                "realised": v,
                "interval": (sheet.intervals or {}).get(r.fact),
                "tolerance": r.tolerance,
                "unit": r.unit,
                "known": why,
            }
            for r, v, verdict, why in rows
            if verdict in {"outside", "known miss"}
        ],
        "curves": [
            curve for curve in _curves(targets, sheet.values) if any(y is not None for y in curve["realised"])
        ],
    }


def _curves(targets: Targets, values: Mapping[str, float]) -> list[dict[str, Any]]:
    return [
        {
            "name": curve.name,
            "title": curve.title,
            "x_title": curve.x_title,
            "y_title": curve.y_title,
            "log_x": curve.log_x,
            "x": list(curve.x),
            "target": list(curve.y),
            "realised": [values.get(fact) for fact in curve.facts],
            "source": curve.source,
        }
        for curve in targets.curves
    ]


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{4 if abs(value) >= 0.1 else 3 if abs(value) >= 0.001 else 2}g}"
