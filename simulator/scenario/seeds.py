"""Several seeds, as they are written: ``"0..3"`` or ``[0, 1, 2]``."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

_SPAN = re.compile(r"\s*(\d+)\s*\.\.\s*(\d+)\s*")
_ALLOWED = 'allowed: a span such as "0..3", or a list such as [0, 1, 2], of whole numbers from 0, each once'


def parse_seeds(value: Any) -> tuple[int, ...]:
    """Read seeds; both ends of a span are meant.

    >>> parse_seeds("0..3"), parse_seeds([4, 2])
    ((0, 1, 2, 3), (4, 2))
    """
    if isinstance(value, str) and (match := _SPAN.fullmatch(value)):
        first, last = int(match[1]), int(match[2])
        if first <= last:
            return tuple(range(first, last + 1))
        raise ValueError(f"{value!r} is empty: it ends before it begins; {_ALLOWED}")
    if isinstance(value, str) and re.fullmatch(r"\s*\d+(\s*,\s*\d+)*\s*", value):
        value = [int(part) for part in value.split(",")]
    whole = isinstance(value, list | tuple) and all(type(seed) is int and seed >= 0 for seed in value)
    if not whole or len(set(value)) < len(value):
        raise ValueError(f"{value!r} are no seeds; {_ALLOWED}")
    return tuple(value)


Seeds = Annotated[
    tuple[int, ...],
    BeforeValidator(parse_seeds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\s*\d+\s*\.\.\s*\d+\s*$"},
                {"type": "array", "items": {"type": "integer", "minimum": 0}, "uniqueItems": True},
            ]
        }
    ),
]
