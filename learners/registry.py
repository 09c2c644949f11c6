"""Parts of a method by name: blocks of typed parameters, one a file; importing them loads no torch."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from simulator.errors import ScenarioError, unknown
from simulator.scenario.base import Block


class Part(Block):
    """Base of everything a method is composed of; the fields are its parameters."""

    kind: ClassVar[str] = ""
    """The name that scenarios and the table of methods use."""

    def spec(self) -> dict[str, Any]:
        """Return kind and parameters as plain values, such as a scenario could hold."""
        return {"kind": self.kind, **self.model_dump(mode="json")}


P = TypeVar("P", bound=Part)


class Registry(Mapping[str, type[P]], Generic[P]):
    """The parts of one family, found in the modules of its package (or in the one module that holds them)."""

    def __init__(self, family: str, package: str) -> None:
        self.family = family
        self._package = package
        self._classes: dict[str, type[P]] = {}
        self._loaded = False

    def register(self, kind: str) -> Callable[[type[P]], type[P]]:
        """Class decorator: make a part known under ``kind``. A name can be taken once."""

        def add(cls: type[P]) -> type[P]:
            known = self._classes.get(kind)
            if known is not None and (known.__module__, known.__qualname__) != (
                cls.__module__,
                cls.__qualname__,
            ):
                raise ScenarioError(
                    f"{self.family} {kind!r} is taken by {known.__module__}:{known.__qualname__}"
                )
            cls.kind = kind
            self._classes[kind] = cls
            return cls

        return add

    def _load(self) -> dict[str, type[P]]:
        if not self._loaded:
            package = importlib.import_module(self._package)
            for module in pkgutil.iter_modules(getattr(package, "__path__", ())):
                importlib.import_module(f"{self._package}.{module.name}")
            self._loaded = True
        return self._classes

    def __getitem__(self, kind: str) -> type[P]:
        return self._load()[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._load()))

    def __len__(self) -> int:
        return len(self._load())

    def parse(self, spec: str | Mapping[str, Any], key: str, default: Mapping[str, Any] | None = None) -> P:
        """Build a part from its name, or from a table of its kind and parameters.

        Parameters
        ----------
        spec : name or table; a table without ``kind``, or with that of ``default``, changes parameters of
            ``default``.
        key : where the user wrote it, for messages (``method[2].objective``).
        default : what the method has where nothing is written.

        Raises
        ------
        ScenarioError : unknown name or parameter, or a value that is not allowed; all faults at once.
        """
        table = merged(spec, default)
        if "kind" not in table:
            raise ScenarioError(f"{key}: a table needs a kind; allowed: {', '.join(self)}")
        kind = table.pop("kind")
        if not isinstance(kind, str) or kind not in self:
            raise ScenarioError(f"{key}: {unknown(self.family, str(kind), self)}")
        try:
            return self[kind].model_validate(table)
        except ValidationError as error:
            raise ScenarioError(list(faults(error, self[kind], key, f"{self.family} {kind!r}"))) from None


def merged(spec: str | Mapping[str, Any], default: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a spec as a table, completed by the parameters of a default of the same kind.

    >>> merged({"window": "1h"}, {"kind": "elapsed-time"})
    {'kind': 'elapsed-time', 'window': '1h'}
    >>> merged("never", {"kind": "partial-gmv", "final": False})
    {'kind': 'never'}
    """
    table: dict[str, Any] = {"kind": spec} if isinstance(spec, str) else dict(spec)
    if default is not None and table.get("kind", default["kind"]) == default["kind"]:
        return {**default, **table}
    return table


def faults(error: ValidationError, block: type[BaseModel], key: str, owner: str) -> Iterator[str]:
    """Say each fault that pydantic found in one line: where, which value, what is allowed."""
    for fault in error.errors():
        where = ".".join([key, *(str(part) for part in fault["loc"])])
        if fault["type"] == "extra_forbidden":
            allowed = block.model_fields
            known = unknown(f"parameter of {owner}:", str(fault["loc"][-1]), allowed)
            yield f"{where}: {known if allowed else f'{owner} takes no parameters'}"
        else:
            yield f"{where} = {fault['input']!r}: {fault['msg'].removeprefix('Value error, ')}"
