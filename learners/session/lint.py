"""What is allowed of methods but probably not meant: further warnings of ``sim.py validate``. Loads no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from learners.catalog import ResolvedMethod, resolve_all
from learners.misfits import heads_doubts
from learners.session.references import scale_warnings
from learners.session.sizes import size_faults
from simulator.errors import ScenarioError
from simulator.evaluation.tasks import METRICS, TASKS
from simulator.plugins import Family, troubles
from simulator.scenario.model import Scenario


def check_methods(scenario: Scenario) -> None:
    """Check every method of a scenario, and that their networks fit into memory as far as that is known without a log.

    Raises
    ------
    ScenarioError : with the faults of all methods; each begins with its key, such as ``method[2].objective``.
    """
    methods = resolve_all(scenario)
    faults, _ = size_faults(scenario, methods)
    faults += judging_faults(methods, scenario)
    if faults:
        raise ScenarioError(faults)


def judging_faults(methods: Sequence[ResolvedMethod], scenario: Scenario) -> list[str]:
    """Return what is wrong with the metrics that are asked for, and with the tasks that links of one's own serve."""
    named = [
        (METRICS, name, f"evaluation.metrics[{k}]") for k, name in enumerate(scenario.evaluation.metrics)
    ]
    if scenario.offline:
        named.append((METRICS, scenario.stream.offline.metric, "stream.offline.metric"))
    tasks: list[tuple[Family[Any], str, str]] = [
        (TASKS, task, f"{method.key}.serve") for method in methods for task in method.link.tasks
    ]
    faults = []
    for family, name, key in [*named, *tasks]:
        try:
            family.find(name)
        except ScenarioError as error:
            faults.append(f"{key}: {error}")
    offline = scenario.stream.offline.metric
    if scenario.offline and offline in METRICS and METRICS[offline].by_user:
        faults.append(
            f"stream.offline.metric: {offline!r} is a figure inside users, by which epochs are not compared; "
            "take another one (ls metrics), such as 'auc'"
        )
    return faults


def same_warnings(methods: Sequence[ResolvedMethod]) -> list[str]:
    """Name the methods that come to the same where labels are final."""
    alike: dict[str, list[str]] = {}
    for method in methods:
        parts = {key: None if part is None else part.spec() for key, part in method.parts().items()}
        alike.setdefault(json.dumps([parts, method.learner.model_dump()], sort_keys=True), []).append(
            method.name
        )
    return [
        f"methods {', '.join(names)} are the same on final labels, and will train to the same numbers; one of them is enough."
        for names in alike.values()
        if len(names) > 1
    ]


def lint_methods(methods: Sequence[ResolvedMethod], scenario: Scenario) -> list[str]:
    """Return warnings, each one sentence that says what will happen and what to do; installed parts that are left out, too."""
    said = [
        (method.name, part.doubt(scenario)) for method in methods for part in method.parts().values() if part
    ]
    said += [
        (method.name, doubt)
        for method in methods
        for doubt in heads_doubts(method.objective, method.link, method.offset, method.start)
    ]
    # Parts of one method that are made of the same thing have the same doubt.
    doubts = dict.fromkeys((name, doubt) for name, doubt in said if doubt)
    _, large = size_faults(scenario, methods)
    return [
        *troubles(),
        *(same_warnings(methods) if scenario.offline else scale_warnings(methods)),
        *large,
        *(f"method {name!r}: {doubt}" for name, doubt in doubts),
    ]
