"""Parts of methods: typed blocks of parameters, known by the names of their classes' kinds."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import ValidationError

from simulator.errors import PluginError, ScenarioError
from simulator.plugins import OWN, Family, place_of, told
from simulator.scenario.base import Block
from simulator.scenario.sentences import sentences

if TYPE_CHECKING:
    from simulator.scenario.model import Scenario


_NAMES = ("heads", "made", "unserved", "targets", "estimates", "tasks", "labels", "asks", "answers")
"""Class variables of parts that hold names: one text would be read letter by letter."""


class Part(Block):
    """Base of everything a method is composed of, its delay policy included; the fields are its parameters."""

    family: ClassVar[str] = "part"
    """What parts of its family are called in messages."""
    kind: ClassVar[str] = ""
    """The name that scenarios and the table of methods use; of a class that was given none, ``module:Class``."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in _NAMES:
            if isinstance(written := cls.__dict__.get(name), str):
                raise PluginError(
                    f"{place_of(cls)}: {name} = {written!r} is one text; write ({written!r},), a tuple of names"
                )
        if "kind" not in cls.__dict__:  # a kind is never inherited: two classes are two kinds
            cls.kind = place_of(cls)

    def spec(self) -> dict[str, Any]:
        """Return kind and parameters as plain values, such as a scenario could hold."""
        return {"kind": self.kind, **self.model_dump(mode="json")}

    def doubt(self, scenario: Scenario) -> str:
        """Say what is allowed in a scenario but probably not meant; an empty string where nothing is."""
        return ""

    def reads(self) -> dict[str, str]:
        """Return what it reads besides the run's own log: by name what identifies it. A run is resumed with the same alone."""
        return {}

    def code(self) -> dict[str, str]:
        """Return by file a digest of the code that it is made of, as far as that is not the product's own."""
        nested = [value.code() for _, value in self if isinstance(value, Part)]
        own = {} if type(self).__module__.startswith(OWN) else _digest(type(self))
        return own | {file: digest for found in nested for file, digest in found.items()}


def _digest(cls: type) -> dict[str, str]:
    try:
        file = Path(inspect.getfile(cls))
        return {str(file): hashlib.sha256(file.read_bytes()).hexdigest()[:16]}
    except (OSError, TypeError):  # made in a notebook's cell
        return {}


P = TypeVar("P", bound=Part)


class Registry(Family[type[P]], Generic[P]):
    """The classes of one family of parts.

    Parameters
    ----------
    noun : what a part of the family is called in messages.
    plural : names the entry-point group.
    package : its modules are imported when the family is first asked for.
    base : what every part of the family is derived from.
    """

    def __init__(self, noun: str, plural: str, package: str, base: type[P]) -> None:
        super().__init__(noun, plural, package, base)
        base.family = noun

    def _meant(self, found: Any) -> type[P]:
        if not self._fits(found):
            raise PluginError(f"is not a {self.noun}; {self._wanted()}")
        return found  # type: ignore[no-any-return]

    def _fits(self, value: object) -> bool:
        return isinstance(value, type) and issubclass(value, self.base)

    def _wanted(self) -> str:
        return f"a {self.noun} is a subclass of {place_of(self.base)}"

    def _same(self, known: type[P], other: type[P]) -> bool:
        return place_of(known) == place_of(other)

    def _told_its_name(self, found: type[P], name: str) -> None:
        if self._found.get(found.kind) is not found:  # it may have another name already
            found.kind = name

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(super().__iter__()))

    def find(self, name: str) -> type[P]:
        """Return the class of a name, or of ``package.module:Class``.

        Raises
        ------
        ScenarioError : no such name, module or class, a class of another family, or one that says it is of a kind that
            is another class.
        """
        cls = super().find(name)
        known = self.get(cls.kind)
        if known is not None and not self._same(known, cls):
            raise ScenarioError(
                f"{self.noun} {name!r}: kind = {cls.kind!r} is that of {place_of(known)}; give it another kind, or none"
            )
        if cls.kind != place_of(cls):
            self._found[cls.kind] = cls
            self._makers.setdefault(cls.kind, cls.__module__)
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
        fill : values of parameters that nobody wrote, for parts that have them, and for parts inside them (the scenario's
            window).

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
            return cls.model_validate(table, context=fill)
        except ValidationError as error:
            raise ScenarioError(sentences(error, cls, table, key, f"{self.noun} {cls.kind!r}")) from None
        except Exception as error:  # a constructor or validator of somebody else's class
            raise ScenarioError(f"{key}: {self.noun} {cls.kind!r} cannot be made: {told(error)}") from error


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
