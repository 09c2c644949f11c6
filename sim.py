"""The command line: `python sim.py SCENARIO` runs a scenario, `python sim.py --help` lists the verbs.

`from sim import compare, load, run` is the same for notebooks (docs/notebook.md).
"""

from __future__ import annotations

import sys

from learners.session.notebook import compare, load, run
from learners.session.verbs import app
from simulator.commands.app import start

__all__ = ["app", "compare", "load", "main", "run"]


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit: 0 fine, 1 run failed, 2 bad scenario or usage, 3 leak found."""
    sys.exit(start(app, argv))


if __name__ == "__main__":
    main()
