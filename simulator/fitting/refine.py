"""The generator in the loop: live a small copy of the fitted world, measure it, and correct the levels by what is off.

The estimators describe shoppers as if they were alike, but a world's are not (its tastes and levels are dials of their
own), and a promotion's effects overlap. Matching the moments of the world to those of the log takes care of both (simulated
moments: McFadden 1989).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from simulator.calendar import Calendar, Promotion
from simulator.fitting.estimates import RAREST, SUREST, Estimates, Key, rounded_shares
from simulator.fitting.sales import match_sale
from simulator.log.facts import FactSheet, fact_sheet
from simulator.log.facts.sums import AGES
from simulator.log.reader import Log
from simulator.log.schema import Float64
from simulator.logistic import expit, logit
from simulator.units import HOUR, MINUTE, format_duration, parse_duration
from simulator.windows import Windows
from simulator.worlds.generate import generate
from simulator.worlds.settings import WorldSettings

CLICKS, MOST_CLICKS, PAYS = 300_000, 1_000_000, 30_000
"""Of the copy: at least so many clicks, and more where few of them pay."""
FASTEST = 2.0
"""No level is changed by more than this factor at a time."""


WAITS = {
    "delay": ("click_pay", ("fast_profile", "slow_profile")),
    "cart": ("click_cart", ("weights",)),
    "refund": ("pay_refund", ("weights",)),
    "repurchase": ("pay_next", ("weights",)),
}
"""Which wait of the fact sheet answers to the weights of which block."""


def live(estimates: Estimates, windows: Windows, seed: int, clicks: int | None = None) -> FactSheet:
    """Generate the fitted world without its drift and churn (with so many clicks in all, if given); return its fact sheet."""
    table = estimates.table()
    if clicks is not None:
        table["clicks_per_day"] = max(min(table["clicks_per_day"], clicks // table["days"]), 1)
    # What drifts and what is new would move what is compared; the world that is written keeps both.
    table["drift"] = {"level": 0.0, "category": 0.0, "taste": 0.0, "context": 0.0, "refund": 0.0}
    table["effects"] = {"campaign": 0.0}
    table["churn"] = {"evergreen": 1.0}
    settings = WorldSettings.model_validate(table)
    calendar = Calendar.of([Promotion(p.name, p.start, p.end, p.anticipation) for p in settings.promotion])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "world")
        generate(settings, windows, min(15 * MINUTE, windows.attribution), seed, path)
        return fact_sheet(Log.open(path), windows, calendar)


def refine(estimates: Estimates, windows: Windows, *, rounds: int, seed: int) -> None:
    """Correct the levels in place, ``rounds`` times."""
    clicks = int(np.clip(PAYS / estimates.values["cvr",], CLICKS, MOST_CLICKS))
    for number in range(rounds):
        sheet = live(estimates, windows, seed + number, clicks)
        gain = 1 / (number + 1.5)
        for correct in (_carts, _repurchases, _amounts):
            correct(estimates, sheet)
        for block, (wait, profiles) in WAITS.items():
            _waits(estimates, sheet, block, wait, profiles, gain)
        lived = {sale.name: sale.values for sale in sheet.sales}
        for measured, (values, _) in zip(estimates.sheet.sales, estimates.promotions, strict=True):
            match_sale(
                values,
                measured.values,
                lived.get(measured.name, {}),
                _carts_per_pay(sheet),
                1 / (number + 1.5),
            )


def _carts_per_pay(sheet: FactSheet) -> float:
    carts, cvr = sheet.value("carts_per_click"), sheet.value("cvr")
    return carts / cvr if carts and cvr else 0.0


def _both(estimates: Estimates, sheet: FactSheet, name: str) -> tuple[float, float] | None:
    target, real = estimates.sheet.value(name), sheet.value(name)
    return None if target is None or real is None else (target, real)


def _carts(estimates: Estimates, sheet: FactSheet) -> None:
    """Move the cart rate by what it is off in log-odds (CVR and refund rate are solved for by the world itself)."""
    key, found = ("cart", "rate"), _both(estimates, sheet, "cart_rate")
    if found is None or not all(RAREST < p < SUREST for p in found) or estimates.values[key] <= RAREST:
        return
    target, real, old = logit(np.array([*found, estimates.values[key]]))
    moved = expit(old + np.clip(target - real, -np.log(FASTEST), np.log(FASTEST)))
    estimates.values[key] = float(f"{min(moved, SUREST):.4g}")


def _scaled(values: dict[Key, object], key: Key, factor: float, most: float = np.inf) -> None:
    old = values.get(key)
    if isinstance(old, float):
        values[key] = float(f"{min(old * float(np.clip(factor, 1 / FASTEST, FASTEST)), most):.4g}")


def _repurchases(estimates: Estimates, sheet: FactSheet) -> None:
    share = _both(estimates, sheet, "repurchase_share")
    if share is not None and min(share) > 0:
        target, real = (-np.log1p(-min(value, 0.99)) for value in share)
        _scaled(estimates.values, ("repurchase", "first"), float(target / real))
    pays = _both(estimates, sheet, "pays_per_repurchasing_click")
    if pays is not None and min(pays) > 2:
        _scaled(estimates.values, ("repurchase", "further"), (pays[0] - 2) / (pays[1] - 2), 5.0)


def _waits(
    estimates: Estimates, sheet: FactSheet, block: str, wait: str, profiles: tuple[str, ...], gain: float
) -> None:
    """Scale the weight of each component by what of the waits in its own range of time is missing.

    Ranges meet at the geometric mean of two scales. Differences between shoppers, which the estimators do not know, make
    waits look faster than each shopper's are.
    """
    key = (block, profiles[0])
    if key not in estimates.values or len(estimates.values[key]) < 2:
        return
    hours = np.array([parse_duration(scale) for scale in estimates.values[block, "scales"]]) / HOUR
    edges = np.sqrt(hours[1:] * hours[:-1])
    shares = [_shares_between(facts, wait, edges) for facts in (estimates.sheet, sheet)]
    if (
        any(share is None or share.min() < RAREST for share in shares)
        or shares[0] is None
        or shares[1] is None
    ):
        return
    moved = np.array(estimates.values[key]) * np.clip(shares[0] / shares[1], 1 / FASTEST, FASTEST) ** gain
    for profile in profiles:
        estimates.values[block, profile] = rounded_shares(moved / moved.sum())


def _shares_between(sheet: FactSheet, wait: str, edges: Float64) -> Float64 | None:
    """Return the shares of waits between the edges (hours), from the distribution on the fact sheet."""
    points = [(age / HOUR, sheet.value(f"{wait}.within.{format_duration(age)}")) for age in AGES]
    known = [(age, share) for age, share in points if share is not None]
    if len(known) < 2:
        return None
    ages, reached = np.array(known).T
    order = np.argsort(ages)
    at = np.interp(np.log(edges), np.log(ages[order]), reached[order])
    shares: Float64 = np.diff(np.concatenate([[0.0], at, [1.0]]))
    return shares


def _amounts(estimates: Estimates, sheet: FactSheet) -> None:
    mean, sd = _both(estimates, sheet, "ln_amount.mean"), _both(estimates, sheet, "ln_amount.sd")
    if mean is None or sd is None or ("amount", "level") not in estimates.values:
        return
    estimates.values["amount", "level"] = round(estimates.values["amount", "level"] + mean[0] - mean[1], 4)
    variance = estimates.values["amount", "residual"] ** 2 + sd[0] ** 2 - sd[1] ** 2
    estimates.values["amount", "residual"] = round(max(variance, 0.0) ** 0.5, 4)
