"""Where the log of a scenario comes from: a directory at rest, files of one's own, or a world that is generated."""

from __future__ import annotations

from pathlib import Path

from simulator.calendar import Calendar
from simulator.errors import RunError, ScenarioError
from simulator.log.derived.make import with_derived
from simulator.log.intake.open import Settings, open_own
from simulator.report.progress import Progress
from simulator.scenario.load import Loaded
from simulator.scenario.model import Scenario
from simulator.worlds.cache import cached_world


def open_data(loaded: Loaded, progress: str = "auto") -> Path:
    """Return the directory of the scenario's log: the one it names, its own Parquet mapped, or its world generated; with the
    derived features that the scenario asks for.

    Raises
    ------
    RunError : the data are missing; says which command makes them.
    ScenarioError : a derived feature does not fit the log.
    """
    scenario = loaded.scenario
    cache = Path(scenario.output.cache)
    return with_derived(_at_rest(scenario, cache, progress), scenario, cache)


def _at_rest(scenario: Scenario, cache: Path, progress: str) -> Path:
    if scenario.world is not None:
        with Progress(progress, [], 0, 1_000_000, Calendar()) as view:
            view.enter("world")
            return cached_world(scenario.world, scenario.windows.windows(), scenario.seed, cache)
    data = scenario.data
    if data is None:
        raise ScenarioError("give exactly one of [data] and [world]")
    if data.path is None:
        return open_own(data, Settings.of(scenario), cache)
    if not Path(data.path).is_dir():
        raise RunError(f'data.path = "{data.path}": nothing is there.{data.remedy}')
    return Path(data.path)
