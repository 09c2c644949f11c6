"""A validated scenario as text, as an identity and as a table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import tomlkit

from simulator.scenario.fields import leaves, written
from simulator.scenario.load import Loaded
from simulator.scenario.model import Scenario

_NOT_IDENTITY = {"seed", "output"}


def to_toml(resolved: Mapping[str, Any]) -> str:
    """Write a resolved scenario as TOML that loads to the same scenario (keys without value left out)."""
    document = tomlkit.document()
    document.add(
        tomlkit.comment("Every key of the scenario, defaults included. This file is itself a scenario.")
    )
    plain = _without_none(resolved)
    for key, value in plain.items():
        document.add(key, tomlkit.item(value))
    return tomlkit.dumps(document)


def config_hash(scenario: Scenario) -> str:
    """Return 8 hex digits that identify what is run: all keys but ``seed`` and ``[output]``."""
    data = scenario.model_dump(mode="json", exclude=_NOT_IDENTITY)
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def describe_keys(loaded: Loaded) -> list[tuple[str, str, str]]:
    """List every key with its value (as TOML; ``none`` for no value) and its origin, in the model's order."""
    rows = []
    for key, value in leaves(loaded.resolved):
        shown = "none" if value is None else "{}" if value == {} else tomlkit.item(value).as_string()
        rows.append((written(key, loaded.resolved), shown, loaded.origins[written(key)]))
    return rows


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value
