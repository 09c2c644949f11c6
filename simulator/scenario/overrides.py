"""``--set a.b=c``: one key of a scenario changed from the command line, after all files."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from typing import Any

from simulator.errors import ScenarioError, nearest, unknown
from simulator.scenario.fields import Key, at, holds_table, is_table_list, label_of, legal_keys
from simulator.scenario.layers import Layers
from simulator.scenario.model import Scenario

_PART = re.compile(r"\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[^.\"']+)")


def apply_overrides(layers: Layers, overrides: list[str]) -> list[str]:
    """Apply ``key=value`` texts in order and return the faults of those that cannot be."""
    faults: list[str] = []
    for text in overrides:
        try:
            key, value = parse_override(text)
            _assign(layers, key, value, text)
        except ScenarioError as error:
            faults.extend(error.faults)
    return faults


def parse_override(text: str) -> tuple[list[str], Any]:
    """Split ``a.b=c``; the value is read as TOML, and a bare word is text.

    >>> parse_override("stream.segment=2.4h")
    (['stream', 'segment'], '2.4h')
    >>> parse_override('learner.hidden=[64, 32]')
    (['learner', 'hidden'], [64, 32])
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ScenarioError(f"--set {text}: must be key=value, such as --set windows.observation=1h")
    return _split(key.strip(), text), _value(value.strip(), text)


def parameters_of(texts: Sequence[str]) -> dict[str, Any]:
    """Return the table that ``a.b=c`` texts write, the last one of a key.

    >>> parameters_of(["window=1h", "conversion.kind=fnw"])
    {'window': '1h', 'conversion': {'kind': 'fnw'}}
    """
    table: dict[str, Any] = {}
    for text in texts:
        (*outer, last), value = parse_override(text)
        inner = table
        for name in outer:
            if not isinstance(inner.setdefault(name, {}), dict):
                raise ScenarioError(
                    f"--set {text}: {name} = {inner[name]!r} was given before, and is no table"
                )
            inner = inner[name]
        inner[last] = value
    return table


def _split(key: str, text: str) -> list[str]:
    parts, position = [], 0
    while match := _PART.match(key, position):
        parts.append(next(g for g in match.groups() if g is not None).strip())
        position = match.end()
        if position == len(key):
            return parts
        if key[position] != ".":
            break
        position += 1
    raise ScenarioError(
        f"--set {text}: {key!r} is no key; write parts joined by dots, such as windows.observation"
    )


def _value(value: str, text: str) -> Any:
    try:
        table = tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError as error:
        if not value or value[0] in "[{\"'":
            reason = "there is no value" if not value else f"the value is not valid TOML: {error}"
            raise ScenarioError(f"--set {text}: {reason}") from None
        return value
    return table["value"] if len(table) == 1 else value


def _assign(layers: Layers, parts: list[str], value: Any, text: str) -> None:
    """Walk down ``parts``, making the tables that the files left out, and put the value there."""
    key: Key = ()
    for i, part in enumerate(parts):
        data = _at(layers.data, key)
        step = _item(data, key, part, text) if isinstance(data, list) else part
        if isinstance(step, str):
            _check_key(key, step, text)
        if i == len(parts) - 1:
            layers.replace((*key, step), value, "--set")
            return
        if isinstance(data, dict):
            _make_table(layers, (*key, step), data.get(step), text)
        key = (*key, step)


def _at(data: Any, key: Key) -> Any:
    for part in key:
        data = data[part]
    return data


def _check_key(key: Key, part: str, text: str) -> None:
    kind = at(Scenario, key)
    allowed = legal_keys(kind)
    if allowed is not None and not is_table_list(kind) and part not in allowed:
        raise ScenarioError(f"--set {text}: {unknown('key', part, allowed)}")


def _make_table(layers: Layers, key: Key, data: Any, text: str) -> None:
    """Make sure that something can be put below ``key``."""
    kind = at(Scenario, key)
    name = ".".join(map(str, key))
    if data is None and (is_table_list(kind) or not holds_table(kind)):
        what = "the scenario has none" if is_table_list(kind) else "it is one value, not a table"
        raise ScenarioError(f"--set {text}: nothing can be set below {name}: {what}")
    if data is None:
        layers.replace(key, {}, "--set")
    elif isinstance(data, str) and holds_table(kind):  # a part by its name: now by its table
        origin = layers.origins.get(key, "--set")
        layers.replace(key, {"kind": data}, origin)
    elif not isinstance(data, dict | list):
        raise ScenarioError(f"--set {text}: nothing can be set below {name}: it is {data!r}, not a table")


def _item(data: list[Any], key: Key, part: str, text: str) -> int:
    """Return the position that ``part`` (a number or a label) means."""
    name = ".".join(map(str, key))
    if part.isdecimal():
        if int(part) < len(data):
            return int(part)
        raise ScenarioError(f"--set {text}: {name} has {len(data)} items; allowed: 0 to {len(data) - 1}")
    labels = [label_of(item) for item in data]
    if labels.count(part) == 1:
        return labels.index(part)
    named = [label for label in labels if label]
    if part in labels:
        raise ScenarioError(f"--set {text}: {name} has several items called {part!r}; use a number from 0")
    options = f"0 to {len(data) - 1}" + (f", or {', '.join(named)}" if named else "")
    raise ScenarioError(
        f"--set {text}: no item {part!r} in {name}; allowed: {options}.{nearest(part, named)}"
    )
