"""Constants of ``[world]`` from the sums of a log, each with a word on how sure it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from simulator.errors import LogError
from simulator.fitting.amounts import fit_amounts
from simulator.fitting.estimates import RAREST, SUREST, Estimates, rounded, rounded_shares, written_duration
from simulator.fitting.mixture import (
    Mixture,
    censored_hazard,
    fit_mixture,
    integrated_hazard,
    level_of,
    reaching,
)
from simulator.fitting.popularity import population
from simulator.fitting.promotions import sale_estimates
from simulator.fitting.rhythm import pay_rhythm
from simulator.log.facts.sheet import sheet_of, whole_days
from simulator.log.facts.sums import USER, Gathered
from simulator.log.meta import Meta
from simulator.log.schema import Bool, Float64
from simulator.units import HOUR

FEWEST_CLICKS = 100
COMPONENTS = {"delay": 3, "cart": 2, "refund": 4, "repurchase": 3}
FEWEST_AT_RISK = 0.02
"""Share of first pays that must have so much time left for a gap to be counted."""
WEEKS = 14
"""Ordinary days from which on weekdays are told apart."""
DRIFT_DAYS = 8


def estimate(found: Gathered, meta: Meta) -> Estimates:
    """Estimate what can be.

    Raises
    ------
    LogError : the log has next to no clicks, or no pay whose window has closed.
    """
    sheet = sheet_of(found)
    if found.clicks < FEWEST_CLICKS:
        raise LogError(
            f"a world cannot be fitted to {found.clicks} clicks; {FEWEST_CLICKS} or more are needed"
        )
    if not sheet.value("cvr"):
        raise LogError(
            "a world cannot be fitted: of the clicks whose attribution window closed before the log ends, none paid; "
            "shorter --windows may help"
        )
    result = Estimates(sheet)
    ordinary = _ordinary_days(found)
    for part in (_traffic(found, meta, ordinary), _people(found), _paying(found), _carts(found), _refunds(found),
                 _repurchases(found), _amounts(found), _drift(found)):  # fmt: skip
        for path, value, note in part:
            result.put(path, value, note)
    result.promotions = [sale_estimates(found, sheet, sale, ordinary) for sale in found.calendar.promotions]
    return result


Found = Iterator[tuple[str, Any, str]]


def _ordinary_days(found: Gathered) -> Bool:
    """Return the ordinary days between the first whole one and the last, those on which a shop is closed included."""
    whole = whole_days(found)
    seen = np.flatnonzero(whole)
    span = np.zeros(len(whole), bool)
    span[seen[0] : seen[-1] + 1] = True
    return span & found.ordinary if (span & found.ordinary).any() else span


def _traffic(found: Gathered, meta: Meta, ordinary: Bool) -> Found:
    clicks = found.hourly["clicks"].reshape(-1, 24)
    seen = np.flatnonzero(clicks.sum(1))
    days = int(seen[-1] - seen[0] + 1)
    daily = clicks.sum(1)[ordinary]
    error = daily.std(ddof=1) / len(daily) ** 0.5 if len(daily) > 1 else float("nan")
    yield "days", days, "days with clicks in the log"
    yield "clicks_per_day", max(round(daily.mean()), 1), f"s.e. {error:,.0f} over {len(daily)} ordinary days"
    weekday = _weekday(found, meta, ordinary, clicks.sum(1))
    if weekday is None:
        yield "weekday", [1.0] * 7, f"not told apart: fewer than {WEEKS} ordinary days"
    else:
        yield "weekday", weekday, "Monday first, relative to the mean"
    hours = clicks[ordinary].sum(0)
    floor = max(hours.sum() * 1e-5, 1e-9)
    shares = np.maximum(hours, floor) / np.maximum(hours, floor).sum()
    yield "clicks_by_hour", [round(float(x), 5) or 1e-5 for x in shares], f"{hours.sum():,.0f} clicks"


def _weekday(found: Gathered, meta: Meta, ordinary: Bool, daily: Float64) -> list[float] | None:
    days = np.flatnonzero(ordinary)
    weekday = (days + found.first_day + meta.clock.first_date.weekday()) % 7
    counts = np.bincount(weekday, minlength=7)
    if len(days) < WEEKS or not counts.all():
        return None
    means = np.bincount(weekday, daily[days], 7) / counts
    # A world's clicks a day are the mean over weeks.
    return [round(float(x), 3) for x in means / means.mean()]


def _people(found: Gathered) -> Found:
    _, users = found.users.sums()
    clicks = users[USER.index("clicks")]
    size, exponent = population(
        float(clicks.sum()), float((clicks > 0).sum()), float((clicks * (clicks - 1)).sum())
    )
    yield "users", size, f"{(clicks > 0).sum():,} seen; size and inequality from coincidences of clicks"
    yield "user_zipf", round(min(exponent, 3.0), 3), ""
    days = np.array(found.item_days, np.float64)
    number, distinct, pairs = days[days[:, 0] > days[:, 0].max() / 2].mean(0)
    size, exponent = population(number, distinct, pairs)
    yield "items", size, f"alive at a time; {distinct:,.0f} seen a day"
    yield "item_zipf", round(min(exponent, 3.0), 3), ""


def _paying(found: Gathered) -> Found:
    daily = {name: found.hourly[name].reshape(-1, 24).sum(1)[found.ordinary] for name in ("paid", "labelled")}
    paid, labelled = float(daily["paid"].sum()), float(daily["labelled"].sum())
    if not labelled:
        daily = {name: found.hourly[name].reshape(-1, 24).sum(1) for name in ("paid", "labelled")}
        paid, labelled = float(daily["paid"].sum()), float(daily["labelled"].sum())
    cvr = paid / labelled
    residual = daily["paid"] - cvr * daily["labelled"]
    error = float((residual**2).sum()) ** 0.5 / labelled
    note = f"s.e. {error:.2g} (days as blocks)"
    if not RAREST < cvr < SUREST:
        note += f"; measured {cvr:.4g}, but a world wants something in between"
    yield "cvr", rounded(float(np.clip(cvr, RAREST, SUREST))), note
    mixture = _wait(found, "click_pay", labelled, COMPONENTS["delay"])
    if mixture is None:
        return
    clicks = found.hourly["labelled"].reshape(-1, 24)[found.ordinary].sum(0)
    pays = found.hourly["first_pays"].reshape(-1, 24)[found.ordinary].sum(0)
    if not clicks.sum() or not pays.sum():
        clicks, pays = np.ones(24), np.ones(24)
    rhythm, mixture = pay_rhythm(clicks, pays, mixture, found.windows.attribution / HOUR)
    mixture = reaching(mixture, found.windows.attribution / HOUR)
    yield from _scales("delay", mixture)
    weights = rounded_shares(mixture.weights)
    yield "delay.fast_profile", weights, ""
    yield "delay.slow_profile", weights, "one profile for all: who is fast is not told apart"
    yield (
        "delay.by_hour",
        [round(float(x), 3) for x in rhythm],
        f"pay hazard by hour, from {pays.sum():,.0f} pays",
    )


def _carts(found: Gathered) -> Found:
    labelled = _ordinary(found, "labelled")
    rate = _ordinary(found, "carted") / labelled if labelled else 0.0
    if rate <= RAREST:
        yield "cart.rate", RAREST, "the log has no carts"
        return
    yield "cart.rate", rounded(min(rate, SUREST)), f"s.e. {(rate * (1 - rate) / labelled) ** 0.5:.2g}"
    paid = found.delays["click_pay"].counts[0]
    mixture = _wait(found, "click_cart", labelled, COMPONENTS["cart"], leaving=paid.astype(np.float64))
    if mixture is not None:
        yield from _scales("cart", mixture)
        yield "cart.weights", rounded_shares(mixture.weights), ""


def _refunds(found: Gathered) -> Found:
    settled = _ordinary(found, "settled")
    rate = _ordinary(found, "refunded") / settled if settled else 0.0
    if rate <= RAREST:
        yield "refund.rate", RAREST, "the log has no refunds"
        return
    yield "refund.rate", rounded(min(rate, SUREST)), f"s.e. {(rate * (1 - rate) / settled) ** 0.5:.2g}"
    mixture = _wait(found, "pay_refund", settled, COMPONENTS["refund"])
    if mixture is not None:
        yield from _scales("refund", mixture)
        yield "refund.weights", rounded_shares(mixture.weights), ""
    if found.returned[0]:
        yield "refund.full_share", round(float(found.returned[1] / found.returned[0]), 3), ""


def _repurchases(found: Gathered) -> Found:
    window = found.windows.attribution / HOUR
    first, second, every = (
        found.delays[name].counts[0].astype(np.float64)
        for name in ("click_pay", "first_to_second", "pay_next")
    )
    edges = found.delays["click_pay"].edges() / HOUR
    middle = (edges[1:] + edges[:-1]) / 2
    if second.sum() < 1:
        yield "repurchase.first", 0.0, "the log has no repurchases"
        yield "repurchase.further", 0.0, ""
        return
    # A gap g is possible where the first pay came before window - g.
    early = np.interp(window - middle, edges, np.concatenate([[0.0], np.cumsum(first)]), left=0.0)
    increments = censored_hazard(second, np.where(early > FEWEST_AT_RISK * first.sum(), early, 0.0))
    mixture = fit_mixture(edges, increments, window, int(second.sum()), COMPONENTS["repurchase"])
    if mixture is None:
        yield "repurchase.first", 0.0, f"only {second.sum():.0f} repurchases in the log: left out"
        yield "repurchase.further", 0.0, ""
        return
    rest = np.maximum(window - middle, 0.0)
    level = level_of(mixture, rest, first, float(second.sum()))
    later = found.delays["click_later_pay"].counts[0].astype(np.float64)
    further = level_of(mixture, rest, later, float(every.sum() - second.sum()))
    yield (
        "repurchase.first",
        rounded(level),
        f"s.e. {level / second.sum() ** 0.5:.2g}; integrated hazard, one for all",
    )
    yield "repurchase.further", rounded(min(further, 5.0)), ""
    yield "repurchase.loyalty", 0.0, "differences between users are not told apart"
    yield "repurchase.replenishable", 1.0, ""
    yield from _scales("repurchase", mixture)
    yield "repurchase.weights", rounded_shares(mixture.weights), ""


def _amounts(found: Gathered) -> Found:
    amounts = fit_amounts(found)
    if amounts is None:
        return
    count = found.amount.sums[0]
    yield "amount.level", round(amounts.level, 4), f"ln amount; s.e. {amounts.error:.2g} ({count:,.0f} pays)"
    for name in ("price", "user", "residual", "shared", "growth", "again"):
        yield f"amount.{name}", round(getattr(amounts, name), 4), {
            "price": "sd between items", "user": "sd between users", "shared": "common to the pays of a journey",
        }.get(name, "")  # fmt: skip


def _drift(found: Gathered) -> Found:
    """Estimate the daily steps of the common level: variance of log-CVR differences less the counts' own."""
    paid, labelled = (found.hourly[name].reshape(-1, 24).sum(1) for name in ("paid", "labelled"))
    usable = found.ordinary & (paid >= 10)
    both = usable[1:] & usable[:-1]
    steps = int(both.sum())
    if steps < DRIFT_DAYS:
        return
    rate = np.log(np.where(usable, paid / np.maximum(labelled, 1), 1.0))
    noise = np.where(usable, 1 / np.maximum(paid, 1), 0.0)
    difference = np.diff(rate)[both]
    excess = (difference**2).mean() - (noise[1:] + noise[:-1])[both].mean()
    error = float((difference**2).std(ddof=1) / steps**0.5)
    level = max(float(excess), 0.0) ** 0.5
    yield (
        "drift.level",
        round(level, 4),
        f"sd of a day's step; its square has s.e. {error:.2g}; weekdays and tastes are in it",
    )


def _ordinary(found: Gathered, name: str) -> float:
    daily = found.hourly[name].reshape(-1, 24).sum(1)
    return float(daily[found.ordinary].sum() or 0.0)


def _wait(
    found: Gathered, name: str, cases: float, components: int, leaving: Float64 | None = None
) -> Mixture | None:
    """Fit the wait of an event among ``cases``; those that leave otherwise (by the same bins) are no longer at risk."""
    histogram = found.delays[name]
    counts = histogram.counts[0].astype(np.float64)
    gone = counts if leaving is None else counts + leaving
    at_risk = np.maximum(cases - np.concatenate([[0.0], np.cumsum(gone)[:-1]]), counts)
    window = found.windows.refund if name == "pay_refund" else found.windows.attribution
    increments = integrated_hazard(counts, at_risk)
    return fit_mixture(histogram.edges() / HOUR, increments, window / HOUR, int(counts.sum()), components)


def _scales(block: str, mixture: Mixture) -> Found:
    note = f"mixture of exponentials: {mixture.events:,} waits, largest gap of the distribution {mixture.gap:.3f}"
    yield f"{block}.scales", [written_duration(hours) for hours in mixture.scales], note
