"""Every fault of a scenario, each with the file and the key that the user wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticUndefined

from simulator.errors import nearest
from simulator.scenario.fields import Key, at, below, legal_keys, written
from simulator.scenario.layers import Layers
from simulator.scenario.model import Scenario
from simulator.scenario.sentences import grouped, sentence


def validate(layers: Layers, file: str) -> tuple[Scenario | None, list[str]]:
    """Validate what the layers say; return the scenario and every fault found.

    Of wrong layers the scenario is what is left of them (``None`` if that is none): good for finding further faults only.

    Rules between keys of a table are only checked once each key is right, so what is wrong is taken out and
    the rest validated again, for as long as this shows something new.
    """
    faults: dict[Key, str] = {}
    doubtful: set[Key] = set()
    data: Any = layers.data
    while True:
        try:
            scenario = Scenario.model_validate(data)
        except ValidationError as error:
            found = grouped(error, data)
        else:
            return scenario, list(faults.values())
        fresh = {key: errors for key, errors in found.items() if key not in faults and key not in doubtful}
        faults.update((key, _fault(key, errors, layers, file)) for key, errors in fresh.items())
        drop = [key[:-1] if errors[0]["type"] == "missing" else key for key, errors in fresh.items()]
        for key in (key for key in drop if key and _matters(key)):
            doubtful |= {key[:-1], key[:-2]} if isinstance(key[-1], int) else {key[:-1]}
        data, before = _without(data, [key for key in drop if key and below_at(data, key)]), data
        if data == before:
            return None, list(faults.values())


def _matters(key: Key) -> bool:
    """Tell whether a rule of the table around ``key`` may fail only because ``key`` was taken out."""
    kind = at(Scenario, key)
    if kind is None:  # an unknown key: it may be a known one, misspelt
        return bool(nearest(str(key[-1]), legal_keys(at(Scenario, key[:-1])) or ()))
    # Rules of the whole scenario ask which blocks there are; a block with defaults is there in any case.
    return len(key) > 1 or Scenario.model_fields[str(key[0])].default in (None, PydanticUndefined)


def below_at(data: Any, key: Key) -> bool:
    """Tell whether something is written at ``key``."""
    for part in key[:-1]:
        data = below(data, part)
    return key[-1] in data if isinstance(data, Mapping) else isinstance(data, Sequence)


def _without(data: Any, keys: Sequence[Key]) -> Any:
    """Copy ``data`` without what is at ``keys`` (a wrong plain item takes its list with it)."""
    if not keys:
        return data
    first: dict[str | int, list[Key]] = {}
    for key in keys:
        first.setdefault(key[0], []).append(key[1:])
    if isinstance(data, Mapping):
        dropped = {part for part, rest in first.items() if () in rest or _is_value_list(data[part], rest)}
        return {k: _without(v, first.get(k, [])) for k, v in data.items() if k not in dropped}
    return [_without(item, first.get(i, [])) for i, item in enumerate(data)]


def _is_value_list(data: Any, rest: Sequence[Key]) -> bool:
    return isinstance(data, list) and any(len(key) == 1 for key in rest)


def _fault(key: Key, errors: Sequence[Mapping[str, Any]], layers: Layers, file: str) -> str:
    missing = errors[0]["type"] == "missing"
    where = layers.origin(key[:-1] if missing else key, file)
    if errors[0]["type"] == "value_error" and isinstance(errors[0]["input"], Mapping):
        where = layers.latest(key, where)  # a rule between keys: the file that was written last broke it
    return f"{where}: {sentence(Scenario, key, errors, written(key, layers.data))}"
