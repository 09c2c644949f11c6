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
    "not comparable": "dim",
    "unknown": "dim",
}


def verdicts(targets: Targets, sheet: FactSheet) -> Counter[str]:
    """Count the verdicts."""
    return Counter(row.verdict(sheet)[1] for row in targets.rows)


def verdict_line(targets: Targets, sheet: FactSheet) -> str:
    """Say in one sentence how many published facts are met."""
    found = verdicts(targets, sheet)
    judged = found["within"] + found["outside"] + found["known miss"]
    names = {"known miss": "known misses" if found["known miss"] > 1 else "known miss"}
    rest = "".join(
        f", {found[name]} {names.get(name, name)}"
        for name in ("known miss", "not comparable", "unknown")
        if found[name]
    )
    return f"{found['within']} of {judged} published facts within tolerance{rest} ({targets.source})"


def fit_table(targets: Targets, sheet: FactSheet) -> Table:
    """Return one row per published fact: target, realised value, tolerance, verdict, source."""
    table = Table(
        title=f"fit to {targets.preset}",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for name in ("fact", "target", "realised", "tolerance", "verdict", "source"):
        table.add_column(name, justify="right" if name in {"target", "realised", "tolerance"} else "left")
    for row in targets.rows:
        found, verdict, why = row.verdict(sheet)
        unit = f" {row.unit}" if row.unit else ""
        table.add_row(
            row.name,
            f"{_number(row.value)}{unit}",
            "" if found is None else f"{_number(found)}{unit}",
            f"{_number(row.tolerance)}{unit}",
            Text(verdict + (f": {why}" if why and not row.known else ""), style=_STYLES[verdict]),
            "; ".join(part for part in (row.source, row.note, row.known) if part),
        )
    return table


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
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" if abs(value) >= 0.1 else f"{value:.3g}"
