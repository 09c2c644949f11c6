"""Three doors for what a method or a result is made of: a decorator, an installed entry point, "module:Name"."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, reduce
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from simulator.beside import enter, own_module
from simulator.errors import AfterclickError, PluginError, ScenarioError, nearest, unknown

T = TypeVar("T")

SHIPPED: tuple[str, ...] = (
    "learners.settlement",
    "learners.escim",
    "learners.reuse",
    "learners.trajectory",
    "learners.twice",
    "learners.cmdcm",
)
"""Packages that come with the product and register what they bring, as a stranger's would; imported with any family."""

OWN = ("simulator.", "learners.")
"""Where the product's own modules are."""

FAMILIES: dict[str, Family[Any]] = {}
"""Every family whose module was imported, by the plural that names it (``policies``)."""


class Family(Mapping[str, T], Generic[T]):
    """What can be named of one family: what its package brings, and what others bring.

    Others bring theirs by the decorator (`register`), by an entry point of the group ``afterclick.<plural>``, or are named
    in place as ``module:Name``. An entry point that cannot be taken in is left out and reported (`troubles`).

    Parameters
    ----------
    noun : what one of the family is called in messages.
    plural : names the entry-point group.
    package : its modules are imported when the family is first asked for.
    base : what is taken in is an instance of it, or a function without arguments that returns one.
    """

    def __init__(self, noun: str, plural: str, package: str, base: type[Any]) -> None:
        self.noun, self.plural, self.base = noun, plural, base
        self._package = package
        self._found: dict[str, T] = {}
        self._makers: dict[str, str] = {}
        self._entries: dict[str, EntryPoint] = {}
        self._broken: dict[str, str] = {}
        self._waiting: list[str] | None = None
        self._complete = False
        FAMILIES[plural] = self

    def register(self, name: str, maker: str | None = None) -> Callable[[Any], Any]:
        """Decorator: make something known under ``name``. A name can be taken once.

        ``maker`` is the module that brings it; default: that of the caller.

        Raises
        ------
        PluginError : the name is taken, or what is decorated is none of this family.
        """

        def add(found: Any) -> Any:
            meant, known = self._meant(found), self._found.get(name)
            if known is not None and not self._same(known, meant):
                raise PluginError(f"{self.noun} {name!r} is taken by {self.origin(name)}")
            self._found[name] = meant
            self._makers[name] = maker or sys._getframe(1).f_globals["__name__"]  # noqa: SLF001 - an object knows no module
            self._told_its_name(meant, name)
            return found

        return add

    def _meant(self, found: Any) -> T:
        """Return what is meant by what a decorator, an entry point or ``module:Name`` gives.

        Raises
        ------
        PluginError : it is none of this family.
        """
        made = found() if callable(found) and not isinstance(found, type | self.base) else found
        if not self._fits(made):
            raise PluginError(f"is no {self.noun}; {self._wanted()}")
        return made  # type: ignore[no-any-return]

    def _fits(self, value: object) -> bool:
        return isinstance(value, self.base)

    def _wanted(self) -> str:
        return f"allowed: a {place_of(self.base)}, or a function without arguments that returns one"

    def _same(self, known: T, other: T) -> bool:
        return known == other

    def _told_its_name(self, found: T, name: str) -> None:
        """Tell what is taken in under which name; most need not know."""

    def _load(self, name: str = "") -> None:
        """Import module by module until a name is known; without one, all that there is."""
        if self._waiting is None:
            package = importlib.import_module(self._package)
            modules = pkgutil.iter_modules(getattr(package, "__path__", ()))
            self._waiting = [*(f"{self._package}.{module.name}" for module in modules), *SHIPPED]
        while self._waiting and not self._makers.get(name, "").startswith(
            OWN
        ):  # names of others may be taken later on
            importlib.import_module(self._waiting.pop(0))  # gone before: what it brings may ask this family
        if not self._waiting and not self._complete:
            self._complete = True
            # In the same order, whichever was imported first.
            self._found = dict(sorted(self._found.items(), key=lambda found: self._place(found[0])))
            self._enter()

    def _enter(self) -> None:
        """Take in the names of entry points, and say which of them cannot be."""
        for entry in self._installed():
            other = self._entries.get(entry.name)
            if entry.name in self._found:
                why = f"it has the name of a built-in {self.noun}"
                self._broken.setdefault(f"{entry.name} of {_dist(entry)}", _left_out(entry, why))
            elif other is not None:
                why = f"{_dist(other)} brings another {self.noun} of that name"
                self._broken[entry.name] = _left_out(entry, why)
            else:
                self._entries[entry.name] = entry

    def _installed(self) -> list[EntryPoint]:
        return sorted(_entry_points().select(group=f"afterclick.{self.plural}"), key=_dist)

    def _place(self, name: str) -> int:
        """Return where what a package brings stands: that of the family first, then those that ship, then all others."""
        packages = (self._package, *SHIPPED)
        maker = f"{self._makers[name]}."
        return next(
            (k for k, package in enumerate(packages) if maker.startswith(f"{package}.")), len(packages)
        )

    def __getitem__(self, name: str) -> T:
        if ":" in name:
            try:
                return self._in_place(name)
            except ScenarioError:
                raise KeyError(name) from None
        self._load(name)
        if name not in self._found and name in self._entries and name not in self._broken:
            try:
                found = self._meant(self._entries[name].load())
                if name not in self._found:  # its module may have registered it, too
                    self._found[name] = found
                    self._told_its_name(found, name)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever somebody else's module does
                self._broken[name] = _left_out(self._entries[name], told(error))
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        """Yield every name that works, in the order of their coming; entry points are loaded for it."""
        self._load()
        for name in self._entries:
            self.get(name)
        return iter(list(self._found))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def forget(self, modules: Collection[str]) -> None:
        """Forget what these modules brought; their names are free again."""
        for name in [name for name, maker in self._makers.items() if maker in modules]:
            del self._makers[name], self._found[name]

    def troubles(self) -> list[str]:
        """Return a sentence on each entry point that is left out, and why."""
        if self._complete or self._installed():
            list(self)
        return list(self._broken.values())

    def origin(self, name: str) -> str:
        """Return where a name comes from: the product, a distribution, or the module that registered it."""
        if name in self._entries and name not in self._broken:
            return _dist(self._entries[name])
        module = self._makers[name]
        return "afterclick" if module.startswith(OWN) else module

    def find(self, name: str) -> T:
        """Return what a name means, or ``package.module:Name``.

        Raises
        ------
        ScenarioError : no such name, no such module, nothing of that name in it, or nothing of this family.
        """
        if ":" in name:
            return self._in_place(name)
        if name not in self:
            if name in self._broken:
                raise ScenarioError(f"{self.noun} {name!r}: {self._broken[name]}")
            raise ScenarioError(
                f"{unknown(self.noun, name, self)} Your own is written 'package.module:Name'."
            )
        return self[name]

    def _in_place(self, name: str) -> T:
        module_name, _, path = name.partition(":")
        if not path or not module_name or module_name.startswith("."):
            raise ScenarioError(f"{self.noun} {name!r}: must be written 'package.module:Name'")
        try:
            module = own_module(module_name)
        except (Exception, SystemExit) as error:
            raise ScenarioError(
                f"{self.noun} {name!r}: cannot import {module_name!r} ({told(error)})"
            ) from error
        try:
            found = reduce(getattr, path.split("."), module)
        except AttributeError:
            near = nearest(path, [key for key, value in vars(module).items() if self._fits(value)])
            raise ScenarioError(f"{self.noun} {name!r}: {module_name} has no {path!r}.{near}") from None
        try:
            return self._meant(found)
        except Exception as error:
            why = str(error) if isinstance(error, PluginError) else f"cannot be made: {told(error)}"
            raise ScenarioError(f"{name} {why}") from error


def load_plugins(modules: Sequence[str], folders: Iterable[str | Path] = ()) -> None:
    """Import modules of one's own, which register by decorators what they bring; forget those of other scenarios.

    Parameters
    ----------
    modules : names, as ``plugins`` of a scenario lists them.
    folders : where they, and all that is named as ``module:Name``, are found beside what is installed.

    Raises
    ------
    ScenarioError : modules that cannot be imported.
    """
    gone = enter(folders)
    for family in FAMILIES.values():
        family.forget(gone)
    faults = []
    for place, module in enumerate(modules):
        try:
            own_module(module)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever somebody else's module does
            faults.append(f"plugins[{place}] = {module!r}: cannot be imported ({told(error)})")
    if faults:
        raise ScenarioError(faults)


def troubles() -> list[str]:
    """Return a sentence on each installed entry point that is left out, of every family that is known."""
    return [said for plural in sorted(FAMILIES) for said in FAMILIES[plural].troubles()]


def told(error: BaseException) -> str:
    """Say what a plug-in raised; the house's errors and failed imports speak for themselves."""
    plain = isinstance(error, AfterclickError | ImportError)
    return str(error) if plain else f"{type(error).__name__}: {error}"


def place_of(found: object) -> str:
    """Return the module and name of a class or function, or of an object's class."""
    named = found if hasattr(found, "__qualname__") else type(found)
    return f"{named.__module__}:{named.__qualname__}"


@cache
def _entry_points() -> Any:
    """Return all that is installed: to read it takes as long as some of the packages."""
    return entry_points()


def _dist(entry: EntryPoint) -> str:
    """Return the name and version of the distribution that brings an entry point."""
    return entry.value if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"


def _left_out(entry: EntryPoint, why: str) -> str:
    return f"entry point {entry.name!r} ({entry.value}) of {_dist(entry)} is left out: {why}"
