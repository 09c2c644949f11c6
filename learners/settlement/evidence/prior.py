"""Another log, named by a scenario, that teaches the evidence net what a sale is. Loads no torch."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

from learners.foreseen import extent_of
from learners.history import History
from learners.settlement.evidence.layout import FORGOTTEN, NOTICED, sales_of
from simulator.clock import Clock
from simulator.data import open_data
from simulator.errors import RunError, ScenarioError
from simulator.log.intake.open import Settings, key_of
from simulator.log.meta import read_meta
from simulator.log.reader import Log
from simulator.scenario.load import Loaded, load_scenario
from simulator.scenario.resolve import config_hash
from simulator.scenario.timeline import Extent, Timeline, timeline
from simulator.units import HOUR, format_duration
from simulator.windows import Windows

WEEK = 168
"""Hours."""

_OPENING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Prior:
    """The history block of another scenario.

    Parameters
    ----------
    history : its clicks, in the time of its own log.
    sales : opening and end of each sale of its calendar in hours, on the time axis of the own log.
    shift : hours that lead from its time axis to that of the own log; whole weeks, so that hours of the day are kept.
    """

    history: History
    sales: tuple[tuple[float, float], ...]
    shift: float

    @classmethod
    def laid_before(cls, own: History, history: History) -> Prior:
        """Lay another log before the own one, so long before that no click takes a sale of the other log for its own.

        Parameters
        ----------
        own : history of the own log, with its promotions.
        history : that of the other one.
        """
        theirs = sales_of(history.calendar)
        begins = [own.start / HOUR, *(opening for opening, _ in sales_of(own.calendar))]
        ends = [(history.end + history.windows.lifetime) / HOUR]
        ends += [end + FORGOTTEN for _, end in theirs]
        shift = -WEEK * ceil((max(ends) + NOTICED - min(begins)) / WEEK)
        sales = tuple((opening + shift, end + shift) for opening, end in theirs)
        return cls(history, sales, shift)


def read_prior(path: str) -> Loaded:
    """Load the scenario that names a prior.

    Raises
    ------
    ScenarioError, LogError : it cannot be read, is not valid, or (where that can be known without its log) no sale opens
        in its history.
    """
    loaded = load_scenario(Path(path))
    extent = extent_of(loaded.scenario)
    if extent is not None:
        _check_sale(loaded, timeline(loaded.scenario, extent), extent.clock)
    return loaded


def open_prior(path: str, own: History, cache: Path, *, refunds: bool = False) -> Prior:
    """Open the log of a prior, and lay it before the own one; generate it, if it is that of a world.

    Parameters
    ----------
    path : of the scenario, from the working directory.
    own : the history that it is added to, with the promotions around it.
    cache : where generated worlds are.
    refunds : the windows of refunds matter as well.

    Raises
    ------
    ScenarioError, LogError, RunError : there is none, no sale opens in its history, its labels have other windows, or it
        is the own log and reaches beyond the own history.
    """
    loaded = read_prior(path)
    scenario = loaded.scenario
    output = scenario.output.model_copy(update={"cache": str(cache)})
    with _OPENING:  # methods are made at once, and most name the same prior
        place = open_data(replace(loaded, scenario=scenario.model_copy(update={"output": output})), "none")
    log = Log.open(place, time_features=scenario.time_features)
    line = timeline(scenario, Extent.of(log.meta))
    _check_sale(loaded, line, log.clock)
    windows = scenario.windows.windows()
    if fault := windows_fault(path, windows, own.windows, refunds=refunds):
        raise RunError(fault)
    if log.meta.source == own.log.meta.source and line.history_end > own.end:
        raise RunError(
            f"prior {path}: is the log of this run, and its history goes on to {format_duration(line.history_end)}, "
            f"beyond that of this run ({format_duration(own.end)}); allowed: another log, or a shorter history"
        )
    history = History(log, windows, line.history_start, line.history_end, scenario.calendar(log.clock))
    return Prior.laid_before(own, history)


def windows_fault(path: str, prior: Windows, own: Windows, *, refunds: bool = False) -> str:
    """Say which window of a prior's labels differs from the own one; an empty string where none does."""
    for name in ("attribution", "refund") if refunds else ("attribution",):
        theirs, ours = getattr(prior, name), getattr(own, name)
        if theirs != ours:
            return (
                f"prior {path}: windows.{name} = {format_duration(theirs)}, but it is {format_duration(ours)} here, and "
                "labels of one window teach nothing of another; allowed: a prior with the same"
            )
    return ""


def identity(loaded: Loaded) -> str:
    """Return what tells a prior from another: its scenario, its seed, its log if that is not generated."""
    scenario, data = loaded.scenario, loaded.scenario.data
    log = ""
    if data is not None and data.path is None:
        log = f" of {key_of(data, Settings.of(scenario))}"
    elif data is not None and data.path is not None and Path(data.path).is_dir():
        log = f" of {read_meta(Path(data.path)).fingerprint}"
    return f"{config_hash(scenario)}-s{scenario.seed}{log}"


def _check_sale(loaded: Loaded, line: Timeline, clock: Clock | None) -> None:
    """Refuse a history in which no sale opens.

    Raises
    ------
    ScenarioError : so it is.
    """
    promotions = loaded.scenario.calendar(clock).promotions
    if not any(line.history_start <= p.start < line.history_end for p in promotions):
        known = ", ".join(f"{p.name!r} at {format_duration(p.start)}" for p in promotions) or "none"
        raise ScenarioError(
            f"{loaded.path}: no sale opens in its history, {format_duration(line.history_start)} to "
            f"{format_duration(line.history_end)}, and that is what a prior is for; its promotions: {known}"
        )
