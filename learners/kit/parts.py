"""Which kit is whose."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from learners.auxiliary import AUXILIARIES, Auxiliary
from learners.composed import COMPOSED
from learners.methods import METHODS, Method
from learners.networks import NETWORKS, Network
from learners.objectives import OBJECTIVES, Objective
from learners.offsets import OFFSETS, Offset
from learners.serve import LINKS, Link
from learners.spaces import SPACES, Space
from learners.start import RECIPES, Recipe
from simulator.conformance import Check, outcomes
from simulator.errors import ScenarioError
from simulator.evaluation.task import METRICS, TASKS, Metric, Task
from simulator.log.importers import IMPORTERS, Importer
from simulator.parts import Part
from simulator.plugins import Family
from simulator.plugins import told as told_of
from simulator.policies import POLICIES, Policy
from simulator.scenario.sentences import sentences

_KITS: dict[type[Any], tuple[str, str]] = {
    Policy: ("simulator.policies.checks", "checks"),
    Objective: ("learners.kit.objectives", "checks"),
    Space: ("learners.kit.objectives", "spaces"),
    Network: ("learners.kit.networks", "checks"),
    Auxiliary: ("learners.kit.serving", "auxiliaries"),  # before recipes: some are both
    Recipe: ("learners.kit.recipes", "checks"),
    Link: ("learners.kit.serving", "links"),
    Offset: ("learners.kit.serving", "offsets"),
    Method: ("learners.kit.methods", "checks"),
    Importer: ("learners.kit.logs", "checks"),
    Task: ("learners.kit.judging", "tasks"),
    Metric: ("learners.kit.judging", "metrics"),
}
FAMILIES_CHECKED: tuple[Family[Any], ...] = (
    POLICIES, OBJECTIVES, SPACES, NETWORKS, RECIPES, LINKS, OFFSETS, AUXILIARIES, METHODS, IMPORTERS, TASKS, METRICS,
)  # fmt: skip
"""Families whose members have a kit."""


def check_part(found: object, parameters: Mapping[str, Any] = MappingProxyType({})) -> Iterator[Check]:
    """Make every check of a part: a class of parts, with these parameters, a part, a method, an importer, a task, a metric.

    Raises
    ------
    ScenarioError : there is no kit for it, or it cannot be made with these parameters, or has none.
    """
    part = _made(found, parameters)
    for base, (module, name) in _KITS.items():
        if isinstance(part, base):
            kit: Callable[[Any], Any] = getattr(import_module(module), name)
            yield from outcomes(kit(part))
            return
    raise ScenarioError(
        f"{found!r}: there is no kit for it; allowed: a part, a method, an importer, a task, a metric"
    )


def _made(found: object, parameters: Mapping[str, Any]) -> object:
    if not isinstance(found, type) or not issubclass(found, Part):
        if parameters:
            raise ScenarioError(f"--set {', '.join(parameters)}: only classes of parts take parameters")
        return found
    try:
        return found.model_validate(dict(parameters))
    except ValidationError as error:
        told = sentences(error, found, parameters, found.kind, f"{found.family} {found.kind!r}")
        raise ScenarioError([f"{fault} (--set NAME=VALUE)" for fault in told]) from None
    except Exception as error:
        raise ScenarioError(f"{found.kind}: cannot be made: {told_of(error)}") from error


def found_parts(name: str) -> list[tuple[str, object]]:
    """Return what a name (or ``module:Name``) means, with what it is called: in each family that knows it.

    Raises
    ------
    ScenarioError : no family knows it; the message is that of the family that comes nearest.
    """
    if name in COMPOSED:
        raise ScenarioError(
            f"{name!r} has no parts of its own to check: it serves by its members. Check these by their "
            "names, and a scenario that has it by `validate`."
        )
    if ":" not in name:
        known = [(f"{family.noun} {name!r}", family[name]) for family in FAMILIES_CHECKED if name in family]
        if not known:
            nouns = ", ".join(family.noun for family in FAMILIES_CHECKED)
            raise ScenarioError(f"{name!r}: is the name of no {nouns}. Your own is written 'module:Name'.")
        return known
    faults = []
    for family in FAMILIES_CHECKED:
        try:
            return [(f"{family.noun} {name!r}", family.find(name))]
        except ScenarioError as error:
            faults.append(str(error))
    other = [fault for fault in faults if " is not a " not in fault and " is no " not in fault]
    if other:  # no module, nothing of that name: said alike by all, but for the nearest spelling
        said = max(other, key=lambda fault: "Did you mean" in fault)
        raise ScenarioError(f"{name}: {said.partition(': ')[2]}")
    nouns = ", ".join(family.noun for family in FAMILIES_CHECKED)
    raise ScenarioError(f"{name}: is none of {nouns}")
