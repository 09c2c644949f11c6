"""The scenarios that come with the product: in a checkout beside the packages, in an installed one inside them."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
SHIPPED = next(place for place in (_PACKAGE / "shipped", _PACKAGE.parent / "scenarios") if place.is_dir())
"""The folder. The wheel has it under the package (pyproject), since a folder of its own could clash with another's."""


def typed(path: Path) -> str:
    """Return how a scenario file can be named on the command line, from where the user is."""
    here = Path.cwd()
    if path.is_relative_to(here):
        return str(path.relative_to(here))
    return path.name if path.parent == SHIPPED else str(path)


def folder_of(file: Path, text: str) -> Path:
    """Return the folder from which the path ``text`` in a scenario file counts: its own.

    What an installed scenario names and the package does not hold, such as the data of a public log, is where the checkout
    would have it if it were in the working directory.
    """
    installed = file.parent.resolve() == SHIPPED and SHIPPED.parent == _PACKAGE
    return Path("scenarios") if installed and not (SHIPPED / text).exists() else file.parent


def found(path: Path) -> Path:
    """Return a scenario file: the one at ``path``, else the shipped one of that name (or ``scenarios/NAME``).

    A path that is neither is returned as it is.
    """
    if path.exists() or path.parent.as_posix() not in (".", "scenarios"):
        return path
    own = SHIPPED / path.name
    return own if path.suffix == ".toml" and own.is_file() else path
