"""What is known of a scenario's log before anybody opens it: how far it reaches, and when its sales are. Loads no torch."""

from __future__ import annotations

from pathlib import Path

from simulator.calendar import Calendar
from simulator.errors import LogError
from simulator.log.meta import read_meta
from simulator.scenario.model import Scenario
from simulator.scenario.timeline import Extent, extent_of_world


def extent_of(scenario: Scenario) -> Extent | None:
    """Return the extent of a scenario's log, where that can be known without making it.

    Raises
    ------
    LogError : there is a log, and what it says of itself cannot be read.
    """
    world = extent_of_world(scenario)
    path = None if scenario.data is None else scenario.data.path
    if world is not None or path is None or not Path(path).is_dir():
        return world
    return Extent.of(read_meta(Path(path)))


def calendar_of(scenario: Scenario) -> Calendar:
    """Return the promotions, those by date only where the log is there to place them on."""
    try:
        extent = extent_of(scenario)
    except LogError:  # whoever opens it says so
        extent = None
    return scenario.calendar(None if extent is None else extent.clock)
