"""Steps that fit the preset ``blend``: CASCADE's waits with its two profiles, and Double 12 on top of them. Its other
constants are those of the logs it is blended from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from simulator.log.schema import Float64
from simulator.worlds.presets import merged
from tests.matching.engine import Dial, Step, Tables, shares
from tests.matching.moments import live, within, world
from tests.matching.published import Facts
from tests.matching.taobao_mobile import sale

PRESET = "blend"
SIZE: Tables = {"days": 10, "clicks_per_day": 40_000}


def steps(seed: int) -> Iterator[Step]:
    """Yield the steps in their order."""
    yield _pays(seed)
    yield sale(seed, PRESET)


def _pays(seed: int) -> Step:
    curve, mean = Facts(PRESET, "click_pay.within_3d.", skip="p"), Facts(PRESET, "click_pay.mean")

    def tables(v: Mapping[str, float]) -> Tables:
        return {
            "delay": {
                "fast_profile": shares(v["fast 1"], v["fast 2"]),
                "slow_profile": shares(v["slow 1"], v["slow 2"]),
            }
        }

    def moments(written: Tables) -> Float64:
        log = live(world(PRESET, seed, merged(SIZE, written)))
        return np.append(within(log.first_pay, curve.ages()), log.first_pay[log.paid].mean())

    dials = (
        Dial("fast 1", -0.3, -2.0, 2.0),
        Dial("fast 2", -0.83, -3.0, 2.0),
        Dial("slow 1", -2.27, -5.0, 1.0),
        Dial("slow 2", -2.22, -5.0, 1.0),
    )
    return Step(
        "click to pay",
        dials,
        tables,
        moments,
        [*curve.names, *mean.names],
        np.append(curve.targets, mean.targets),
        np.append(curve.tolerances / 2, mean.tolerances),
    )
