"""What bidders earn: money by the hour of the impression, from final labels, refunds taken back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.auction.worth import expected, realised
from simulator.calendar import PHASES, Calendar
from simulator.evaluation.meters import Cell, Column, Panel, Section, Table
from simulator.log.schema import Float64
from simulator.units import DAY, HOUR

if TYPE_CHECKING:
    from simulator.auction.offers import Offers
    from simulator.auction.room import Won
    from simulator.auction.settings import AuctionBlock

SUMS = ("offered", "won", "clicks", "conversions", "value", "spend", "believed", "expected", "welfare")
"""Impressions offered and won, clicks and conversions of these, what they earned, what was paid for them, what was believed
that they would earn, what they are worth in truth, and what all impressions are worth to who got them (rivals: their bids)."""
AROUND = 48
"""Hours before and after an opening that are told apart."""


class Money:
    """Sums by bidder, hour and phase."""

    def __init__(self, settings: AuctionBlock, calendar: Calendar) -> None:
        self._settings, self._calendar = settings, calendar
        self._sums: dict[str, dict[tuple[int, int], Float64]] = {}

    def add(self, bidder: str, offers: Offers, won: Won) -> None:
        """Enter what came of bids on offers, which are of one bidder in order of time."""
        cells = self._sums.setdefault(bidder, {})
        if not len(offers):
            return
        clicked = offers.clicked & (won.click_row >= 0)
        # A lower slot is seen by some alone; what is lost is the best rival's, if he bids enough.
        worth = expected(offers, self._settings) * np.array(self._settings.slots)[won.slot] * won.won
        rival = offers.rivals[:, 0] * (offers.rivals[:, 0] > self._settings.reserve)
        rows = np.stack(
            [
                np.ones(len(offers)),
                won.won,
                clicked,
                offers.converted & clicked,
                np.where(clicked, realised(offers, self._settings), 0.0),
                won.price,
                np.where(won.won, won.value, 0.0),
                worth,
                np.where(won.won, worth, rival),
            ],
            axis=1,
        )
        key = offers.time // HOUR * len(PHASES) + self._calendar.phase(offers.time)
        first = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
        for at, sums in zip(key[first], np.add.reduceat(rows, first), strict=True):
            cell = divmod(int(at), len(PHASES))
            cells[cell] = cells[cell] + sums if cell in cells else sums

    def summary(self) -> dict[str, Any]:
        """Return by bidder the sums in all, by phase, by day and by hour, as plain values; ``profit`` is value less spend."""
        found: dict[str, Any] = {}
        for bidder, cells in self._sums.items():
            hours = sorted(cells)
            days: dict[int, Float64] = {}
            for hour, phase in hours:
                day = int(self._calendar.clock.one(hour * HOUR) // DAY)
                days[day] = days.get(day, np.zeros(len(SUMS))) + cells[hour, phase]
            by_hour: dict[int, Float64] = {}
            for hour, phase in hours:
                by_hour[hour] = by_hour.get(hour, np.zeros(len(SUMS))) + cells[hour, phase]
            found[bidder] = {
                "all": _told(list(cells.values())),
                "phases": {
                    name: _told(part)
                    for code, name in enumerate(PHASES)
                    if (part := [cells[h, p] for h, p in hours if p == code])
                },
                "days": {"day": list(days), **_columns(list(days.values()))},
                "hours": {"hour": list(by_hour), **_columns(list(by_hour.values()))},
                "openings": {p.name: _around(by_hour, p.start // HOUR) for p in self._calendar.promotions},
            }
        return found


def _told(parts: Sequence[Float64]) -> dict[str, float]:
    sums = dict(zip(SUMS, map(float, np.sum(parts, axis=0)), strict=True))
    value, spend, won = sums["value"], sums["spend"], sums["won"]
    return {
        **sums,
        "profit": value - spend,
        "expected_profit": sums["expected"] - spend,
        "win_rate": won / sums["offered"] if sums["offered"] else math.nan,
        "return": value / spend if spend else math.nan,
        "cost_per_conversion": spend / sums["conversions"] if sums["conversions"] else math.nan,
        "promised": sums["believed"] / value if value else math.nan,
    }


def _around(by_hour: Mapping[int, Float64], opening: int) -> dict[str, list[float]]:
    """Return the hours around an opening; ``hour`` is how many after it."""
    near = [hour for hour in by_hour if abs(hour - opening) <= AROUND]
    return {"hour": [float(h - opening) for h in near], **_columns([by_hour[h] for h in near])}


def _columns(parts: Sequence[Float64]) -> dict[str, list[float]]:
    table = np.array(parts).reshape(len(parts), len(SUMS))
    return {name: table[:, k].tolist() for k, name in enumerate(SUMS)}


def money_section(found: Mapping[str, Mapping[str, Any]], selection: Mapping[str, Any]) -> Section:
    """Show what was earned by phase, when budgets were spent, and how unlike the won clicks are those that were offered."""
    order = sorted(found, key=lambda name: -found[name]["all"]["profit"])
    phases = [name for name in PHASES if any(name in of["phases"] for of in found.values())]
    whole = {"all": {name: found[name]["all"] for name in order}}
    parts = whole | {p: {n: found[n]["phases"].get(p, {}) for n in order} for p in phases}
    keep = parts if len(phases) > 1 else whole
    heads = ("profit", "spend", "won", "return")
    columns = [Column(part, heads, 0 if part == "all" else 1 + k) for k, part in enumerate(keep)]
    rows = {
        name: [
            [
                Cell(_amount(of[name].get("profit"))),
                Cell(_amount(of[name].get("spend"))),
                Cell(_share(of[name].get("win_rate"))),
                Cell(_ratio(of[name].get("return"))),
            ]
            for of in keep.values()
        ]
        for name in order
    }
    best = [name for name in order if name in selection]
    verdict = ""
    if len(best) > 1:
        first, last = (found[name]["all"]["profit"] for name in (best[0], best[-1]))
        verdict = f" {best[0]} earns most ({_amount(first)}), {best[-1]} least ({_amount(last)})."
    table = Table(
        "Money by phase",
        columns,
        rows,
        hint="value less spend; won: of what was offered",
        note="Value is by final labels, returns taken back. Return: value over spend." + verdict,
    )
    tables = [table, *([_selected(selection, best)] if best else [])]
    hours = {name: found[name]["hours"] for name in order}
    instants = {name: [hour * HOUR for hour in of["hour"]] for name, of in hours.items()}
    earned = {n: np.cumsum(np.subtract(of["value"], of["spend"])).tolist() for n, of in hours.items()}
    won = {n: np.divide(of["won"], np.maximum(of["offered"], 1)).tolist() for n, of in hours.items()}
    panels = [
        Panel("profit so far", {n: (instants[n], earned[n]) for n in order}, (0,)),
        Panel("spend by hour", {n: (instants[n], hours[n]["spend"]) for n in order}),
        Panel("won, of what was offered, by hour", {n: (instants[n], won[n]) for n in order}),
    ]
    return Section("Money: what the predictions earned", _NOTE, panels, tables)


_NOTE = (
    "Each method bids in a world of its own and hears of what it won alone; impressions, clicks and what follows them are the "
    "same for all, and so are the rivals."
)


def _selected(selection: Mapping[str, Any], order: Sequence[str]) -> Table:
    """Lay predictions on won clicks beside the same on all that were offered."""
    tasks = list(dict.fromkeys(task for name in order for task in selection[name]))
    heads = ("PCOC won", "all", "NLL won", "all")
    rows = {}
    for name in order:
        cells = []
        for task in tasks:
            of = selection[name].get(task, {"won": {}, "offered": {}})
            pairs = [(of[side].get(metric)) for metric in ("pcoc", "nll") for side in ("won", "offered")]
            cells.append(
                [Cell(_ratio(v)) for v in pairs[:2]]
                + [Cell("-" if v is None else f"{v:.4f}") for v in pairs[2:]]
            )
        rows[name] = cells
    return Table(
        "Selection: clicks that were won, against all that were offered",
        [Column(task, heads, k) for k, task in enumerate(tasks)],
        rows,
        hint="whoever overrates wins: PCOC is higher on what was won",
        note="The same predictions, judged on the clicks that the method won and on all that were offered.",
    )


def _amount(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}"


def _share(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{100 * value:.1f}%"


def _ratio(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.2f}"
