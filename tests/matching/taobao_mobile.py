"""Steps that fit the preset ``taobao-mobile``: the mobile log of 2014 with its Double 12, delays of 2017.

What a day of the sale is compared with is the same day of the same world without the sale, so that neither drift nor
the weekday disturbs the comparison.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import numpy as np

from simulator.log.schema import Float64
from simulator.worlds.constants import WEEKDAY_CLICKS
from simulator.worlds.presets import merged
from tests.matching.engine import Dial, Step, Tables, duration, shares
from tests.matching.expected import Counts, expected
from tests.matching.moments import live, within, world
from tests.matching.published import Facts

PRESET = "taobao-mobile"
SALE_DAY = 15
"""A Friday, as 2014-12-12 was."""
SIZE: Tables = {"days": 20, "clicks_per_day": 4_000}
ORDINARY: Tables = {"days": 12, "clicks_per_day": 50_000, "cvr": 0.03}
"""A higher CVR than the preset's for the delays: more pays, distributed alike."""

CLICKS_ON_THE_DAY = (
    0.0705, 0.03272, 0.01699, 0.008982, 0.007524, 0.009431, 0.0187, 0.03196, 0.04036, 0.04687, 0.04689, 0.0402,
    0.04359, 0.04803, 0.04334, 0.04312, 0.04332, 0.03722, 0.03916, 0.05139, 0.06355, 0.07456, 0.07443, 0.06717,
)  # fmt: skip
"""Share of the clicks of 2014-12-12 by hour, same log."""
EARLY = 0.956
"""Buys per click over an ordinary day's, mean of the days -11 to -4, same log."""
OLD = 0.268
"""Of the pays of Double 11 whose last click was on the day or up to three days before, those with one before the day
(Tmall log, IJCAI-15: lags of 0, 1, 2-3 days .6212 .1468 .0805). The .38 of all lags has .15 of four days and more,
which a journey of three days cannot have.
"""


def steps(seed: int) -> Iterator[Step]:
    """Yield the steps in their order; the other dials of each are those of the preset as its file stands."""
    yield _hours(seed)
    yield _delays(seed)
    yield _traffic(seed)
    yield sale(seed)


def _hours(seed: int) -> Step:
    facts = Facts(PRESET, "hour.pays.")
    dials = [Dial(f"hour {h}", 1.0, 0.05, 5.0, log=True) for h in range(24)]

    def tables(v: Mapping[str, float]) -> Tables:
        shape = np.array([v[dial.name] for dial in dials])
        return {"delay": {"by_hour": [round(float(x), 4) for x in shape / shape.mean()]}}

    def moments(written: Tables) -> Float64:
        counts = expected(world(PRESET, seed, merged({"days": 10, "clicks_per_day": 4_000}, written)))
        settled = counts.pays[72:].reshape(-1, 24).sum(0)
        shares: Float64 = settled / settled.sum()
        return shares

    tolerances = facts.tolerances / 8
    return Step(
        "pays by hour of day", dials, tables, moments, facts.names, facts.targets, tolerances, robust=False
    )


def _delays(seed: int) -> Step:
    curve, old = Facts(PRESET, "click_pay.within_3d."), Facts(PRESET, "old_pay_share")

    def tables(v: Mapping[str, float]) -> Tables:
        # How far the two profiles lie apart is not published: a factor of two on either end, as in CASCADE.
        return {
            "delay": {
                "scales": [duration(v["first"]), duration(v["second"]), duration(v["third"])],
                "fast_profile": shares(v["w1"] + 1.0, v["w2"] + 0.5),
                "slow_profile": shares(v["w1"] - 0.4, v["w2"] - 0.2),
            }
        }

    def moments(written: Tables) -> Float64:
        log = live(world(PRESET, seed, merged(ORDINARY, written)))
        paid = log.paid
        late = (log.clock + log.first_pay)[paid] >= 24
        return np.append(within(log.first_pay, curve.ages()), late.mean())

    dials = (
        Dial("first", 0.168, 0.03, 0.5, log=True),
        Dial("second", 2.0, 0.5, 8.0, log=True),
        Dial("third", 18.15, 10.0, 60.0, log=True),
        Dial("w1", 1.0, -2.0, 4.0),
        Dial("w2", -1.0, -4.0, 2.0),
    )
    return Step(
        "last click to pay",
        dials,
        tables,
        moments,
        [*curve.names, *old.names],
        np.append(curve.targets, old.targets),
        np.append(curve.tolerances / 3, old.tolerances / 3),
    )


def _sold(written: Tables) -> Tables:
    return {"promotion": [{"name": "double12", "start": f"{SALE_DAY}d", **written}]}


def _traffic(seed: int) -> Step:
    # What the world multiplies is the usual traffic of the weekday.
    day = Facts(PRESET, "sale.clicks.day0").targets[0] / WEEKDAY_CLICKS[4]
    usual = Facts(PRESET, "hour.clicks.").targets
    targets = day * np.array(CLICKS_ON_THE_DAY) / usual

    def tables(v: Mapping[str, float]) -> Tables:
        return _sold(
            {
                "traffic": {
                    "during": v["during"],
                    "opening": v["opening"],
                    "opening_scale": duration(v["scale"]),
                }
            }
        )

    def moments(written: Tables) -> Float64:
        one = world(PRESET, seed, merged({"days": 20, "clicks_per_day": 10}, written))
        hours = one.mechanism.schedule.traffic[24 * SALE_DAY : 24 * (SALE_DAY + 1)]
        return np.append(hours, (hours * usual).sum() / usual.sum())

    dials = (
        Dial("during", 1.6, 1.0, 2.0),
        Dial("opening", 1.6, 0.1, 4.0),
        Dial("scale", 5.0, 0.5, 12.0, log=True),
    )
    return Step(
        "clicks by hour of the day",
        dials,
        tables,
        moments,
        [*(f"clicks at hour {h}, over usual" for h in range(24)), "clicks of the day, over usual"],
        np.append(targets, day),
        np.append(np.full(24, 0.3), 0.02),
    )


def sale(seed: int, preset: str = PRESET) -> Step:
    """Return the step that fits what a sale does to the preset (the blend's old pays are what its delays make them)."""
    rate, carts = Facts(PRESET, "sale.pays_per_click.day"), Facts(PRESET, "sale.carts_per_click.day")
    hours = Facts(PRESET, "sale.hour.pays.")
    old_share = 0.012 if preset == PRESET else np.inf

    def tables(v: Mapping[str, float]) -> Tables:
        return _sold(
            {
                "conversion": {
                    "interest": v["interest"],
                    "rush": v["rush"],
                    "rush_scale": duration(v["rush scale"]),
                    "base": v["base"],
                    "opening": v["opening"],
                    "opening_scale": duration(v["opening scale"]),
                    "closing": v["closing"],
                    "closing_scale": duration(v["closing scale"]),
                    "dip": v["dip"],
                    "dip_scale": duration(v["dip scale"]),
                },
                "waiting": {
                    "floor": v["floor"],
                    "rise": v["rise"],
                    "scale": duration(v["scale"]),
                    "returns": v["returns"],
                    "early": v["early"],
                    "return_scale": duration(v["return scale"]),
                },
                "cart": {"during": v["carts during"], "after": v["carts after"], "after_length": "6d"},
            }
        )

    def moments(written: Tables) -> Float64:
        return sale_moments(seed, written, preset)

    names = [
        *rate.names,
        *carts.names,
        *hours.names,
        "old pays of three days",
        "pays per click, days -11 to -4",
    ]
    targets = [rate.targets, carts.targets, hours.targets, np.array([OLD, EARLY])]
    tolerances = [
        rate.tolerances / 4,
        carts.tolerances / 4,
        hours.tolerances / 3,
        np.array([old_share, 0.02]),
    ]
    return Step(
        "the sale", SALE_DIALS, tables, moments, names, np.concatenate(targets), np.concatenate(tolerances)
    )


SALE_DIALS = (
    Dial("interest", 0.0836, 0.0, 0.4),
    Dial("rush", 0.615, 0.0, 1.2),
    Dial("rush scale", 6.92, 4.0, 36.0, log=True),
    Dial("base", 0.55, 0.1, 2.0),
    Dial("opening", 8.29, 1.0, 16.0),
    Dial("opening scale", 6.03, 2.0, 14.0, log=True),
    Dial("closing", 2.67, 0.0, 8.0),
    Dial("closing scale", 2.92, 1.0, 10.0, log=True),
    Dial("dip", 0.267, 0.0, 0.8),
    Dial("dip scale", 27.8, 6.0, 96.0, log=True),
    Dial("floor", 0.11, 0.0, 0.3),
    Dial("rise", 0.489, 0.1, 0.65),
    Dial("scale", 26.15, 10.0, 90.0, log=True),
    Dial("returns", 0.559, 0.2, 1.0),
    Dial("early", 0.0604, 0.0, 0.5),
    Dial("return scale", 8.64, 2.0, 14.0, log=True),
    Dial("carts during", 1.48, 0.8, 2.5),
    Dial("carts after", 0.895, 0.7, 1.1),
)


@cache
def _usual(seed: int, preset: str) -> Counts:
    return expected(world(preset, seed, SIZE))


def sale_moments(seed: int, written: Tables, preset: str = PRESET) -> Float64:
    """Return what a sale does: rates of days -4 to 4, hours of the day, the share of old pays, days -11 to -4."""
    usual, sold = _usual(seed, preset), expected(world(preset, seed, merged(SIZE, written)))
    pays, carts = (sold.per_click(name) / usual.per_click(name) for name in ("pays", "carts"))
    near = slice(SALE_DAY - 4, SALE_DAY + 5)
    hours = sold.pays[24 * SALE_DAY : 24 * (SALE_DAY + 1)]
    old = sold.daily("old")[SALE_DAY] / sold.daily("pays")[SALE_DAY]
    weeks = slice(SALE_DAY - 11, SALE_DAY - 3)
    before = [c.daily("pays")[weeks].sum() / c.daily("clicks")[weeks].sum() for c in (sold, usual)]
    return np.concatenate([pays[near], carts[near], hours / hours.sum(), [old, before[0] / before[1]]])
