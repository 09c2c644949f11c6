"""Parts made of parts: a field that holds another part, and class variables that follow from the fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from simulator.errors import ScenarioError
from simulator.parts import Part, Registry

T = TypeVar("T")
NONE = "none"
"""What takes away a part that another can do without."""


FAMILY = "family"
"""Keyword, in the schema of a part, of what is a part of that family itself."""


class Nested:
    """Annotation of a field that holds a part: written as a scenario writes parts, by name or as a table.

    Parameters
    ----------
    registry : the family.
    fill : values of parameters that nobody wrote, for parts that have them, besides those that whoever holds the part was
        given (`Registry.parse`).
    optional : whether "none" stands for no part.
    """

    def __init__(
        self, registry: Registry[Any], fill: Mapping[str, Any] | None = None, *, optional: bool = False
    ) -> None:
        self._registry, self._fill, self._optional = registry, fill or {}, optional

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            self._read, serialization=core_schema.plain_serializer_function_ser_schema(_written)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Name the family; the schema of scenarios says what a part of it is (`learners.reference`)."""
        return {FAMILY: self._registry.noun}

    def _read(self, value: Any, info: ValidationInfo) -> Part | None:
        if isinstance(value, Part):
            return value
        if self._optional and value in (None, NONE):
            return None
        if not isinstance(value, str | Mapping):
            raise ValueError("must be a name, or a table with kind and parameters")  # noqa: TRY004 - what pydantic reports
        key = self._registry.noun
        try:
            part: Part = self._registry.parse(value, key, fill={**(info.context or {}), **self._fill})
        except ScenarioError as error:
            raise ValueError("; ".join(f.removeprefix(f"{key}: ") for f in error.faults)) from None
        return part


def _written(part: Part | None) -> dict[str, Any] | str:
    return NONE if part is None else part.spec()


class _Following(Generic[T]):
    def __init__(self, general: T, own: Callable[[Any], T]) -> None:
        self._general, self._own = general, own

    def __get__(self, part: Any, cls: type) -> T:
        return self._general if part is None else self._own(part)


def following(general: T, own: Callable[[Any], T]) -> T:
    """Return a class variable that each part works out from its own fields; ``general`` is what the class says."""
    return cast("T", _Following(general, own))


def union(*names: tuple[str, ...]) -> tuple[str, ...]:
    """Return all names, each once, in their order."""
    return tuple(dict.fromkeys(name for some in names for name in some))
