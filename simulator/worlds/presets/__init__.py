"""Presets: what ``[world] preset = "..."`` puts in the place of the defaults.

A preset is a table as a scenario would write it. What a scenario writes wins over its preset, and the preset
wins over the defaults of the settings, which are those of the blend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simulator.worlds.presets import blend, cascade, taobao_mobile, trace
from simulator.worlds.promotion_kinds import KINDS

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


def origin_of(key: Sequence[str | int], world: Any) -> str | None:
    """Say which preset or kind of promotion sets a key of the scenario that ``[world]``, as written, leaves out.

    ``None`` for the default of the settings; what the blend sets is that, too.

    >>> origin_of(("world", "cvr"), {"preset": "taobao-mobile"})
    'preset taobao-mobile'
    >>> origin_of(("world", "promotion", 0, "waiting", "onset"), {"promotion": [{"kind": "presale"}]})
    'kind presale'
    """
    if not isinstance(world, Mapping) or tuple(key[:1]) != ("world",):
        return None
    preset = world.get("preset", "blend")
    whole = {} if preset == "blend" else PRESETS.get(preset, {})
    if tuple(key[1:2]) != ("promotion",):
        return f"preset {preset}" if _sets(whole, key[1:]) else None
    sales = world.get("promotion", ())
    number, within = (*key[2:3], -1)[0], key[3:]
    sale = sales[number] if isinstance(number, int) and 0 <= number < len(sales) else {}
    kind = sale.get("kind", "one-day")
    if _sets(KINDS.get(kind, {}), within):
        return f"kind {kind}"
    sold = {} if preset == "blend" else SALES.get(preset, {})
    return f"preset {preset}" if _sets(sold, within) else None


def _sets(table: Any, key: Sequence[str | int]) -> bool:
    """Tell whether a table has a value at the key."""
    for part in key:
        if not isinstance(table, Mapping) or part not in table:
            return False
        table = table[part]
    return bool(key)
