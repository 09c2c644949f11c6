"""`fit`: a world that looks like a log."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from simulator.commands.console import stdout, table
from simulator.commands.facts import Described
from simulator.errors import ScenarioError
from simulator.log.facts import FactSheet
from simulator.windows import Windows

SEED = 0
MOST_ROUNDS = 50
COMPARED = {
    "clicks with a cart": "cart_rate",
    "CVR": "cvr",
    "pays per click": "pays_per_click",
    "click to first pay, 25 % (h)": "click_pay.p25",
    "click to first pay, median (h)": "click_pay.p50",
    "click to first pay, 75 % (h)": "click_pay.p75",
    "click to cart, median (h)": "click_cart.p50",
    "cart to pay, median (h)": "cart_pay.p50",
    "pay to refund, median (h)": "pay_refund.p50",
    "RFR": "rfr",
    "NetCVR": "net_cvr",
    "repurchase share": "repurchase_share",
    "pays per paying click": "pays_per_paying_click",
    "ln amount, mean": "ln_amount.mean",
    "ln amount, sd": "ln_amount.sd",
    "GMV per paying click": "gmv_per_paying_click",
    "pays of an earlier day's click": "old_pay_share",
    "sale: clicks of the day": "sale.clicks.day0",
    "sale: pays per click, day -1": "sale.pays_per_click.day-1",
    "sale: pays per click of the day": "sale.pays_per_click.day0",
    "sale: pays per click, day 1": "sale.pays_per_click.day1",
    "sale: carts per click, day -1": "sale.carts_per_click.day-1",
    "sale: old pays of the day": "sale.old_pay_share.day0",
    "sale: first hour's share": "sale.first_hour_share",
}
"""Facts that are shown side by side, by their titles."""


def fit_world(described: Described, out: Path, *, source: str, rounds: int, replace: bool) -> None:
    """Fit a world to a log, write it as a scenario, and print how near its own facts come to the log's.

    Raises
    ------
    ScenarioError : ``out`` exists or cannot be written, or an option is out of its range.
    LogError : the log cannot be read, or holds too little.
    """
    from simulator.fitting.estimate import estimate
    from simulator.fitting.refine import live, refine
    from simulator.fitting.writing import scenario_text, write_scenario
    from simulator.log.facts.gather import gather
    from simulator.log.reader import Log
    from simulator.scenario.free import check_free

    if not 0 <= rounds <= MOST_ROUNDS:
        raise ScenarioError(f"--rounds {rounds}: must be between 0 and {MOST_ROUNDS}")
    check_free(out, replace=replace)
    windows = described.windows
    if not windows.refund:
        windows = Windows(windows.attribution, windows.attribution)  # a world has refunds, if ever so few
    opened = Log.open(described.path)
    estimates = estimate(gather(opened, windows, described.calendar), opened.meta)
    refine(estimates, windows, rounds=rounds, seed=SEED)
    lived = live(estimates, windows, SEED + 1, 400_000)
    matches = _matches(estimates.sheet, lived)
    write_scenario(
        scenario_text(estimates, windows, source, f"A world like {source}", matches), out, replace=replace
    )
    shown = table(f"{out}: a world fitted to {source}", "fact", "log", "world", "ratio")
    for title, (real, made) in matches.items():
        shown.add_row(title, f"{real:.5g}", f"{made:.5g}", f"{made / real:.3f}" if real else "")
    stdout().print(shown)


def _matches(log: FactSheet, world: FactSheet) -> Mapping[str, tuple[float, float]]:
    pairs = {title: (log.value(name), world.value(name)) for title, name in COMPARED.items()}
    return {title: (a, b) for title, (a, b) in pairs.items() if a is not None and b is not None and (a or b)}
