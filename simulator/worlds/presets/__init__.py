"""Presets: what ``[world] preset = "..."`` puts in the place of the defaults.

A preset is a table as a scenario would write it. What a scenario writes wins over its preset, and the preset
wins over the defaults of the settings, which are those of the blend.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.worlds.presets import blend, cascade, taobao_mobile, trace

_MODULES = {"blend": blend, "cascade": cascade, "trace": trace, "taobao-mobile": taobao_mobile}

PRESETS: Mapping[str, Mapping[str, Any]] = {name: module.WORLD for name, module in _MODULES.items()}
"""Name of a preset to the keys of ``[world]`` that it sets."""

SALES: Mapping[str, Mapping[str, Any]] = {name: module.SALE for name, module in _MODULES.items()}
"""Name of a preset to the keys that it sets in every ``[[world.promotion]]``."""

WINDOWS: Mapping[str, Mapping[str, str]] = {name: module.WINDOWS for name, module in _MODULES.items()}
"""Name of a preset to the ``[windows]`` under which its facts were measured (a preset does not set them)."""


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables of ``over`` laid over those of ``under``; arrays and values replace.

    >>> merged({"cvr": 0.1, "cart": {"rate": 0.2, "slope": 1}}, {"cart": {"rate": 0.3}})
    {'cvr': 0.1, 'cart': {'rate': 0.3, 'slope': 1}}
    """
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        tables = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = merged(below, value) if tables and below is not None else value
    return result
