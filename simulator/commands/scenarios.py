"""Scenario files as the command line meets them: found, listed, copied."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import tomlkit

from simulator.errors import ScenarioError, nearest
from simulator.program import program
from simulator.scenario.layers import missing_file
from simulator.scenario.load import load_scenario
from simulator.scenario.model import Scenario
from simulator.scenario.places import Place, places, put
from simulator.scenario.shipped import SHIPPED, folder_of, found, typed


def check_first_word(word: str, verbs: Iterable[str]) -> None:
    """Refuse a first argument that is neither a verb nor a file, suggesting what was probably meant.

    Raises
    ------
    ScenarioError : so it is.
    """
    verbs = sorted(verbs)
    if word in verbs or found(Path(word)).exists():
        return
    if word.endswith(".toml") or "/" in word:
        raise ScenarioError(missing_file(Path(word)))
    hint = nearest(word, verbs)
    if not hint:
        file_hint = missing_file(Path(word)).partition("no such file.")[2]
        hint = file_hint if "Did you mean" in file_hint else ""
    raise ScenarioError(f"{word!r} is neither a verb nor a scenario file.{hint} Verbs: {', '.join(verbs)}.")


def shipped() -> list[tuple[str, str]]:
    """List the shipped scenarios with their titles."""
    rows = []
    for path in sorted(SHIPPED.glob("*.toml")):
        try:
            title = str(tomllib.loads(path.read_text(encoding="utf-8")).get("title", ""))
        except (OSError, ValueError):
            title = "(not valid TOML)"
        rows.append((typed(path), title))
    return rows


def copy_scenario(name: str, destination: Path | None) -> Path:
    """Copy a shipped scenario (by name or path) to edit it; return where it went.

    Raises
    ------
    ScenarioError : no such scenario, or the destination exists.
    """
    source = Path(name) if Path(name).is_file() else SHIPPED / f"{Path(name).stem}.toml"
    if not source.is_file():
        names = [path.stem for path in sorted(SHIPPED.glob("*.toml"))]
        raise ScenarioError(
            f"no scenario {name!r}; allowed: {', '.join(names)}.{nearest(Path(name).stem, names)}"
        )
    target = destination or Path(source.name)
    if target.is_dir():
        target /= source.name
    if target.exists():
        raise ScenarioError(f"{target}: exists already; name another file: {program()} cp {name} OTHER.toml")
    if not target.parent.is_dir():
        raise ScenarioError(f"{target.parent}: no such directory")
    load_scenario(source)
    with target.open("x", encoding="utf-8") as file:
        file.write(_moved(source, target.parent))
    return target


def _moved(source: Path, folder: Path) -> str:
    """Return the text of a scenario with the paths that lead to the same places from another folder."""
    document = tomlkit.parse(source.read_text(encoding="utf-8"))
    plain = document.unwrap()
    written = list(places(Scenario, plain))
    if "extends" in plain:
        written.append((("extends",), Place(), str(plain["extends"])))
    for key, place, text in written:
        if (moved := place.move(text, folder_of(source, text), folder)) != text:
            put(document, key, moved)
    return tomlkit.dumps(document)


def run_directory(path: Path) -> Path:
    """Check that a path is a finished run.

    Raises
    ------
    ScenarioError : it does not exist, or holds no results.
    """
    if not path.is_dir():
        near = path.parent.is_dir() and nearest(
            path.name, [p.name for p in path.parent.iterdir() if p.is_dir()]
        )
        raise ScenarioError(f"{path}: no such run directory.{near or ''}")
    if not (path / "summary.json").is_file():
        inside = sorted(str(p.parent) for p in path.glob("**/summary.json"))[:8]
        hint = f" There are runs below it: {', '.join(inside)}." if inside else ""
        raise ScenarioError(f"{path}: is not a finished run (it has no summary.json).{hint}")
    return path
