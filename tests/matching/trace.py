"""Steps that fit the preset ``trace``: repurchases and GMV of READER's TRACE (attribution over seven days).

Its log holds clicks that paid, and no CVR; the fit looks at the paying clicks of a world with the preset's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import numpy as np

from simulator.log.schema import Float64
from simulator.worlds.constants import CLICK_SHARE
from simulator.worlds.presets import merged
from simulator.worlds.spending import later
from tests.matching.engine import Dial, Step, Tables, duration, shares
from tests.matching.moments import Lived, live, within, world
from tests.matching.predictability import NAMES, ideal
from tests.matching.published import Facts

PRESET = "trace"
SIZE: Tables = {"days": 10, "clicks_per_day": 20_000}
FIRST_PAYS = (0.0522, 0.0175, 0.0869, 0.1850, 0.1765, 0.1654, 0.1504, 0.1661)
"""Share of first pays by block of three hours (released log of READER)."""
HARMONICS = 3
DENSITY = (1.232, 1.270, 0.72, 0.58, 0.186, 0.211)
"""Of GMV, with one pay and with more: sd and excess kurtosis of its log, share of the top 1 % (READER, figure 4)."""
IDEAL = {
    "AUC of repurchase": 0.825,
    "AUC of GMV": 0.82,
    "AUC of GMV, class known": 0.86,
    "GMV within 20 %, class known": 0.46,
    "ALPR of GMV": 0.77,
    "ALPR of GMV, class known": 0.59,
}
"""What a perfect model shall reach: a little more than the trained ones of READER (WWW 2026), whose router has an AUC of
"over .80", whose frozen single network .8035 (ALPR .822) in table 4, and whose dual network told the class .8486 (.413
within 20 %, ALPR .627).
"""
GMV_AGES = ("1", "3", "5", "9", "13", "17", "24", "31", "48", "61", "72", "96", "120", "144")


def steps(seed: int) -> Iterator[Step]:
    """Yield the steps in their order; the other dials of each are those of the preset as its file stands."""
    yield _hours(seed)
    yield _predictability(seed)
    yield _journeys(seed)
    yield _amounts(seed)
    yield _sale(seed)


def lived(seed: int, written: Tables) -> Lived:
    """Live through a world of the preset."""
    return live(world(PRESET, seed, merged(SIZE, written)))


def _hours(seed: int) -> Step:
    clicks = Facts(PRESET, "hour.paying_clicks.")
    blocks = [Dial(f"clicks {b}", float(s), 0.005, 0.5, log=True) for b, s in enumerate(clicks.targets)]
    waves = [Dial(f"{part} {k}", 0.0, -1.5, 1.5) for k in range(1, HARMONICS + 1) for part in ("cos", "sin")]

    def tables(v: Mapping[str, float]) -> Tables:
        # Inside a block the clicks keep the shape of Taobao's.
        inside = CLICK_SHARE.reshape(8, 3) / CLICK_SHARE.reshape(8, 3).sum(1, keepdims=True)
        share = inside * np.array([v[dial.name] for dial in blocks])[:, None]
        angle = 2 * np.pi * (np.arange(24) + 0.5) / 24
        log = sum(
            v[f"cos {k}"] * np.cos(k * angle) + v[f"sin {k}"] * np.sin(k * angle)
            for k in range(1, HARMONICS + 1)
        )
        hazard = np.exp(log) / np.exp(log).mean()
        return {
            "clicks_by_hour": [round(float(x), 5) for x in share.ravel() / share.sum()],
            "delay": {"by_hour": [round(float(x), 4) for x in hazard]},
        }

    def moments(written: Tables) -> Float64:
        log = lived(seed, written)
        clock, wait = log.clock[log.paid], log.first_pay[log.paid]
        at = np.histogram(clock, 8, (0, 24))[0] / len(clock)
        pays = np.histogram((clock + wait) % 24, 8, (0, 24))[0] / len(clock)
        return np.concatenate([at, pays])

    names = [*clicks.names, *(f"first pays at hours {3 * b}-{3 * b + 2}" for b in range(8))]
    return Step(
        "hours of paying clicks and of first pays",
        [*blocks, *waves],
        tables,
        moments,
        names,
        np.append(clicks.targets, FIRST_PAYS),
        np.full(16, 0.004),
        robust=False,
    )


def _predictability(seed: int) -> Step:
    """How much of repurchases and of GMV the features tell."""
    dials = (
        Dial("spread", 0.7, 0.2, 2.0, log=True),
        Dial("first", 0.9, 0.4, 1.5, log=True),
        Dial("price", 0.95, 0.5, 1.5),
        Dial("plain", 0.7, 0.0, 0.95),
        Dial("residual", 1.2, 0.5, 2.0),
    )

    def tables(v: Mapping[str, float]) -> Tables:
        return {
            "repurchase": {"segment": v["spread"], "category": v["spread"], "first": v["first"]},
            "amount": {name: v[name] for name in ("price", "plain", "residual")},
        }

    def moments(written: Tables) -> Float64:
        found, log, again = ideal(world(PRESET, seed, merged(SIZE, written)))
        classes = [log[~again], log[again]]
        tails = [((x - x.mean()) ** 4).mean() / x.var() ** 2 - 3 for x in classes]
        top = [np.exp(np.sort(x)[-len(x) // 100 :]).sum() / np.exp(x).sum() for x in classes]
        return np.concatenate([found, [again.mean()], [x.std() for x in classes], tails, top])

    parts = ("sd of ln GMV", "excess kurtosis of ln GMV", "share of the top 1 % in GMV")
    kinds = [f"{what}, {kind}" for what in parts for kind in ("one pay", "more")]
    return Step(
        "predictability",
        dials,
        tables,
        moments,
        [*NAMES, "clicks with a repurchase", *kinds],
        np.array([*IDEAL.values(), 0.5355, *DENSITY]),
        np.array([*[0.005] * 3, *[0.02] * 3, 0.005, 0.02, 0.02, 0.25, 0.25, 0.015, 0.015]),
        robust=False,
    )


def _journeys(seed: int) -> Step:
    counts = Facts(PRESET, "repurchase_share", "pays_per_repurchasing_click")
    curve = Facts(PRESET, "gmv_within.")
    keep = [i for i, key in enumerate(curve.keys) if key.removesuffix("h") in GMV_AGES]
    ages = [float(curve.keys[i].removesuffix("h")) for i in keep]
    first, again = Facts(PRESET, "click_pay.within."), Facts(PRESET, "click_later_pay.within.")
    single, repeat = (Facts(PRESET, f"ln_gmv.{kind}.", skip="skew") for kind in ("single", "repeat"))

    def moments(written: Tables) -> Float64:
        one = world(PRESET, seed, merged(SIZE, written))
        log, amount = live(one), one.settings.amount
        paid, more = log.paid, log.pays > 1
        # GMV at the expected size of each pay: the curve of the draws hangs on a few large ones.
        weight = np.append(
            later(amount.growth, log.first_pay[paid]),
            np.exp(amount.again) * later(amount.growth, log.later_wait),
        )
        wait = np.append(log.first_pay[paid], log.later_wait)
        gmv = np.array([weight[wait <= age].sum() for age in ages]) / weight.sum()
        size = [np.log(log.gmv[log.pays == 1]), np.log(log.gmv[more])]
        return np.concatenate(
            [
                [more.sum() / paid.sum(), log.pays[more].mean()],
                gmv,
                within(log.first_pay, first.ages()),
                within(log.later_wait, again.ages()),
                *([s.mean(), s.std()] for s in size),
            ]
        )

    parts = (first, again, single, repeat)
    return Step(
        "pays, repurchases and amounts",
        _DIALS,
        _tables,
        moments,
        [*counts.names, *(curve.names[i] for i in keep), *(name for f in parts for name in f.names)],
        np.concatenate([counts.targets, curve.targets[keep], *(f.targets for f in parts)]),
        np.concatenate([counts.tolerances, curve.tolerances[keep], *(f.tolerances for f in parts)]) / 2,
    )


_DIALS = (
    Dial("first", 0.2, 0.05, 1.0, log=True),
    Dial("second", 4.0, 1.0, 12.0, log=True),
    Dial("third", 99.0, 20.0, 200.0, log=True),
    Dial("w1", 0.5, -1.0, 3.0),
    Dial("w2", -0.6, -4.0, 2.0),
    Dial("gap first", 0.24, 0.05, 1.0, log=True),
    Dial("gap second", 6.0, 1.0, 15.0, log=True),
    Dial("gap third", 88.0, 15.0, 300.0, log=True),
    Dial("gap w1", -0.8, -3.0, 3.0),
    Dial("gap w2", -3.1, -5.0, 1.0),
    Dial("level", 0.86, 0.3, 3.0, log=True),
    Dial("further", 0.17, 0.02, 0.8, log=True),
    Dial("amount", 4.7, 3.5, 5.5),
    Dial("price", 0.95, 0.4, 1.5),
    Dial("growth", 0.19, -0.05, 0.4),
    Dial("again", -0.3, -0.8, 0.5),
)


def _tables(v: Mapping[str, float]) -> Tables:
    # How far the two profiles lie apart is not published: a factor of two on either end, as in CASCADE.
    return {
        "delay": {
            "scales": [duration(v["first"]), duration(v["second"]), duration(v["third"])],
            "fast_profile": shares(v["w1"] + 1.0, v["w2"] + 0.5),
            "slow_profile": shares(v["w1"] - 0.4, v["w2"] - 0.2),
        },
        "repurchase": {
            "scales": [duration(v["gap first"]), duration(v["gap second"]), duration(v["gap third"])],
            "weights": shares(v["gap w1"], v["gap w2"]),
            "first": v["level"],
            "further": v["further"],
        },
        "amount": {
            "level": v["amount"],
            "price": v["price"],
            "growth": v["growth"],
            "again": v["again"],
        },
    }


def _amounts(seed: int) -> Step:
    """Amounts by hour of the click: exact in one step, as GMV is in proportion to them."""
    facts = Facts(PRESET, "hour.gmv_per_paying_click_shape.")
    dials = [Dial(f"hour {h}", 1.0, 0.3, 3.0, log=True) for h in range(24)]

    def tables(v: Mapping[str, float]) -> Tables:
        return {"amount": {"by_hour": [round(v[dial.name], 3) for dial in dials]}}

    def moments(written: Tables) -> Float64:
        own = np.array(written["amount"]["by_hour"])
        curve = own * _gmv_by_hour(seed)
        shape: Float64 = curve / curve.mean()
        return shape

    return Step(
        "amounts by hour of the click",
        dials,
        tables,
        moments,
        facts.names,
        facts.targets,
        facts.tolerances / 8,
        robust=False,
    )


@cache
def _gmv_by_hour(seed: int) -> Float64:
    """Return mean GMV by hour of the click at the expected size of each pay, all hours alike."""
    gmv, paying = np.zeros(24), np.zeros(24)
    for world_seed in range(seed, seed + 4):
        one = world(PRESET, world_seed, merged(SIZE, {"days": 20, "amount": {"by_hour": [1.0] * 24}}))
        log, amount = live(one), one.settings.amount
        hour = log.clock.astype(np.int64)
        first = np.where(log.paid, later(amount.growth, np.where(log.paid, log.first_pay, 0.0)), 0.0)
        gmv += np.bincount(hour, first, 24)
        again = np.exp(amount.again) * later(amount.growth, log.later_wait)
        gmv += np.bincount(hour[log.later_click], again, 24)
        paying += np.bincount(hour[log.paid], minlength=24)
    mean: Float64 = gmv / paying
    return mean


def _sale(seed: int) -> Step:
    facts = Facts(PRESET, "sale.repurchase_share.day0")

    def tables(v: Mapping[str, float]) -> Tables:
        return {"promotion": [{"name": "sale", "start": "6d", "repurchase": {"during": v["during"]}}]}

    def moments(written: Tables) -> Float64:
        one = world(PRESET, seed, merged({"days": 8, "clicks_per_day": 40_000}, written))
        pays = next(day for day in one.days(truth=False) if day.day == 6)
        count = np.bincount(pays.events.row[pays.events.kind == 2], minlength=len(pays.time))
        return np.array([(count > 1).sum() / (count > 0).sum()])

    dials = (Dial("during", 0.9, 0.3, 2.0),)
    return Step(
        "repurchases in a sale", dials, tables, moments, facts.names, facts.targets, facts.tolerances / 4
    )
