"""Run `init` in a folder of its own."""

from __future__ import annotations

import tomllib
from pathlib import Path

from sim import app
from simulator.commands.app import start


def init(*sources: Path | str, code: int = 0, options=()) -> dict:
    assert start(app, ["init", *map(str, sources), "--out", "my.toml", *options]) == code
    return tomllib.loads(Path("my.toml").read_text(encoding="utf-8"))
