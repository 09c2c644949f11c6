"""Options that several verbs share, and how a verb is made known to the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from cyclopts import App, Parameter

from simulator.log import opens
from simulator.program import program

Verb = TypeVar("Verb", bound=Callable[..., int])

Overrides = Annotated[
    tuple[str, ...],
    Parameter(
        name="--set",
        negative=(),
        show_default=False,
        help="Change one key, after all files: KEY=VALUE. Repeatable.",
    ),
]
Seed = Annotated[int | None, Parameter(help="Seed, instead of the scenario's.")]
Seeds = Annotated[
    str | None, Parameter(help="Several seeds, 0..3 or 0,1,2: a run of each, then their comparison.")
]
Workers = Annotated[int | None, Parameter(help="Runs at a time on this machine (default: one a core).")]
On = Annotated[str | None, Parameter(help="A cluster for the runs: dask://HOST:PORT, or ray.")]
Out = Annotated[str | None, Parameter(help="Directory for runs, instead of output.dir.")]
Progress = Annotated[
    Literal["auto", "plain", "none"], Parameter(help="auto: live on a terminal, else plain lines.")
]
Replace = Annotated[
    bool,
    Parameter(negative=(), show_default=False, help="Replace what exists, once the new one is whole."),
]
Dump = Annotated[
    bool,
    Parameter(negative=(), show_default=False, help="Write what each learner was fed to samples/."),
]
AsJson = Annotated[
    bool, Parameter(name="--json", negative=(), show_default=False, help="Print plain JSON, for programs.")
]
Goal = Annotated[
    Literal["nll", "calibration", "ranking", "money"] | None,
    Parameter(help="What a good policy is (default: verdict.goal of the scenario)."),
]
BadRows = Annotated[
    Literal["quarantine", "fail"], Parameter(help="Put bad rows aside with a reason, or stop.")
]
Opens = Annotated[opens.Opens, Parameter(help="What opens a journey.")]
Attribution = Annotated[
    str | None, Parameter(help="How long after a click events belong to it (default: that of the format).")
]
NewScenario = Annotated[Path, Parameter(help="The scenario file to write.")]
Shape = Annotated[
    Literal["touches", "rows", "purchases", "events"] | None,
    Parameter(help="What the files are, if it is known (default: found)."),
]
Sources = Annotated[str, Parameter(help="A file, pattern or folder; or two: clicks and events.")]
LogWindows = Annotated[
    str | None,
    Parameter(help="Attribution window, and refund window, of a log (default: that of its import, or 3d)."),
]
LogPromotions = Annotated[
    tuple[str, ...],
    Parameter(
        name="--promotion",
        negative=(),
        show_default=False,
        help="A promotion in a log: START..END from its origin or by date: 20d..21d, 2025-11-11..2025-11-12. Repeatable.",
    ),
]
Listed = Literal[
    "scenarios",
    "methods",
    "policies",
    "objectives",
    "networks",
    "recipes",
    "links",
    "offsets",
    "auxiliaries",
    "bidders",
    "tasks",
    "metrics",
    "formats",
    "importers",
    "exporters",
]


def examples(*lines: str) -> str:
    """Write the examples that end a help text."""
    return "Examples:\n\n" + "\n\n".join(f"    {program()} {line}" for line in lines)


def verb(app: App, *lines: str, name: str | None = None) -> Callable[[Verb], Verb]:
    """Decorator: make a function a verb of ``app``, with examples at the end of its help."""

    def register(function: Verb) -> Verb:
        app.command(function, name=name, help_epilogue=examples(*lines))
        return function

    return register
