"""`new`: a small working part and its test, to begin with."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

from simulator.errors import ScenarioError

_HERE = Path(__file__).parent / "templates"
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_USE = {
    "policy": '[[method]]\nmethod = "waiting-window"\npolicy = "{module}:{cls}"',
    "objective": '[[method]]\nmethod = "waiting-window"\nobjective = "{module}:{cls}"',
    "network": '[[method]]\nmethod = "waiting-window"\nnetwork = "{module}:{cls}"',
    "method": 'plugins = ["{module}"]\n\n[[method]]\nmethod = "{name}"',
}


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the files, what ``check`` takes, and how a scenario names it."""

    part: Path
    test: Path
    place: str
    use: str


def write_part(kind: str, name: str, folder: Path) -> Written:
    """Write a part and its test into a folder.

    Raises
    ------
    ScenarioError : the name makes no module, or one of the files is there already.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ScenarioError(
            f"new: {name!r} is no name for a {kind}; allowed: small letters, digits and dashes, such as late-positives"
        )
    words = re.split("[-_]", name)
    module = "_".join(words)
    given = {"name": "-".join(words), "module": module, "cls": "".join(word.capitalize() for word in words)}
    texts = {
        folder / f"{module}.py": (_HERE / f"{kind}.py.txt").read_text(encoding="utf-8"),
        folder / f"test_{module}.py": (_HERE / "test.py.txt").read_text(encoding="utf-8"),
    }
    given["part"] = "method" if kind == "method" else given["cls"]
    given["made"] = "method()" if kind == "method" else given["cls"]
    if there := [str(path) for path in texts if path.exists()]:
        raise ScenarioError(f"new: {', '.join(there)} is there already; choose another name, or move it away")
    for path, text in texts.items():
        with path.open("x", encoding="utf-8") as file:
            file.write(Template(text).substitute(given))
    part, test = texts
    return Written(part, test, f"{module}:{given['part']}", _USE[kind].format(**given))
