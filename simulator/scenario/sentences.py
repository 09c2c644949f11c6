"""What pydantic finds wrong, in plain words: the one place where its errors become sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from simulator.errors import ScenarioError, nearest, unknown
from simulator.scenario.fields import Key, at, below, choices, in_words, legal_keys

M = TypeVar("M", bound=BaseModel)

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


def grouped(error: ValidationError, data: Any) -> dict[Key, list[Mapping[str, Any]]]:
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


def sentence(
    model: type[BaseModel], key: Key, errors: Sequence[Mapping[str, Any]], name: str, owner: str = ""
) -> str:
    """Say in one sentence what is wrong at a key: its name, the value, what is allowed, the nearest spelling.

    Parameters
    ----------
    model : the block that was validated.
    key : where in it.
    errors : what pydantic says of the key; of a union one error for each alternative.
    name : what the user knows the key by.
    owner : the part whose parameters the keys are, as it is called; empty for keys of a scenario.
    """
    value, kind = errors[0]["input"], errors[0]["type"]
    shown = "" if isinstance(value, Mapping) else f" = {toml_like(value)}"
    if kind == "extra_forbidden":
        allowed = legal_keys(at(model, key[:-1])) or ()
        if owner:
            known = unknown(f"parameter of {owner}:", str(key[-1]), allowed)
            return f"{name}{shown}: {known if allowed else f'{owner} takes no parameters'}"
        noun = "table" if isinstance(value, Mapping) else "key"
        options = f"allowed: {', '.join(sorted(allowed))}.{nearest(str(key[-1]), allowed)}"
        return f"{name}{shown}: unknown {noun}; {options}"
    wanted = in_words(at(model, key)) or "given"
    if kind == "missing":
        needs = f"{owner} needs it: " if owner else ""
        return f"{name}: is missing; {needs}it must be {wanted}"
    if kind == "value_error":
        reason = str(errors[0]["ctx"]["error"])
        told = toml_like(value) in reason or repr(value) in reason or isinstance(value, Mapping) or not key
        return f"{name}{'' if told else shown}{': ' if name else ''}{reason}"
    if kind == "literal_error":
        return f"{name}{shown}: must be {wanted}.{nearest(str(value), choices(at(model, key)))}"
    return f"{name}{shown}: {_must_be(model, key, errors)}"


def sentences(
    error: ValidationError, model: type[BaseModel], data: Any, name: str, owner: str = ""
) -> Iterator[str]:
    """Say each fault that pydantic found in a block in one sentence (`sentence`); ``name`` is that of the block."""
    for key, errors in grouped(error, data).items():
        yield sentence(model, key, errors, ".".join([name, *map(str, key)]), owner)


def _must_be(model: type[BaseModel], key: Key, errors: Sequence[Mapping[str, Any]]) -> str:
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
    wanted = in_words(at(model, key))
    if wanted:
        return f"must be {wanted}"
    message = str(errors[0]["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return message.replace("Input should be", "must be")


def read_block(model: type[M], data: Any, name: str) -> M:
    """Return a block of what is written in the table ``name``.

    Raises
    ------
    ScenarioError : with all faults.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ScenarioError(sentences(error, model, data, name)) from None


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
