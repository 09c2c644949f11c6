"""Modules that lie beside a scenario: they are found while that scenario is at work, and stand in nobody's way."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from simulator.errors import PluginError


class _Finder:
    """Finds, after everybody else, what lies in the folders of the scenario at work."""

    def __init__(self) -> None:
        self.folders: tuple[str, ...] = ()
        self.found: dict[str, tuple[str, int]] = {}
        """By name, the file of each module found here and when that was written (ns)."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        """Find a module at the top (`importlib.abc.MetaPathFinder`); what is inside packages is found as ever."""
        del target
        spec = None if path is not None else PathFinder.find_spec(name, list(self.folders))
        if spec is not None and spec.origin is not None:
            self.found[name] = (spec.origin, _written(spec.origin))
        return spec


_FINDER = _Finder()
sys.meta_path.append(_FINDER)  # last: a name that is taken stays with its owner (`own_module` says so)


def enter(folders: Iterable[str | Path]) -> list[str]:
    """Look for modules in these folders from now on, and no longer in those of before; return what was forgotten.

    Modules of other folders are forgotten, and so are all of these once one of their files has changed.
    """
    wanted = tuple(str(Path(folder).resolve()) for folder in folders)
    fresh = all(_written(file) == time for file, time in _FINDER.found.values())
    if wanted == _FINDER.folders and fresh:
        return []
    gone = [name for name in sys.modules if name.partition(".")[0] in _FINDER.found]
    for name in gone:
        del sys.modules[name]
    _FINDER.folders, _FINDER.found = wanted, {}
    importlib.invalidate_caches()
    return gone


def folders() -> tuple[str, ...]:
    """Return where modules are looked for now."""
    return _FINDER.folders


def own_module(name: str) -> ModuleType:
    """Import a module by its whole name, be it installed or beside the scenario.

    Raises
    ------
    PluginError : one beside the scenario has the name of one that Python finds elsewhere.
    """
    top = name.partition(".")[0]
    beside = PathFinder.find_spec(top, list(_FINDER.folders)) if _FINDER.folders else None
    if beside is not None and beside.origin is not None and top not in _FINDER.found:
        other = find_spec(top)
        if other is not None and other.origin != beside.origin and not _same(other.origin, beside.origin):
            raise PluginError(
                f"{beside.origin} has the name of a module that is there already ({other.origin}); rename it"
            )
    return importlib.import_module(name)


def _same(one: str | None, other: str) -> bool:
    return one is not None and Path(one).exists() and Path(one).samefile(other)


def _written(file: str) -> int:
    path = Path(file)
    return path.stat().st_mtime_ns if path.exists() else 0
