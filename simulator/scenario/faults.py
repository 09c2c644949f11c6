"""Validation errors in plain words: file, key, value, what is allowed, nearest spelling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticUndefined

from simulator.errors import nearest
from simulator.scenario.fields import Key, at, below, choices, in_words, legal_keys, written
from simulator.scenario.layers import Layers
from simulator.scenario.model import Scenario

_BOUNDS = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
_MUST_BE = {
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "finite_number": "a finite number",
    "int_from_float": "a whole number",
    "string_too_long": "at most {max_length} characters long",
    "string_too_short": "at least {min_length} characters long",
}
_NAME_PATTERN = "^[A-Za-z0-9]["


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
            found = _group(error, data)
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


def _group(error: ValidationError, data: Any) -> dict[Key, list[Mapping[str, Any]]]:
    """Collect errors by the key that the user wrote: the alternatives of a union become one entry."""
    found: dict[Key, list[Mapping[str, Any]]] = {}
    for item in error.errors(include_url=False):
        emptied = item["type"] == "too_short" and item["input"]
        if not emptied:  # a list whose every item is wrong is reported by its items
            found.setdefault(_cleaned(item["loc"], item["type"], data), []).append(item)
    return found


def _cleaned(location: Key, kind: str, data: Any) -> Key:
    """Drop the parts of an error's location that name types, not keys."""
    key: Key = ()
    for i, part in enumerate(location):
        last_and_absent = kind == "missing" and i == len(location) - 1
        known = (
            part in data if isinstance(data, Mapping) else isinstance(part, int) and isinstance(data, list)
        )
        if known or last_and_absent:
            key, data = (*key, part), below(data, part)
    return key


def _fault(key: Key, errors: Sequence[Mapping[str, Any]], layers: Layers, file: str) -> str:
    name = written(key, layers.data)
    where = layers.origin(key, file) if errors[0]["type"] != "missing" else layers.origin(key[:-1], file)
    value = errors[0]["input"]
    shown = "" if isinstance(value, Mapping) else f" = {toml_like(value)}"
    kind = errors[0]["type"]
    if kind == "extra_forbidden":
        noun = "table" if isinstance(value, Mapping) else "key"
        allowed = legal_keys(at(Scenario, key[:-1])) or ()
        options = f"allowed: {', '.join(sorted(allowed))}.{nearest(str(key[-1]), allowed)}"
        return f"{where}: {name}{shown}: unknown {noun}; {options}"
    if kind == "missing":
        return f"{where}: {name}: is missing; it must be {_wanted(key)}"
    if kind == "value_error":
        reason = str(errors[0]["ctx"]["error"])
        told = toml_like(value) in reason or repr(value) in reason or isinstance(value, Mapping) or not key
        if isinstance(value, Mapping):  # a rule between keys: the file that was written last broke it
            where = layers.latest(key, where)
        return f"{where}: {name}{'' if told else shown}{': ' if key else ''}{reason}"
    if kind == "literal_error":
        allowed = choices(at(Scenario, key))
        return f"{where}: {name}{shown}: must be {_wanted(key)}.{nearest(str(value), allowed)}"
    return f"{where}: {name}{shown}: {_must_be(key, errors)}"


def _wanted(key: Key) -> str:
    return in_words(at(Scenario, key)) or "given"


def _must_be(key: Key, errors: Sequence[Mapping[str, Any]]) -> str:
    kind, context = errors[0]["type"], errors[0].get("ctx", {})
    if len(errors) == 1 and kind in _MUST_BE:
        bound = _BOUNDS.get(kind)
        if bound and isinstance(context[bound], float) and context[bound].is_integer():
            context = {bound: int(context[bound])}
        return "must be " + _MUST_BE[kind].format(**context)
    if kind in ("too_short", "too_long"):
        limit = context["min_length"] if kind == "too_short" else context["max_length"]
        return f"needs at {'least' if kind == 'too_short' else 'most'} {limit} item{'s' * (limit != 1)}"
    if kind == "string_pattern_mismatch":
        if context["pattern"].startswith(_NAME_PATTERN):
            return "must start with a letter or digit; allowed after it: letters, digits and . _ + -"
        return f"must look like {context['pattern']}"
    wanted = in_words(at(Scenario, key))
    if wanted:
        return f"must be {wanted}"
    message = str(errors[0]["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return message.replace("Input should be", "must be")


def toml_like(value: Any) -> str:
    """Write a value the way the user wrote it, short enough for a message.

    >>> toml_like([1, True, "a"])
    '[1, true, "a"]'
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + (value if len(value) <= 60 else value[:57] + "...") + '"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k} = {toml_like(v)}" for k, v in value.items()) + "}"
    if isinstance(value, Sequence):
        inner = [toml_like(v) for v in value]
        return "[" + ", ".join(inner[:6] + ["..."] * (len(inner) > 6)) + "]"
    return "none" if value is None else str(value)
