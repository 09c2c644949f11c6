"""Constants of ``[[world.promotion]]`` from the days around a promotion, relative to ordinary ones.

Clicks, refunds, repurchases and discounts are read off. How shoppers wait, rush and come back shows only together: those
keys begin at the defaults (the fit to Double 12) and are matched by `refine`, which lives the world.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import nnls

from simulator.calendar import Promotion
from simulator.log.facts.sheet import FactSheet
from simulator.log.facts.sums import Gathered
from simulator.log.schema import Bool, Float64
from simulator.units import DAY, HOUR, format_duration
from simulator.worlds.promotion_settings import CartEffect, ConversionEffect, TrafficEffect, WaitingEffect

BEFORE, AFTER = 11, 4
Key = tuple[str, ...]
MATCHED = {
    "waiting": {name: getattr(WaitingEffect(), name) for name in ("floor", "rise", "returns")},
    "conversion": {
        name: getattr(ConversionEffect(), name)
        for name in ("interest", "rush", "base", "opening", "closing", "dip")
    },
    "cart": {"during": CartEffect().during},
}
"""What is matched by living the world, and where that begins."""
_SAID = {
    ("waiting", "floor"): "who waits: carts before the sale",
    ("waiting", "returns"): "old clicks among the day's pays",
    ("conversion", "interest"): "pays before the sale",
    (
        "conversion",
        "base",
    ): "pays of the day: base at midday, opening and closing in its first and last hours",
    ("conversion", "dip"): "pays of the day after",
}


def sale_estimates(
    found: Gathered, sheet: FactSheet, sale: Promotion, ordinary: Bool
) -> tuple[dict[Key, Any], dict[Key, str]]:
    """Return the keys of one ``[[world.promotion]]`` and what to say of them."""
    facts = next(s.values for s in sheet.sales if s.name == sale.name)
    start = (found.clock.one(sale.start) - found.first_day * DAY) // HOUR * HOUR
    length = max(round((sale.end - sale.start) / HOUR), 1) * HOUR
    values: dict[Key, Any] = {
        ("name",): sale.name,
        ("start",): format_duration(start),
        ("length",): format_duration(length),
        ("anticipation",): format_duration(sale.anticipation),
    }
    notes: dict[Key, str] = {}
    if "pays_per_click.day0" not in facts:
        notes["start",] = "too few days around it: every effect is the default's"
        return values, notes
    for part in (_traffic(facts, _clicks(found, sale, ordinary)), _other(found, sale, facts, ordinary)):
        for (path, value), note in part:
            key = tuple(path.split("."))
            values[key] = value
            if note:
                notes[key] = note
    for block, keys in MATCHED.items():
        for name, value in keys.items():
            values[block, name] = float(value)
    return values, notes | _SAID


Entries = list[tuple[tuple[str, Any], str]]


def _clicks(found: Gathered, sale: Promotion, ordinary: Bool) -> tuple[Float64, Float64]:
    """Return the clicks of the sale's first day by hour over those of ordinary days, and the latter."""
    first = found.clock.one(sale.start) // HOUR - 24 * found.first_day
    hours = np.arange(first, first + min(24, max(round((sale.end - sale.start) / HOUR), 1)))
    base = found.hourly["clicks"].reshape(-1, 24)[ordinary].mean(0)[hours % 24]
    ratio = np.divide(found.hourly["clicks"][hours], base, out=np.ones(len(hours)), where=base > 0)
    return ratio, base


def _traffic(facts: dict[str, float], clicks: tuple[Float64, Float64]) -> Entries:
    default = TrafficEffect()
    ratio, base = clicks
    hours = np.arange(len(ratio)) + 0.5
    fade = np.exp(-hours * HOUR / default.opening_scale)
    weight = np.sqrt(base)
    (during, opening), _ = nnls(np.stack([weight, weight * fade], 1), weight * ratio)
    before = [round(facts.get(f"clicks.day{-day}", 1.0), 3) for day in range(BEFORE, 0, -1)]
    after = [round(facts.get(f"clicks.day{day}", 1.0), 3) for day in range(1, AFTER + 1)]
    return [
        (("traffic.before", before), f"clicks of days -{BEFORE} to -1 over an ordinary day's"),
        (("traffic.during", round(float(during), 3)), ""),
        (("traffic.opening", round(float(opening), 3)), ""),
        (("traffic.after", after), "days 1 to 4 after the opening"),
    ]


def _other(found: Gathered, sale: Promotion, facts: dict[str, float], ordinary: Bool) -> Entries:
    entries: Entries = []
    if "carts_per_click.day0" in facts:
        after = [facts[f"carts_per_click.day{d}"] for d in (1, 2, 3) if f"carts_per_click.day{d}" in facts]
        entries.append((("cart.after", round(float(np.mean(after)), 3) if after else 1.0), ""))
    first = found.clock.one(sale.start) // HOUR - 24 * found.first_day
    on = slice(first, first + round((sale.end - sale.start) / HOUR))
    usual = np.repeat(ordinary, 24)

    def rate(part: str, whole: str, where: slice | Bool) -> float:
        total = float(found.hourly[whole][where].sum())
        return float(found.hourly[part][where].sum()) / total if total else 0.0

    for name, part, whole, minus in (
        ("refund.wave", "refunded", "settled", 1.0),
        ("repurchase.during", "repeat", "paid", 0.0),
    ):
        now, base = (float(-np.log1p(-min(rate(part, whole, where), 0.99))) for where in (on, usual))
        ratio = now / base if base > 0 else 1.0
        entries.append(((name, round(max(ratio - minus, 0.0), 3)), "of clicks of the sale"))
    now, base = (rate("ln_amount", "matched_pays", where) for where in (on, usual))
    # Pays of the day come sooner than usual, and sooner pays are smaller (`Amount.growth`): that much is too large.
    discount = round(float(np.clip(1 - np.exp(now - base), 0.0, 0.95)), 3)
    entries.append((("price.discount", discount), "from ln amounts, up to .08 too large"))
    entries.append((("taste.shift", 0.0), "not estimated"))
    return entries
