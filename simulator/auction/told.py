"""What the report says of accounts: what was lost to what, and who won what he overrated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from simulator.evaluation.meters import Cell, Column, Section, Table

_LOST = ("delay", "estimation", "pacing")


def with_account(section: Section, told: Mapping[str, Any]) -> Section:
    """Add to the section on money what the accounts say; ``told`` is what the summary says of the auction."""
    accounts, lost = told["accounts"], told["lost"]
    lines = [f"{name} {said}." for name, said in told["troubles"].items()]
    for metric, words in (("nll", "NLL"), ("regret_nll", "NLL regret")):
        tau = told["foretold"][metric]
        if not math.isnan(tau):
            lines.append(f"Kendall's tau between {words} on all offers and profit, over methods: {tau:.2f}.")
    rows = {}
    for name, account in accounts.items():
        deciles = account["deciles"]["true"]
        parts = [_sums(deciles[:5]), _sums(deciles[5:9]), _sums(deciles[9:])]
        of = lost.get(name, {})
        rows[name] = [
            [Cell(_number(of.get(part))) for part in _LOST],
            [Cell(_number(part[0], 100, "%")) for part in parts],
            [Cell(_number(part[1])) for part in parts],
        ]
    thirds = ("lower half", "next four tenths", "best tenth")
    table = Table(
        "What was lost, and what was won of what is worth most",
        [
            Column("lost to", _LOST),
            Column("won", thirds, 1),
            Column("promised", thirds, 2),
        ],
        rows,
        hint="promised: what was believed of what was won, over what it is worth in truth",
        note="Lost to delay: what the method that is told of everything at once earns more, if there is one. Lost to "
        "estimation: what the bidder who knows the truth earns more than that, bidding in the same way. Lost to pacing: "
        "what the best single factor of each day, chosen with the day known, would have earned him more.",
    )
    return replace(section, note=" ".join([section.note, *lines]), tables=[*section.tables, table])


def _sums(deciles: list[dict[str, float]]) -> tuple[float | None, float | None]:
    """Return win rate and what was promised over some deciles."""
    offered, won, believed, true = (
        sum(d[name] for d in deciles) for name in ("offered", "won", "believed_won", "true_won")
    )
    return (won / offered if offered else None, believed / true if true else None)


def _number(value: float | None, scale: float = 1.0, unit: str = "") -> str:
    if value is None:
        return "-"
    return f"{value * scale:,.1f}{unit}" if unit or abs(value) >= 100 else f"{value:,.2f}"
