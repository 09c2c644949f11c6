"""Files of a scenario: TOML in, ``extends`` followed, layers merged, the origin of every key remembered."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.errors import ScenarioError, nearest
from simulator.scenario.fields import Key, leaves
from simulator.scenario.model import Scenario
from simulator.scenario.places import places, put
from simulator.scenario.shipped import SHIPPED, folder_of, found, typed

_PLACE = re.compile(r"\s*\(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")


@dataclass(slots=True)
class Layers:
    """What the files (and later the overrides) say: plain values, and where each was written."""

    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[Key, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    """Of the files, the shipped ones aside; the nearest first."""

    def merge(self, top: Mapping[str, Any], origin: str, at: Key = ()) -> None:
        """Lay ``top`` over what is there: tables merge deeply, everything else (arrays too) replaces."""
        target: Any = self.data
        for part in at:
            target = target[part]
        for key, value in top.items():
            if isinstance(value, Mapping) and isinstance(target.get(key), dict):
                self.origins.pop((*at, key), None)
                self.merge(value, origin, (*at, key))
                if not target[key]:
                    self.origins[*at, key] = origin
            else:
                self.replace((*at, key), value, origin)

    def replace(self, key: Key, value: Any, origin: str) -> None:
        """Put ``value`` at ``key``, whose table or list exists; what was below it is forgotten."""
        target: Any = self.data
        for i, part in enumerate(key[:-1], 1):
            self.origins.pop(key[:i], None)
            target = target[part]
        target[key[-1]] = _plain(value)
        for known in [k for k in self.origins if k[: len(key)] == key]:
            del self.origins[known]
        self.origins.update((leaf, origin) for leaf, _ in leaves(value, key))

    def origin(self, key: Key, default: str) -> str:
        """Return where ``key`` was written: its own origin, or that of what is below or above it."""
        for length in range(len(key), 0, -1):
            found = self.origins.get(key[:length])
            if found is None:
                found = next((o for k, o in self.origins.items() if k[:length] == key[:length]), None)
            if found is not None:
                return found
        return default

    def latest(self, key: Key, default: str) -> str:
        """Return the layer that wrote last below ``key``."""
        found = [origin for known, origin in self.origins.items() if known[: len(key)] == key]
        return found[-1] if found else default  # a key that is written again goes to the end


def read_layers(path: Path) -> Layers:
    """Read a scenario file and every file it extends, the farthest base first; a shipped one is known by its name.

    Their paths become those from the working directory.

    Raises
    ------
    ScenarioError : a file is missing, unreadable or no TOML, or the files extend each other in a circle.
    """
    layers, chain = Layers(), _chain(path)
    folders = dict.fromkeys(file.parent for file, _ in chain if file.parent.resolve() != SHIPPED)
    layers.folders = tuple(str(folder) for folder in folders)
    for file, data in reversed(chain):
        layers.merge(from_here(data, file), str(file))
    return layers


def from_here(data: dict[str, Any], file: Path) -> dict[str, Any]:
    """Turn the paths of a scenario as written in ``file`` into those from the working directory, in place."""
    for key, place, text in list(places(Scenario, data)):
        put(data, key, place.read(text, folder_of(file, text)))
    return data


def _chain(path: Path) -> list[tuple[Path, dict[str, Any]]]:
    chain: list[tuple[Path, dict[str, Any]]] = []
    seen: dict[Path, Path] = {}
    path = found(path)
    while True:
        real = path.resolve()
        if real in seen:
            names = [str(file) for file, _ in chain] + [str(seen[real])]
            raise ScenarioError(f"{chain[0][0]}: extends goes round in a circle: {' -> '.join(names)}")
        data = read_toml(path, chain[-1][0] if chain else None)
        seen[real] = path
        base = data.pop("extends", None)
        chain.append((path, data))
        if base is None:
            return chain
        if not isinstance(base, str) or not base:
            raise ScenarioError(
                f"{path}: extends = {base!r}: must be the path of one scenario file, relative to this file"
            )
        path = found(path.parent / base)


def read_toml(path: Path, extended_by: Path | None = None) -> dict[str, Any]:
    """Read one TOML file, saying file, line and column of what is wrong with it."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise ScenarioError(missing_file(path, extended_by)) from None
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _PLACE.search(message)
        where = f":{place['line']}:{place['column']}" if place and place["line"] else ""
        reason = _PLACE.sub("", message) + ("" if where else " (at the end of the file)")
        twice = " (a key or table is written twice)" if "overwrite" in reason or "twice" in reason else ""
        raise ScenarioError(f"{path}{where}: is not valid TOML: {reason}{twice}") from None


def missing_file(path: Path, extended_by: Path | None = None) -> str:
    """Say that a scenario file does not exist, and which one of that spelling does."""
    places = {place.resolve(): place for place in (SHIPPED, path.parent)}.values()
    files = [typed(file) for place in places if place.is_dir() for file in sorted(place.glob("*.toml"))]
    by_stem = {Path(file).stem: file for file in reversed(files)}
    hint = nearest(str(path), files)
    if not hint and (close := nearest(path.stem, by_stem)):
        hint = f" Did you mean {by_stem[close.split(chr(39))[1]]!r}?"
    if not hint and files:
        hint = f" There {'is' if len(files) == 1 else 'are'}: {', '.join(files[:12])}."
    by = f"{extended_by}: extends = {path.name!r}: " if extended_by else ""
    return f"{by}{path}: no such file.{hint}"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
