"""The verdict in words: the box of the page and the last lines of the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.evaluation.estimate import MOST
from simulator.evaluation.tasks import TASKS
from simulator.report import numbers
from simulator.verdict.stretches import TITLES

_OWN = {
    "calibration": "calibration error (of segments, as a share of what came)",
    "money": "what wrong bids cost, for a thousand clicks",
}
_NAMED = 3
"""How many methods are named that a sentence is of, in the page and on the terminal; the data have all."""
_GAINED = "what bids bring, for a thousand clicks"
Told = Mapping[str, Any]
"""A verdict, or a stretch of it, as plain JSON data (`simulator.verdict.runs.verdict`)."""


def shown_tasks(verdict: Sequence[Told]) -> list[Told]:
    """Return the verdicts that are shown: on what methods compete in and on what a world alone knows, or else all of them."""
    own = [one for one in verdict if TASKS[one["task"]].scaled or TASKS[one["task"]].hidden]
    return own or list(verdict)


def title_of(one: Told) -> str:
    """Say of what a verdict is, by which figure, and what its intervals rest on.

    >>> title_of({"task": "cvr", "metric": "regret_nll", "money": {}, "runs": 4, "confidence": 0.95})
    'CVR by NLL regret (4 seeds as replicates, 95% intervals)'
    """
    figure = _OWN.get(one["metric"]) or numbers.title(one["metric"])
    if one["money"] and not one["money"]["known"]:
        figure = _GAINED
    over = f"{one['runs']} seeds as replicates" if one["runs"] > 1 else "blocks of segments of one run"
    return f"{TASKS[one['task']].short} by {figure} ({over}, {one['confidence']:.0%} intervals)"


def box_of(one: Told) -> dict[str, Any]:
    """Prepare a verdict as text, so that a template only lays out."""
    return {
        "title": title_of(one),
        "rows": [_row(one, stretch) for stretch in one["stretches"]],
        "notes": one["notes"],
    }


def brief_lines(group: str, verdict: Sequence[Told]) -> Iterator[str]:
    """Yield one line a task, on all of the stream: for many groups of runs below each other."""
    for one in shown_tasks(verdict):
        if one["stretches"]:
            row = _row(one, one["stretches"][-1])
            yield f"{group} {TASKS[one['task']].short}: {row['serve']}: {row['state']}."


def verdict_lines(verdict: Sequence[Told]) -> Iterator[RenderableType]:
    """Yield one block of lines a task, which wrap at any width."""
    for one in shown_tasks(verdict):
        box = box_of(one)
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for row in box["rows"]:
            said = Text(row["serve"], "bold")
            said.append(f": {row['state']}.", "not bold")
            for part in (row["runner_up"], row["nothing"], row["prices"], row["barred"], row["why"]):
                said.append(f" {part}" if part else "", "not bold")
            table.add_row(row["stretch"], said)
        yield Group(
            Text(f"Verdict: {box['title']}", "bold"),
            table,
            *(Text(f"{note}.", "dim") for note in box["notes"]),
        )


def _row(one: Told, stretch: Told) -> dict[str, Any]:
    best, barred = stretch["best"], _barred(stretch)
    row = {
        "stretch": TITLES[stretch["name"]],
        "runner_up": "",
        "nothing": "",
        "prices": "",
        "why": stretch["why"][:1].upper() + stretch["why"][1:],
        "barred": "",
    }
    if best is None:
        why = f"no method keeps the guardrails: {barred}" if barred else "no method has a number"
        return {**row, "serve": "none", "state": why, "settled": False}
    return {
        **row,
        "serve": f"serve {best}{_mark(one, best)}",
        "state": _state(stretch, one["runs"]),
        "settled": stretch["settled"],
        "runner_up": _margin(one, stretch["runner_up"]),
        "nothing": _nothing(one, stretch),
        "prices": _prices(one, stretch["name"], best),
        "barred": f"Guardrails bar {barred}." if barred else "",
    }


def _barred(stretch: Told) -> str:
    return _some([f"{method}: {why}" for method, why in stretch["barred"].items()], "; ")


def _some(said: Sequence[str], between: str) -> str:
    """List the first of some, and count the others; one is not counted where it can be named."""
    named = said if len(said) <= _NAMED + 1 else [*said[:_NAMED], f"{len(said) - _NAMED} more"]
    return between.join(named)


def _mark(one: Told, best: str) -> str:
    if best == one["nothing"]:
        return " (doing nothing)" if best in one["idle"] else " (as today)"
    return " (delivered nothing)" if best in one["idle"] else ""


def _state(stretch: Told, runs: int) -> str:
    if stretch["settled"]:
        return "settled"
    if not stretch["level"]:
        return "nothing else to choose from"
    told = f"not settled, level with {_some(stretch['level'], ', ')}"
    needed = stretch["needed"]
    if needed["seeds"] is not None:
        return f"{told}; {needed['seeds']} seeds would settle it"
    if needed["days"] is not None:
        sales = f" ({needed['sales']} such sales)" if needed["sales"] else ""
        return f"{told}; {needed['days']:.1f} days of it{sales} would settle it"
    return f"{told}; not even {MOST:,} {'seeds' if runs > 1 else 'blocks'} would settle it"


def _margin(one: Told, margin: Told | None) -> str:
    if margin is None:
        return ""
    ends = "no interval"
    if margin["low"] is not None:
        ends = " to ".join(_figure(one, margin[end]) for end in ("low", "high"))
    if margin["method"] == one["nothing"]:
        named = "doing nothing" if margin["method"] in one["idle"] else "what is served today"
        return f"{_figure(one, margin['difference'])} ahead of {named} ({margin['method']}; {ends})."
    return f"{_figure(one, margin['difference'])} ahead of {margin['method']} ({ends})."


def _figure(one: Told, value: float) -> str:
    return f"{value:,.1f}" if one["metric"] == "money" else numbers.number(one["metric"], value)


def _nothing(one: Told, stretch: Told) -> str:
    margin, next_best = stretch["nothing"], stretch["runner_up"]
    if margin is None or (next_best is not None and margin["method"] == next_best["method"]):
        return ""
    return _margin(one, margin)


def _prices(one: Told, name: str, best: str) -> str:
    if not one["money"]:
        return ""
    lost = one["money"]["stretches"][name][best]
    return f"Its bids lose {lost['over']:,.0f} by too much and {lost['under']:,.0f} by too little a thousand clicks."
