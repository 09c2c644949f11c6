"""The scenario model seen from outside: which keys are legal where, and what each takes, in plain words."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

Key = tuple[str | int, ...]
"""A path into a scenario: table keys and positions in arrays."""


def members(kind: Any) -> Iterator[Any]:
    """Yield the alternatives of an annotation, without ``Annotated``, unions and ``None``."""
    origin = get_origin(kind)
    if origin is Annotated:
        yield from members(get_args(kind)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(kind):
            yield from members(member)
    elif kind is not type(None):
        yield kind


def block_of(kind: Any) -> type[BaseModel] | None:
    """Return the block that an annotation names, if any."""
    return next((m for m in members(kind) if isinstance(m, type) and issubclass(m, BaseModel)), None)


def step(kind: Any, part: str | int) -> Any:
    """Return the annotation below ``kind`` at ``part``; ``None`` where nothing may be written there."""
    for member in members(kind):
        origin, arguments = get_origin(member), get_args(member)
        if member is Any or member in (dict, list, tuple):
            return Any
        if isinstance(member, type) and issubclass(member, BaseModel):
            if part in member.model_fields:
                field = member.model_fields[str(part)]
                return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        elif origin is dict and isinstance(part, str):
            return arguments[1]
        elif origin in (list, tuple) and isinstance(part, int):
            return arguments[0] if origin is list or len(arguments) == 2 else Any  # a tuple[X, ...] or mixed
    return None


def at(kind: Any, key: Key) -> Any:
    """Return the annotation at ``key``, or ``None`` where the path leaves the model."""
    for part in key:
        kind = step(kind, part)
        if kind is None:
            return None
    return kind


def legal_keys(kind: Any) -> tuple[str, ...] | None:
    """Return the keys of a block; ``None`` where keys are free or there are none."""
    block = block_of(kind)
    return tuple(block.model_fields) if block is not None else None


def is_table_list(kind: Any) -> bool:
    """Tell whether an annotation is a list of blocks, such as ``[[method]]``."""
    return any(get_origin(m) in (list, tuple) and block_of(get_args(m)[0]) is not None for m in members(kind))


def holds_table(kind: Any) -> bool:
    """Tell whether a table may stand at an annotation."""
    return any(m in (Any, dict) or get_origin(m) is dict or block_of(m) is not None for m in members(kind))


def choices(kind: Any) -> tuple[str, ...]:
    """Return the words that a literal allows (none for another kind)."""
    return tuple(str(word) for m in members(kind) if get_origin(m) is Literal for word in get_args(m))


_NAMES = ((bool, "true or false"), (int, "a whole number"), (float, "a number"), (str, "text"))


def in_words(kind: Any) -> str:
    """Say in plain words what an annotation takes.

    >>> in_words(int | None), in_words(dict[str, Any] | str)
    ('a whole number', 'a table or text')
    """
    if get_origin(kind) is Annotated and any("parse_duration" in repr(m) for m in get_args(kind)[1:]):
        return "a duration such as '15m' or '3d'"
    if get_origin(kind) is Annotated and any("parse_moment" in repr(m) for m in get_args(kind)[1:]):
        return "a duration such as '15m' or '3d', or a date such as 2025-11-11 or 2025-11-11T20:00:00"
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(in_words(m) for m in get_args(kind) if m is not type(None)))
    words = []
    for member in members(kind):
        origin = get_origin(member)
        if origin is Literal:
            words.append(" or ".join(repr(word) for word in get_args(member)))
        elif origin in (list, tuple) or member in (list, tuple):
            words.append("a list")
        elif origin is dict or member is dict or block_of(member) is not None:
            words.append("a table")
        else:
            words.extend([name for known, name in _NAMES if member is known])
    return " or ".join(dict.fromkeys(words))


def label_of(item: Any) -> str | None:
    """Return the name by which an item of a list of tables can be addressed."""
    if isinstance(item, Mapping):
        for key in ("name", "method"):
            if isinstance(item.get(key), str):
                return str(item[key])
    return None


def written(key: Key, data: Any = None) -> str:
    """Write a path as a dotted key; with ``data``, items of lists go by their label where it is unique.

    >>> written(("method", 0, "policy"), {"method": [{"method": "fnw"}]})
    'method.fnw.policy'
    """
    parts: list[str] = []
    for part in key:
        text = str(part)
        if isinstance(part, int) and isinstance(data, Sequence) and part < len(data):
            labels = [label_of(item) for item in data]
            label = labels[part]
            if label is not None and labels.count(label) == 1 and not label.isdigit():
                text = label
        plain = isinstance(part, int) or all(c.isalnum() or c in "-_" for c in text)
        parts.append(text if plain and text and "." not in text else f'"{text}"')
        data = below(data, part)
    return ".".join(parts)


def below(data: Any, part: str | int) -> Any:
    """Return what lies at ``part`` of a table or list, or ``None``."""
    if isinstance(data, Mapping):
        return data.get(part)
    if (
        isinstance(data, Sequence)
        and not isinstance(data, str)
        and isinstance(part, int)
        and part < len(data)
    ):
        return data[part]
    return None


def leaves(data: Any, prefix: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Yield every value that is no table, or an empty one, with its path; a list of plain values is one."""
    if isinstance(data, Mapping) and data:
        for key, value in data.items():
            yield from leaves(value, (*prefix, key))
    elif (
        isinstance(data, Sequence) and not isinstance(data, str) and any(isinstance(v, Mapping) for v in data)
    ):
        for i, value in enumerate(data):
            yield from leaves(value, (*prefix, i))
    elif prefix:
        yield prefix, data
