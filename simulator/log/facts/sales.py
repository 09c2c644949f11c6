"""What a promotion does to the days around it, relative to ordinary ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.calendar import Promotion
from simulator.log.facts.intervals import Share, share_of, values_and_rows
from simulator.log.facts.sums import Gathered
from simulator.log.schema import Bool, Float64
from simulator.units import HOUR

FIRST_DAY, LAST_DAY = -11, 5


@dataclass(frozen=True, slots=True)
class SaleFacts:
    """Facts of one promotion by name. Day d counts 24 hours from the opening; day 0 is the first of the sale.

    ``clicks.dayD``, ``carts.dayD`` and ``pays.dayD`` are relative to an ordinary day, ``pays_per_click.dayD``,
    ``carts_per_click.dayD`` to an ordinary day's; ``pays_per_cart.dayD`` is the ratio itself, and
    ``old_pay_share.dayD`` the share of the day's pays whose click is of an earlier calendar day. ``cvr.dayD`` (relative) and
    ``repurchase_share.dayD`` are of the day's clicks.
    """

    name: str
    values: dict[str, float]
    rows: dict[str, float]
    """Of how many rows those facts are shares that are."""


def sale_facts(found: Gathered, sale: Promotion, ordinary: Bool) -> SaleFacts:
    """Compare the days around a promotion with ordinary days (empty where there are none)."""
    opening = found.clock.one(sale.start) // HOUR - 24 * found.first_day
    base = {name: float(v.reshape(-1, 24)[ordinary].sum(1).mean()) for name, v in found.hourly.items()}
    last_hour = found.clock.one(found.last_click) // HOUR - 24 * found.first_day + 1
    facts: dict[str, float | Share | None] = {}
    for day in range(FIRST_DAY, LAST_DAY + 1):
        first = opening + 24 * day
        if first < 0 or first + 24 > last_hour:
            continue
        hours = {name: v[first : first + 24] for name, v in found.hourly.items()}
        facts |= {f"{name}.day{day}": value for name, value in _day(hours, base).items()}
    first = max(opening, 0)
    ending = found.clock.one(sale.end) // HOUR - 24 * found.first_day
    on_the_day = found.hourly["pays"][first : min(opening + 24, ending)]
    if opening >= 0 and on_the_day.sum() > 0:
        for hour, pays in enumerate(on_the_day):
            facts[f"hour.pays.{hour}"] = share_of(pays, on_the_day.sum())
        facts["first_hour_share"] = facts["hour.pays.0"]
        per_click = on_the_day / np.maximum(found.hourly["clicks"][first : first + len(on_the_day)], 1)
        facts["first_hour_pays_per_click"] = float(per_click[0])
    return SaleFacts(sale.name, *values_and_rows(facts.items()))


def _day(hours: dict[str, Float64], base: dict[str, float]) -> dict[str, float | Share | None]:
    sums = {name: float(v.sum()) for name, v in hours.items()}
    found: dict[str, float | Share | None] = {}
    for name in ("clicks", "carts", "pays"):
        if base[name]:
            found[name] = sums[name] / base[name]
    for name in ("carts", "pays"):
        if base[name] and sums["clicks"]:
            found[f"{name}_per_click"] = sums[name] / sums["clicks"] / (base[name] / base["clicks"])
    if sums["carts"]:
        found["pays_per_cart"] = sums["pays"] / sums["carts"]
    if sums["matched_pays"]:
        found["old_pay_share"] = share_of(sums["old_pays"], sums["matched_pays"])
    if sums["paid"]:
        found["repurchase_share"] = share_of(sums["repeat"], sums["paid"])
    if sums["labelled"] and base["labelled"] and base["paid"]:
        found["cvr"] = sums["paid"] / sums["labelled"] / (base["paid"] / base["labelled"])
    return found
