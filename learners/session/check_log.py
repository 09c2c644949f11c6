"""What ``sim.py validate`` asks of a scenario's log, where it is at rest or in files: that a run on it would start."""

from __future__ import annotations

from pathlib import Path

from learners.catalog import resolve_all
from learners.history import History
from learners.session.plan import Plan, plan_run
from learners.session.sizes import size_faults
from learners.start import Recipe
from learners.start.objective import OwnObjective
from simulator.data import open_data
from simulator.errors import ScenarioError
from simulator.log.feature_checks import doubts_of
from simulator.log.meta import Meta
from simulator.scenario.load import Loaded


def check_log(loaded: Loaded) -> tuple[Meta, Path, list[str]] | None:
    """Open the log of a scenario as a run would; return its meta, where it is, and what is doubtful about its features.

    None of a world, which is not made for a check, and of a log that is not there yet.

    Raises
    ------
    ScenarioError : a run would not start.
    LogError : the files cannot be read as the scenario says.
    """
    scenario = loaded.scenario
    data = scenario.data
    if data is None or (data.path is not None and not Path(data.path).exists()):
        return None
    path = open_data(loaded)
    methods = resolve_all(scenario)
    plan = plan_run(scenario, methods, path)
    faults, warnings = size_faults(scenario, methods, plan.log.features)
    faults += _untaught(plan)
    if faults:
        raise ScenarioError(faults)
    warnings += [doubt.message for doubt in doubts_of(plan.log, scenario, plan.timeline)]
    return plan.log.meta, path, warnings


def _untaught(plan: Plan) -> list[str]:
    """Say what is to be pre-trained on targets that no click of the history has."""
    line = plan.timeline
    if line.history_end <= line.history_start:
        return []
    history = History(plan.log, plan.windows, line.history_start, line.history_end, plan.calendar)
    known: dict[str, str] = {}
    faults = []
    for method in plan.methods:
        for name, part in (("start", method.start), ("auxiliary", method.auxiliary)):
            if isinstance(part, Recipe) and not isinstance(part, OwnObjective):
                spec = str(part.spec())
                if spec not in known:
                    known[spec] = history.fault(part)
                if fault := known[spec]:
                    faults.append(f"{method.key}.{name}: {fault}")
    return faults
