"""Steps that fit the preset ``cascade``: delays, refunds and hours of NetCVR's CASCADE (three-day windows)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from simulator.log.schema import Float64
from simulator.units import HOUR
from simulator.worlds.generate import World
from simulator.worlds.presets import merged
from tests.matching.engine import Dial, Step, Tables, duration, shares
from tests.matching.moments import Lived, by_rate, live, within, world
from tests.matching.published import Facts

PRESET = "cascade"
SIZE: Tables = {"days": 14, "clicks_per_day": 70_000, "users": 50_000, "items": 40_000}
"""Twenty clicks a user and thirteen an item, as in CASCADE."""
HARMONICS = 4
"""Of the pay hazard's daily rhythm: the published curve is known to a fifth of its swing."""
USER_BINS = (0.0, 0.25, 0.5, 0.75, 1.01)
ITEM_BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.01)


def lived(seed: int, *tables: Mapping[str, object]) -> Lived:
    """Live through a world of the preset."""
    written: Tables = dict(SIZE)
    for table in tables:
        written = merged(written, table)
    return live(world(PRESET, seed, written))


def steps(seed: int) -> Iterator[Step]:
    """Yield the steps in their order; the other dials of each are those of the preset as its file stands."""
    yield _hours(seed)
    yield _pays(seed)
    yield _refunds(seed)
    yield _items(seed)


def _hours(seed: int) -> Step:
    facts = Facts(PRESET, "hour.cvr.")
    dials = [Dial(f"{part} {k}", 0.0, -1.5, 1.5) for k in range(1, HARMONICS + 1) for part in ("cos", "sin")]

    def tables(v: Mapping[str, float]) -> Tables:
        return {"delay": {"by_hour": daily([v[dial.name] for dial in dials])}}

    def moments(written: Tables) -> Float64:
        curve = cvr_by_hour(world(PRESET, seed, merged(SIZE, written)))
        # The three days of the figure have a level of their own: its shape is what is fitted.
        shape: Float64 = curve / curve.mean() * facts.targets.mean()
        return shape

    return Step(
        "pays by hour of the click", dials, tables, moments, facts.names, facts.targets, facts.tolerances / 2
    )


def daily(harmonics: Sequence[float]) -> list[float]:
    """Return 24 positive numbers of mean 1 whose logarithm has the given harmonics (cosine, sine, ...)."""
    angle = 2 * np.pi * (np.arange(24) + 0.5) / 24
    log = np.zeros(24)
    for k, (cosine, sine) in enumerate(zip(harmonics[::2], harmonics[1::2], strict=True), start=1):
        log += cosine * np.cos(k * angle) + sine * np.sin(k * angle)
    shape = np.exp(log) / np.exp(log).mean()
    return [round(float(value), 4) for value in shape]


def cvr_by_hour(one: World) -> Float64:
    """Return the mean true probability of paying by hour of the click (no promotion)."""
    clicks, pays = np.zeros(24), np.zeros(24)
    for _, arrivals, visit, _ in one.visits():
        state = one.mechanism.considering(arrivals.time / HOUR, visit, one.levels)
        hour = arrivals.time // HOUR % 24
        clicks += np.bincount(hour, minlength=24)
        pays += np.bincount(hour, -np.expm1(-state.whole), minlength=24)
    rate: Float64 = pays / clicks
    return rate


def _pays(seed: int) -> Step:
    curve = Facts(PRESET, "click_pay.within_3d.", skip="p")
    rest = Facts(PRESET, "click_pay.mean", "pay_delay_by_user_cvr.")

    def tables(v: Mapping[str, float]) -> Tables:
        return {
            "effects": {"user": v["user level"]},
            "delay": {
                "scales": [duration(v["first"]), duration(v["second"]), duration(v["third"])],
                "fast_profile": shares(v["fast 1"], v["fast 2"]),
                "slow_profile": shares(v["slow 1"], v["slow 2"]),
                "fast": v["fast"],
                "user_slope": v["user"],
            },
        }

    def moments(written: Tables) -> Float64:
        log = lived(seed, written)
        wait = log.first_pay
        by_user = by_rate(log.user, log.paid, wait, USER_BINS)
        return np.concatenate([within(wait, curve.ages()), [wait[log.paid].mean()], by_user])

    dials = (
        Dial("first", 0.1151, 0.03, 0.4, log=True),
        Dial("second", 1.26, 0.4, 4.0, log=True),
        Dial("third", 43.98, 15.0, 120.0, log=True),
        Dial("fast 1", 0.5, -2.0, 3.0),
        Dial("fast 2", -0.3, -3.0, 3.0),
        Dial("slow 1", -2.7, -5.0, 1.0),
        Dial("slow 2", -2.7, -5.0, 1.0),
        Dial("fast", -1.7, -3.0, 1.0),
        Dial("user", 1.0, 0.0, 4.0),
        Dial("user level", 0.65, 0.25, 0.9),
    )
    # The top bin holds some sixty pays here: its mean is known to two hours.
    trust = np.array([0.5] * (len(rest.names) - 1) + [1.5])
    return Step(
        "click to pay",
        dials,
        tables,
        moments,
        [*curve.names, *rest.names],
        np.concatenate([curve.targets, rest.targets]),
        np.concatenate([curve.tolerances / 2, rest.tolerances * trust]),
    )


def _refunds(seed: int) -> Step:
    curve = Facts(PRESET, "pay_refund.within_3d.", skip="p")
    rest = Facts(PRESET, "pay_refund.mean")

    def tables(v: Mapping[str, float]) -> Tables:
        scales = [duration(v[name]) for name in ("first", "second", "third", "fourth")]
        return {"refund": {"scales": scales, "weights": shares(v["w1"], v["w2"], v["w3"])}}

    def moments(written: Tables) -> Float64:
        wait = lived(seed, written).refund
        return np.append(within(wait, curve.ages()), wait[np.isfinite(wait)].mean())

    dials = (
        Dial("first", 0.0138, 0.004, 0.05, log=True),
        Dial("second", 0.1876, 0.05, 0.8, log=True),
        Dial("third", 3.634, 1.0, 12.0, log=True),
        Dial("fourth", 300.0, 30.0, 600.0, log=True),
        Dial("w1", -1.07, -4.0, 3.0),
        Dial("w2", -1.49, -4.0, 3.0),
        Dial("w3", -1.79, -4.0, 3.0),
    )
    return Step(
        "pay to refund",
        dials,
        tables,
        moments,
        [*curve.names, *rest.names],
        np.append(curve.targets, rest.targets),
        np.append(curve.tolerances, rest.tolerances) / 2,
    )


def _items(seed: int) -> Step:
    facts = Facts(PRESET, "rfr_by_item_cvr.")

    def tables(v: Mapping[str, float]) -> Tables:
        return {"refund": {"by_cvr": [v["first"], v["second"]]}}

    def moments(written: Tables) -> Float64:
        log = lived(seed, written)
        return refund_by_item(log, ITEM_BINS)

    dials = (Dial("first", -2.757, -15.0, 5.0), Dial("second", 1.896, -10.0, 60.0))
    return Step(
        "refund rate by the item's CVR",
        dials,
        tables,
        moments,
        facts.names,
        facts.targets,
        facts.tolerances,
    )


def refund_by_item(log: Lived, edges: Sequence[float]) -> Float64:
    """Return the refund rate of pays by the empirical CVR of the item."""
    return by_rate(log.item, log.paid, np.isfinite(log.refund).astype(np.float64), edges)
