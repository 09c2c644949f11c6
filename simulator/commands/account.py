"""What a log is made of, as every verb prints it: what was kept, what was put aside and why, its features, its oddities."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.commands.console import stdout, table, warn

if TYPE_CHECKING:
    from simulator.log.meta import Meta


def print_account(meta: Meta, where: Path) -> None:
    """Print the account of a log, and to stderr what is odd about it."""
    from simulator.log.account import account

    console = stdout()
    shown = table("", "rows", "what became of them", "such as")
    shown.title, shown.columns[0].justify = None, "right"
    for count, what, example in account(meta):
        shown.add_row(f"{count:,}", what, _short(example))
    rows = meta.provenance.get("source_rows")
    read = f"{rows:,} rows" if isinstance(rows, int) else f"{meta.read:,} rows"
    if shape := meta.provenance.get("read_as"):
        read += f", read as {shape}"
    console.print(f"{where}: {meta.name}, from {read}{_span(meta)}", soft_wrap=True)
    console.print(shown)
    if features := feature_rows(meta):
        listed = table("", "feature", "kind", "ids", "none")
        listed.title = None
        for row in features:
            listed.add_row(*row)
        console.print()
        console.print(listed)
    warn(list(meta.notes))


def _short(example: str, most: int = 90) -> str:
    return example if len(example) <= most else example[: most - 3] + "..."


def _span(meta: Meta) -> str:
    first, last = (meta.clock.moment(time) for time in (meta.start, meta.observed_until))
    return f"; {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} ({meta.time_zone})"


def feature_rows(meta: Meta) -> list[tuple[str, str, str, str]]:
    """Return name, kind, number of ids and share of clicks without a value of each feature."""
    nulls: dict[str, Any] = meta.provenance.get("nulls", {})
    return [
        (
            feature.name,
            feature.kind + (f" (up to {feature.width})" if feature.width > 1 else ""),
            f"{feature.cardinality:,}",
            f"{nulls[feature.name]:.1%}" if feature.name in nulls else "",
        )
        for feature in meta.features
    ]
