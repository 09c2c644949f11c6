"""The command as the user typed it: ``afterclick`` where it is installed, ``python sim.py`` in a checkout."""

from __future__ import annotations

import sys
from pathlib import Path

INSTALLED, CHECKOUT = "afterclick", "python sim.py"


def program() -> str:
    """Return what a hint puts in front of a verb."""
    return INSTALLED if Path(sys.argv[0]).stem == INSTALLED else CHECKOUT


def as_typed(command: str) -> str:
    """Return a command that is written for a checkout as it is typed here."""
    return command.replace(CHECKOUT, program(), 1)
