"""A validated scenario as text, as an identity and as a table."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tomlkit

from simulator.scenario.fields import leaves, written
from simulator.scenario.learner import LearnerBlock
from simulator.scenario.load import Loaded
from simulator.scenario.model import Scenario
from simulator.scenario.places import counts, places, put
from simulator.toml import toml


def to_toml(loaded: Loaded) -> str:
    """Write a resolved scenario as TOML that loads to the same scenario, wherever it lies: its paths are absolute.

    Keys without a value are left out, and so is what nobody wrote of ``[learner]``: there a method's own value counts.
    """
    resolved = copy.deepcopy(dict(loaded.resolved))
    resolved["learner"] = _written_of(loaded.scenario.learner)
    for key, place, text in list(places(Scenario, resolved)):
        put(resolved, key, place.absolute(text))
    document = tomlkit.document()
    document.add(
        tomlkit.comment("Every key of the scenario, defaults included. This file is itself a scenario.")
    )
    plain = _without_none(resolved)
    for key, value in plain.items():
        document.add(key, tomlkit.item(value))
    return tomlkit.dumps(document)


def config_hash(scenario: Scenario, reads: Iterable[str] = ()) -> str:
    """Return 8 hex digits that identify what is run, whatever the seed: the keys that can change results, and what is read.

    Parameters
    ----------
    reads : what identifies each thing that the scenario's paths name, such as the fingerprint of its log.
    """
    data = {**scenario.model_dump(mode="json", exclude={"seed"}), "learner": _written_of(scenario.learner)}
    keys = {written(key): value for key, value in leaves(data) if counts(Scenario, key)}
    # Nothing but its name is known of a file that a part of somebody else reads and does not identify.
    named = {
        written(key): Path(text).name for key, _, text in places(Scenario, data) if counts(Scenario, key)
    }
    canonical = json.dumps([keys | named, sorted(reads)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def describe_keys(loaded: Loaded) -> list[tuple[str, str, str]]:
    """List every key with its value (as TOML; ``none`` for no value) and its origin, in the model's order."""
    rows = []
    for key, value in leaves(loaded.resolved):
        shown = "none" if value is None else toml(value)
        rows.append((written(key, loaded.resolved), shown, loaded.origins[written(key)]))
    return rows


def _written_of(learner: LearnerBlock) -> dict[str, Any]:
    """Return the hyper-parameters that are written: what is written counts for every method, a default for those without
    a value of their own.
    """
    return learner.model_dump(mode="json", exclude_unset=True)


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value
