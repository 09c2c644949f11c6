"""Where a scenario can be written."""

from __future__ import annotations

from pathlib import Path

from simulator.errors import ScenarioError


def check_free(out: Path, *, replace: bool, example: str = "my_world.toml") -> None:
    """Refuse a file that exists, a directory, or a place that does not.

    Raises
    ------
    ScenarioError : so it is.
    """
    if out.is_dir():
        raise ScenarioError(f"--out {out}: is a directory; name a file, such as {out / example}")
    if out.suffix != ".toml":
        raise ScenarioError(f"--out {out}: must be a .toml file, since it is a scenario")
    if out.exists() and not replace:
        raise ScenarioError(f"{out}: exists already; choose another file, or say --replace")
    if not out.parent.is_dir():
        raise ScenarioError(f"--out {out}: no such directory: {out.parent}")
