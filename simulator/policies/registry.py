"""Three doors for a policy: the decorator, an entry point of the group ``afterclick.policies``, or "module:Class"."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import ValidationError

from simulator.errors import PolicyError, ScenarioError, nearest, unknown
from simulator.policies.base import Policy

GROUP = "afterclick.policies"


class Registry(Mapping[str, type[Policy]]):
    """Policies by name: the built-in ones, those the decorator added, and installed entry points."""

    def __init__(self) -> None:
        self._classes: dict[str, type[Policy]] = {}
        self._loaded = False
        self._entries: dict[str, EntryPoint] = {}

    def add(self, name: str, cls: type[Policy]) -> None:
        """Register a policy; a name can be taken once."""
        known = self._classes.get(name)
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise PolicyError(f"policy name {name!r} is taken by {known.__module__}:{known.__qualname__}")
        self._classes[name] = cls

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        package = importlib.import_module("simulator.policies")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"simulator.policies.{module.name}")
        for entry in entry_points(group=GROUP):
            if entry.name in self._classes:
                raise PolicyError(
                    f"entry point {entry.name!r} ({entry.value}) has the name of a built-in policy"
                )
            self._entries[entry.name] = entry

    def __getitem__(self, name: str) -> type[Policy]:
        self._load()
        if name in self._entries and name not in self._classes:
            self.add(name, _checked(self._entries[name].load(), self._entries[name].value))
        return self._classes[name]

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted({*self._classes, *self._entries}))

    def __len__(self) -> int:
        return len(list(iter(self)))


POLICIES = Registry()


def policy(name: str) -> Callable[[type[Policy]], type[Policy]]:
    """Class decorator: register a policy under the name that scenarios use."""

    def register(cls: type[Policy]) -> type[Policy]:
        cls.kind = name
        POLICIES.add(name, cls)
        return cls

    return register


def _checked(cls: object, where: str) -> type[Policy]:
    if not (isinstance(cls, type) and issubclass(cls, Policy)):
        raise ScenarioError(f"{where} is not a policy; a policy is a subclass of simulator.policies.Policy")
    return cls


def find_policy(kind: str) -> type[Policy]:
    """Return the class of a registered name, or of ``package.module:Class``.

    Raises
    ------
    ScenarioError : no such name, module or class, or not a policy.
    """
    if ":" not in kind:
        if kind not in POLICIES:
            raise ScenarioError(
                f"{unknown('policy', kind, POLICIES)} Your own is written 'package.module:Class'."
            )
        return POLICIES[kind]
    module_name, _, class_name = kind.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ScenarioError(f"policy {kind!r}: cannot import {module_name!r} ({error})") from error
    if not hasattr(module, class_name):
        names = [n for n, v in vars(module).items() if isinstance(v, type) and issubclass(v, Policy)]
        raise ScenarioError(
            f"policy {kind!r}: {module_name} has no class {class_name!r}.{nearest(class_name, names)}"
        )
    cls = _checked(getattr(module, class_name), kind)
    if not cls.kind:
        cls.kind = kind
    return cls


def policy_from(spec: str | Mapping[str, Any], defaults: Mapping[str, Any] | None = None) -> Policy:
    """Build a policy from its name, or from a table with ``kind`` and the parameters of that kind.

    ``defaults`` fill in parameters that the policy has and the table leaves out (the observation window of the scenario).

    Raises
    ------
    ScenarioError : unknown policy, unknown parameter, or a value that is not allowed; all faults at once.
    """
    table: dict[str, Any] = {"kind": spec} if isinstance(spec, str) else dict(spec)
    if "kind" not in table:
        raise ScenarioError(
            f"a policy table needs a kind; allowed: {', '.join(POLICIES)}, or 'package.module:Class'"
        )
    cls = find_policy(str(table.pop("kind")))
    for name, value in (defaults or {}).items():
        if name in cls.model_fields:
            table.setdefault(name, value)
    try:
        return cls.model_validate(table)
    except ValidationError as error:
        raise ScenarioError([_plain(cls, fault) for fault in error.errors()]) from error


def _plain(cls: type[Policy], fault: Any) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return unknown(f"parameter of policy {cls.kind!r}:", key, cls.model_fields)
    return f"policy {cls.kind!r}, {key} = {fault['input']!r}: {fault['msg'].removeprefix('Value error, ')}"
