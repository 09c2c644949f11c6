"""The verb that makes a world out of a log."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from learners.session.verbs.frame import app, described
from simulator.commands.options import LogPromotions, LogWindows, NewScenario, Overrides, Replace, Seed, verb


@verb(
    app,
    "fit data/retailrocket --out my_world.toml --windows 3d",
    "fit data/shop --out my_world.toml --promotion 20d..21d",
    "fit scenarios/double11.toml --out copy.toml",
)
def fit(
    dataset: str,
    /,
    *,
    out: NewScenario,
    windows: LogWindows = None,
    promotion: LogPromotions = (),
    rounds: Annotated[int, Parameter(help="How often the fitted world is lived and corrected.")] = 5,
    overrides: Overrides = (),
    seed: Seed = None,
    replace: Replace = False,
) -> int:
    """Estimate a synthetic world's constants from a log; write them as a scenario.

    DATASET is the directory of a log, or a scenario, whose windows and promotions
    are then used. Estimated: clicks by day, weekday and hour; how many users and
    items there are and how unequal; CVR; the waits of carts, pays, refunds and
    repurchases; their levels; amounts; the walk of the common level; what each
    promotion does.

    Limits: shoppers are described as alike; tastes, their drift and the life of
    items stay at the preset's dials. What comes after the windows is not in the
    log. Hazards that rise with time (weekly orders) are no mixture of
    exponentials. A cart and a pay are tied by their level alone. Who waits for a
    promotion is read from carts; without them it stays at Double 12's. A
    promotion is told from drift by ordinary days (none from 11 days before to 4
    after is one): with few of them the two are mixed up. The file gives each
    estimate with its standard error where that is known.
    """
    from simulator.commands.fit import fit_world

    log = described(dataset, overrides, seed, windows, promotion)
    fit_world(log, out, source=dataset, rounds=rounds, replace=replace)
    return 0
