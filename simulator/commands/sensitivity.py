"""`sensitivity`: what a run's log says of causes, and how far hidden confounding could take it away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.commands.console import stdout, table
from simulator.commands.results import load_plugins_of
from simulator.commands.scenarios import run_directory
from simulator.errors import RunError, ScenarioError, unknown
from simulator.evaluation.causal.resampling import RESAMPLES
from simulator.report.sensitivity import sensitivity_tables
from simulator.sensitivity.study import Precision

if TYPE_CHECKING:
    from simulator.log.reader import Log
    from simulator.scenario.load import Loaded
    from simulator.scenario.model import Scenario
    from simulator.sensitivity.question import Question

FILE = "sensitivity.json"
ROWS = 30_000
QUESTIONS = {
    "carts": "Does a cart before the sale bring a pay in the sale?",
    "clicks": "Would what was shown be paid for, if it were clicked?",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user says of a run: features that a coin decides, and how much work may be done."""

    cart_instrument: str | None = None
    click_instrument: str | None = None
    rows: int = ROWS
    resamples: int = RESAMPLES


def study_run(run: Path, asked: Asked) -> dict[str, Any]:
    """Study the log of a finished run; write ``sensitivity.json`` and the report anew, and return what was found.

    Raises
    ------
    ScenarioError : it is no finished run, an option is out of its range, or an instrument is no feature of its log.
    RunError : the log is gone or another one now, or has nothing to be asked.
    """
    from simulator.report.html import report_from_run
    from simulator.report.summary import json_safe
    from simulator.rundir import write_json
    from simulator.scenario.load import load_scenario

    run_directory(run)
    _check_numbers(asked)
    load_plugins_of([run])
    loaded = load_scenario(run / "scenario.resolved.toml")
    log = _log_of(run, loaded)
    _check_instruments(log, asked)
    precision = Precision(asked.resamples, loaded.scenario.evaluation.confidence, loaded.scenario.seed)
    found = [_answer(name, question, precision) for name, question in _questions(log, loaded.scenario, asked)]
    if all("lacking" in one for one in found):
        why = "; ".join(f"{one['name']}: {one['lacking']}" for one in found)
        raise RunError(f"{run}: its log has nothing to be asked. {why}")
    result = {"confidence": precision.confidence, "resamples": precision.resamples, "questions": found}
    safe: dict[str, Any] = json_safe(result)
    write_json(run / FILE, safe)
    if (run / "report.html").is_file():
        report_from_run(run)
    return safe


def _log_of(run: Path, loaded: Loaded) -> Log:
    """Open the log that a run was made on; a world that is not in the cache any more is made again."""
    from simulator.data import open_data
    from simulator.log.reader import Log

    path = open_data(loaded, "none")
    log = Log.open(path, time_features=loaded.scenario.time_features)
    was = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["data_fingerprint"]
    if log.meta.fingerprint != was:
        raise RunError(
            f"{path}: is not the log of {run} any more (its fingerprint is {log.meta.fingerprint}, the run's was {was}). Run "
            "the scenario anew."
        )
    return log


def _questions(log: Log, scenario: Scenario, asked: Asked) -> Iterator[tuple[str, Question | str]]:
    from simulator.prepromotion import PrePromotion
    from simulator.scenario.timeline import Extent, timeline
    from simulator.sensitivity.carts import cart_question
    from simulator.sensitivity.clicks import click_question

    windows, world = scenario.windows.windows(), scenario.world
    hidden = None if world is None else world.confounder.strength > 0
    own = {feature.name for feature in log.meta.features}
    coin = "cart_prominence" if world is not None and "cart_prominence" in own else None
    yield (
        "carts",
        cart_question(
            log,
            windows,
            PrePromotion(scenario.calendar(log.clock)),
            instrument=asked.cart_instrument or coin,
            known=asked.cart_instrument in {None, coin},
            hidden=hidden,
            most=asked.rows,
        ),
    )
    place = "position" if world is not None and world.impressions and world.exposure.instrument else None
    yield (
        "clicks",
        click_question(
            log,
            windows,
            timeline(scenario, Extent.of(log.meta)),
            instrument=asked.click_instrument or place,
            known=asked.click_instrument in {None, place},
            hidden=hidden,
            most=asked.rows,
        ),
    )


def _answer(name: str, question: Question | str, precision: Precision) -> dict[str, Any]:
    from simulator.sensitivity.identification import identification
    from simulator.sensitivity.study import study

    base = {"name": name, "title": QUESTIONS[name]}
    lacking = question if isinstance(question, str) else question.lacking
    if isinstance(question, str) or lacking:
        return {**base, "lacking": lacking}
    found = study(question, precision)
    return {**base, "said": identification(question, found), "found": found}


def _check_numbers(asked: Asked) -> None:
    least = (("--rows", asked.rows, 1000), ("--resamples", asked.resamples, 20))
    faults = [f"{name} {value}: allowed: {low} or more" for name, value, low in least if value < low]
    if faults:
        raise ScenarioError(faults)


def _check_instruments(log: Log, asked: Asked) -> None:
    names = [feature.name for feature in log.features if feature.width == 1]
    options = (("--cart-instrument", asked.cart_instrument), ("--click-instrument", asked.click_instrument))
    faults = [
        f"{option}: {unknown('feature', name, names)}"
        for option, name in options
        if name and name not in names
    ]
    if faults:
        raise ScenarioError(faults)


def print_sensitivity(result: dict[str, Any]) -> None:
    """Print what was found of each question."""
    console = stdout()
    for one in result["questions"]:
        console.print(one["title"], style="bold", soft_wrap=True)
        if "lacking" in one:
            console.print(f"Not asked: {one['lacking']}.\n", soft_wrap=True)
            continue
        for sentence in one["said"]:
            console.print(f"- {sentence}", soft_wrap=True)
        for shown in sensitivity_tables(one["found"]):
            console.print()
            made = table(shown.title, *shown.heads)
            for row in shown.rows:
                made.add_row(*row)
            console.print(made)
            if shown.note:
                console.print(shown.note, style="dim", soft_wrap=True)
        console.print()
