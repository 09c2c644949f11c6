"""The points of a sweep: which value each swept key takes, and what the runs there are called."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.randomness import generator
from simulator.sweep.file import Sweep
from simulator.toml import toml

Point = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """A scenario at a point; its runs differ by their seed alone."""

    scenario: str
    """The file, as a path from the working directory."""
    name: str
    """Of the folder of its runs; "" keeps that of the scenario."""
    point: Point

    @property
    def overrides(self) -> list[str]:
        """The point as ``key=value`` texts."""
        return [f"{key}={toml(value)}" for key, value in self.point.items()]


def points(sweep: Sweep) -> list[dict[str, Any]]:
    """Return the points of a sweep: all combinations, or those that are drawn. A study's come later."""
    if sweep.random is None:
        listed = (values.listed for values in sweep.set.values())
        return [dict(zip(sweep.set, some, strict=True)) for some in itertools.product(*listed)]
    drawn = generator(sweep.draw, "sweep").random((sweep.random, len(sweep.set)))
    return [
        {key: values.at(share) for (key, values), share in zip(sweep.set.items(), row, strict=True)}
        for row in drawn
    ]


def cells(sweep: Sweep, at: Iterable[Point], taken: Iterable[str] = ()) -> list[Cell]:
    """Return every scenario at every point, each with a name of its own that says where it is."""
    found: dict[str, Cell] = {}
    names = set(taken)
    for scenario, point in itertools.product(sweep.scenarios, at):
        name = plain = _name(Path(scenario).stem, point)
        number = 1
        while name in names:
            number += 1
            name = f"{plain}+{number}"
        names.add(name)
        found[name] = Cell(scenario, name, point)
    return list(found.values())


def _name(stem: str, point: Point) -> str:
    parts = [stem, *(f"{key.rpartition('.')[2]}-{_text(value)}" for key, value in point.items())]
    plain = re.sub(r"[^A-Za-z0-9._+]+", "-", "+".join(part.rstrip(']}" ') for part in parts)).strip("._+-")
    return plain[:72].rstrip("._+-") or "cell"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else toml(value)
