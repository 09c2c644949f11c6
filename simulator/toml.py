"""Values as TOML on one line, for files that are written with comments around each key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomlkit


def toml(value: Any) -> str:
    """Write a value.

    >>> toml({"a b": [1, "x"], "c": True})
    '{ "a b" = [1, "x"], c = true }'
    """
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{key(str(name))} = {toml(part)}" for name, part in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return str(tomlkit.item(value).as_string())


def key(name: str) -> str:
    """Write a key, quoted where it must be."""
    return tomlkit.key(name).as_string()
