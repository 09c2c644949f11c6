"""What may be written in two ways: one value, or a list of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

Value = Annotated[
    str | bool | int | float,
    WithJsonSchema({"type": ["string", "boolean", "number"], "$comment": "a value"}),
]
"""A value in a file, as TOML can write it."""
Mark = Annotated[
    tuple[Value, ...],
    BeforeValidator(
        lambda v: (v,) if isinstance(v, (str, int, float)) else v,
        json_schema_input_type=Value | tuple[Value, ...],
    ),
]
Names = Annotated[
    tuple[str, ...],
    BeforeValidator(
        lambda v: (v,) if isinstance(v, str) else v or (), json_schema_input_type=str | tuple[str, ...]
    ),
]
"""One column, or several in their order."""
