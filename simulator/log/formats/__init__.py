"""Known public formats as data: one TOML file each, whose ``[data]`` says what its columns mean.

A file holds ``title`` (what the format is), ``files`` (what its source looks like) and ``[data]``, the same table
that a scenario has, without the names of files. ``sim.py import NAME SOURCE`` reads it, and ``[data] format = NAME``.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


@cache
def format_names() -> tuple[str, ...]:
    """Return the names of the formats, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


@cache
def format_table(name: str) -> dict[str, Any]:
    """Return what the file of a format says; not to be changed."""
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
