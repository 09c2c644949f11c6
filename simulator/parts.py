"""Plug-ins by name: typed blocks of parameters, one a file, found in their package or in installed distributions."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from simulator.errors import AfterclickError, PluginError, ScenarioError, nearest, unknown
from simulator.scenario.base import Block

if TYPE_CHECKING:
    from simulator.scenario.model import Scenario


class Part(Block):
    """Base of everything a method is composed of, its delay policy included; the fields are its parameters."""

    kind: ClassVar[str] = ""
    """The name that scenarios and the table of methods use."""

    def spec(self) -> dict[str, Any]:
        """Return kind and parameters as plain values, such as a scenario could hold."""
        return {"kind": self.kind, **self.model_dump(mode="json")}

    def doubt(self, scenario: Scenario) -> str:  # noqa: ARG002
        """Say what is allowed in a scenario but probably not meant; an empty string where nothing is."""
        return ""

    def reads(self) -> dict[str, str]:
        """Return what it reads besides the run's own log: by name what identifies it. A run is resumed with the same alone."""
        return {}


P = TypeVar("P", bound=Part)


class Registry(Mapping[str, type[P]], Generic[P]):
    """The parts of one family: those of its package (or module), and those that others bring.

    Parameters
    ----------
    family : what a part is called in messages.
    base : what every part of the family is derived from.
    package : its modules are imported when the family is first asked for.
    group : entry-point group of installed distributions; with it, ``package.module:Class`` names a part, too.
    """

    def __init__(self, family: str, base: type[P], package: str, group: str | None = None) -> None:
        self.family = family
        self._base, self._package, self._group = base, package, group
        self._classes: dict[str, type[P]] = {}
        self._entries: dict[str, EntryPoint] = {}
        self._loaded = False

    def register(self, kind: str) -> Callable[[type[P]], type[P]]:
        """Class decorator: make a part known under ``kind``. A name can be taken once."""

        def add(cls: type[P]) -> type[P]:
            known = self._classes.get(kind)
            if known is not None and _place(known) != _place(cls):
                raise PluginError(f"{self.family} {kind!r} is taken by {_place(known)}")
            cls.kind = kind
            self._classes[kind] = cls
            return cls

        return add

    def _load(self) -> None:
        if self._loaded:
            return
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(getattr(package, "__path__", ())):
            importlib.import_module(f"{self._package}.{module.name}")
        for entry in entry_points(group=self._group) if self._group is not None else ():
            if entry.name in self._classes:
                raise PluginError(
                    f"entry point {entry.name!r} ({entry.value}) has the name of a built-in {self.family}"
                )
            self._entries[entry.name] = entry
        self._loaded = True

    def __getitem__(self, kind: str) -> type[P]:
        self._load()
        if kind in self._entries and kind not in self._classes:
            self.register(kind)(self._installed(self._entries[kind]))
        return self._classes[kind]

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted({*self._classes, *self._entries}))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _installed(self, entry: EntryPoint) -> type[P]:
        try:
            found = entry.load()
        except Exception as error:  # whatever the module of somebody else does when it is loaded
            raise PluginError(
                f"entry point {entry.name!r} ({entry.value}) cannot be loaded: {_told(error)}"
            ) from error
        if not self._fits(found):
            raise PluginError(f"entry point {entry.name!r} ({entry.value}) {self._misfit()}")
        return found  # type: ignore[no-any-return]

    def _fits(self, found: object) -> bool:
        return isinstance(found, type) and issubclass(found, self._base)

    def _misfit(self) -> str:
        base = self._base
        return (
            f"is not a {self.family}; a {self.family} is a subclass of {base.__module__}.{base.__qualname__}"
        )

    def find(self, kind: str) -> type[P]:
        """Return the class of a name, or of ``package.module:Class`` where the family is open to it.

        Raises
        ------
        ScenarioError : no such name, module or class, or a class of another family.
        """
        if self._group is None or ":" not in kind:
            if kind not in self:
                own = " Your own is written 'package.module:Class'." if self._group is not None else ""
                raise ScenarioError(f"{unknown(self.family, kind, self)}{own}")
            return self[kind]
        module_name, _, class_name = kind.partition(":")
        try:
            module = importlib.import_module(module_name)
        except Exception as error:  # whatever the module of somebody else does when it is loaded
            raise ScenarioError(
                f"{self.family} {kind!r}: cannot import {module_name!r} ({_told(error)})"
            ) from error
        if not hasattr(module, class_name):
            names = [name for name, found in vars(module).items() if self._fits(found)]
            raise ScenarioError(
                f"{self.family} {kind!r}: {module_name} has no class {class_name!r}.{nearest(class_name, names)}"
            )
        cls: type[P] = getattr(module, class_name)
        if not self._fits(cls):
            raise ScenarioError(f"{kind} {self._misfit()}")
        if not cls.kind:
            cls.kind = kind
        return cls

    def parse(
        self,
        spec: str | Mapping[str, Any],
        key: str,
        default: Mapping[str, Any] | None = None,
        fill: Mapping[str, Any] | None = None,
    ) -> P:
        """Build a part from its name, or from a table of its kind and parameters.

        Parameters
        ----------
        spec : name or table; a table without ``kind``, or with that of ``default``, changes parameters of
            ``default``.
        key : where the user wrote it, for messages (``method[2].objective``).
        default : what the method has where nothing is written.
        fill : values of parameters that nobody wrote, for parts that have them (the scenario's window).

        Raises
        ------
        ScenarioError : unknown name or parameter, or a value that is not allowed; all faults at once.
        """
        table = merged(spec, default)
        if "kind" not in table:
            raise ScenarioError(f"{key}: a table needs a kind; allowed: {', '.join(self)}")
        try:
            cls = self.find(str(table.pop("kind")))
        except ScenarioError as error:
            raise ScenarioError(f"{key}: {error}") from error
        for name, value in (fill or {}).items():
            if name in cls.model_fields:
                table.setdefault(name, value)
        try:
            return cls.model_validate(table)
        except ValidationError as error:
            raise ScenarioError(faults(error, cls, key, f"{self.family} {cls.kind!r}")) from None
        except Exception as error:  # a constructor or validator of somebody else's class
            raise ScenarioError(
                f"{key}: {self.family} {cls.kind!r} cannot be made: {_told(error)}"
            ) from error


def _told(error: Exception) -> str:
    """Say what a plug-in raised; the house's errors and failed imports speak for themselves."""
    plain = isinstance(error, AfterclickError | ImportError)
    return str(error) if plain else f"{type(error).__name__}: {error}"


def _place(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


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
        if fault["type"] == "too_short" and fault["input"]:
            continue  # a list whose items are wrong is reported by its items
        where = ".".join([key, *(str(part) for part in fault["loc"])])
        if fault["type"] == "extra_forbidden":
            allowed = block.model_fields
            known = unknown(f"parameter of {owner}:", str(fault["loc"][-1]), allowed)
            yield f"{where}: {known if allowed else f'{owner} takes no parameters'}"
        elif fault["type"] == "missing":
            yield f"{where}: is missing; {owner} needs it"
        else:
            told = fault["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
            yield f"{where} = {fault['input']!r}: {told}"
