"""One step of matching a promotion: each key moves by what its own fact is off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from simulator.units import DAY, HOUR
from simulator.worlds.promotion_settings import ConversionEffect, WaitingEffect

FASTEST = 1.6
"""No level is changed by more than this factor at a time."""
MOST = 50.0
EARLY_DAYS, LAST_DAY = range(-8, -3), -1
PARTS = {"opening": (0, 5), "base": (8, 18), "closing": (20, 24)}
"""Hours of the day that speak for each part of the sale's hazard, as shares of its length."""
Values = dict[tuple[str, ...], Any]
Facts = Mapping[str, float]


def match_sale(values: Values, target: Facts, real: Facts, carts_per_pay: float, gain: float) -> None:
    """Move the keys of one promotion towards the measured facts, in place, by a part ``gain`` of what is off.

    Pays before the sale answer to interest and rush, carts to the chance to wait (a deferral is a cart), old clicks among
    the day's pays to who comes back, the day's pays to base, opening and closing, those of the day after to the dip.
    """
    if "pays_per_click.day0" not in real or ("waiting", "floor") not in values:
        return
    if carts_per_pay:
        _waiting(values, target, real, carts_per_pay, gain)
    _interest(values, target, real, gain)
    _returns(values, target, real, gain)
    _day(values, target, real, gain)
    if (ratio := _ratio(target, real, ["carts_per_click.day0"])) is not None:
        _scale(values, ("cart", "during"), ratio**gain)
    if (ratio := _ratio(target, real, ["clicks.day0"])) is not None:
        _scale(values, ("traffic", "during"), ratio**gain)
        _scale(values, ("traffic", "opening"), ratio**gain)


def _mean(facts: Facts, names: Iterable[str]) -> float | None:
    found = [facts[name] for name in names if name in facts]
    return float(np.mean(found)) if found else None


def _ratio(target: Facts, real: Facts, names: list[str]) -> float | None:
    """Return how much larger the measured mean of some facts is; None where either is not known."""
    both = [name for name in names if name in target and name in real]
    one, two = _mean(target, both), _mean(real, both)
    return one / two if one and two else None


def _days(name: str, days: Iterable[int]) -> list[str]:
    return [f"{name}.day{day}" for day in days]


def _scale(values: Values, key: tuple[str, ...], factor: float, most: float = MOST) -> None:
    values[key] = _rounded(min(float(values[key]) * float(np.clip(factor, 1 / FASTEST, FASTEST)), most))


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _waiting(values: Values, target: Facts, real: Facts, carts_per_pay: float, gain: float) -> None:
    """More carts per click than in the copy are more deferrals, one for one."""
    floor, rise = values["waiting", "floor"], values["waiting", "rise"]
    early = _days("carts_per_click", EARLY_DAYS)
    one, two = _mean(target, early), _mean(real, early)
    off = gain * (one - two) * carts_per_pay if one is not None and two is not None else 0.0
    floor = float(np.clip(floor + off, 0.0, 0.9))
    late = _days("carts_per_click", [LAST_DAY])
    one, two = _mean(target, late), _mean(real, late)
    if one is not None and two is not None:
        faded = float(np.exp(-0.5 * DAY / WaitingEffect().scale))
        rise = float(np.clip(rise + (gain * (one - two) * carts_per_pay - off) / faded, 0.0, 0.95 - floor))
    values["waiting", "floor"], values["waiting", "rise"] = _rounded(floor), _rounded(min(rise, 0.95 - floor))


def _interest(values: Values, target: Facts, real: Facts, gain: float) -> None:
    """Pays before the sale: interest all along, rush on the last day; what is below ordinary is waited for."""
    interest, rush = values["conversion", "interest"], values["conversion", "rush"]
    early = _ratio(target, real, _days("pays_per_click", EARLY_DAYS))
    if early is not None:
        wanted = (1 + interest) * early**gain - 1
        interest = max(wanted, 0.0)
        if wanted < 0:
            floor = values["waiting", "floor"]
            values["waiting", "floor"] = _rounded(
                min(floor - wanted * (1 - floor), 0.95 - values["waiting", "rise"])
            )
    last = _ratio(target, real, _days("pays_per_click", [LAST_DAY]))
    if last is not None:
        share = float(np.mean(np.exp(-(np.arange(24) + 0.5) * HOUR / ConversionEffect().rush_scale)))
        level = 1 + values["conversion", "interest"] + rush * share
        rush = float(np.clip((level * last**gain - 1 - interest) / share, 0.0, MOST))
    values["conversion", "interest"], values["conversion", "rush"] = _rounded(interest), _rounded(rush)


def _returns(values: Values, target: Facts, real: Facts, gain: float) -> None:
    one, two = target.get("old_pay_share.day0"), real.get("old_pay_share.day0")
    if one is None or two is None or not (0 < one < 1 and 0 < two < 1):
        return
    _scale(values, ("waiting", "returns"), ((one / (1 - one)) / (two / (1 - two))) ** gain, most=1.0)


def _day(values: Values, target: Facts, real: Facts, gain: float) -> None:
    """Hours of the first day: each part of the hazard by the hours that it rules."""
    level = _ratio(target, real, ["pays_per_click.day0"]) or 1.0
    hours = [h for h in range(24) if f"hour.pays.{h}" in target and f"hour.pays.{h}" in real]
    for part, (first, last) in PARTS.items():
        span = [h for h in hours if first <= h * 24 // max(len(hours), 1) < last]
        shape = _ratio(target, real, [f"hour.pays.{h}" for h in span]) or 1.0
        _scale(values, ("conversion", part), (level * shape) ** gain)
    one, two = target.get("pays_per_click.day1"), real.get("pays_per_click.day1")
    if one is not None and two is not None:
        faded = float(np.mean(np.exp(-(np.arange(24) + 0.5) * HOUR / ConversionEffect().dip_scale)))
        values["conversion", "dip"] = _rounded(
            float(np.clip(values["conversion", "dip"] + gain * (two - one) / faded, 0.0, 1.0))
        )
