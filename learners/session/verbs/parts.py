"""Verbs of parts of one's own: begin one, and check one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from learners.session.verbs.frame import app
from simulator.commands.options import verb
from simulator.program import program


@verb(app, "new policy late-positives", "new method our-own")
def new(kind: Literal["policy", "objective", "network", "method"], name: str, /) -> int:
    """Write a small part of your own that works, and its test, into this folder."""
    from simulator.commands.new import write_part

    made = write_part(kind, name, Path.cwd())
    print(made.part.name, made.test.name, sep="\n")
    print(f"next: {program()} check {made.place}")
    print(f"      python -m pytest {made.test.name}")
    print("and in a scenario of this folder:", *made.use.splitlines(), sep="\n    ")
    return 0


Parameters = Annotated[
    tuple[str, ...],
    Parameter(
        name="--set", negative=(), show_default=False, help="One of its parameters: NAME=VALUE. Repeatable."
    ),
]


@verb(app, "check my_policy:Patient", "check elapsed-time --set window=1h")
def check(part: str, /, *, parameters: Parameters = ()) -> int:
    """Check that a part keeps the rules of its kind; exit 1 where it does not.

    PART is module:Name (a module of this folder, or an installed one), or a name
    that scenarios use. A policy is causal and does not feel the ticks; an
    objective's gradient is that of its loss, whatever the order of the rows; what
    is served or estimated depends on the click alone; an importer brings back what
    was exported; a method learns and serves. Each check is printed with the reason
    where it failed.
    """
    from learners.kit import check_part, found_parts
    from simulator.commands.checked import print_checks
    from simulator.plugins import load_plugins
    from simulator.scenario.overrides import parameters_of

    load_plugins((), [Path.cwd()])
    given = parameters_of(parameters)
    return max(print_checks(name, check_part(found, given)) for name, found in found_parts(part))
