"""`deliver`: the samples of a policy for a whole log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as changed
from pathlib import Path

from simulator.commands.console import stderr
from simulator.commands.data import duration
from simulator.commands.facts import Described
from simulator.deliver import deliver, ordered
from simulator.errors import ScenarioError
from simulator.log.reader import Log
from simulator.plugins import load_plugins
from simulator.policies import POLICIES
from simulator.scenario.overrides import parameters_of
from simulator.store import Location
from simulator.sweep.dispatch import Place


def deliver_log(
    log: Location,
    out: Location,
    policy: str,
    parameters: Sequence[str] = (),
    *,
    windows: str | None = None,
    lateness: str | None = None,
    promotions: Sequence[str] = (),
    segment: str = "1d",
    slices: str | None = None,
    workers: int = 1,
    on: str = "",
    replace: bool = False,
) -> None:
    """Write the samples, and print where they are; to stderr, how many there are.

    Raises
    ------
    ScenarioError, UsageError : an option cannot be read, or what it names is not there or in the way.
    LogError : the log is damaged.
    """
    load_plugins((), [Path.cwd()])
    made = POLICIES.parse({"kind": policy, **parameters_of(parameters)}, "--policy")
    described = Described.of_log(log, windows, promotions)
    late = 0 if lateness is None else duration("--lateness", lateness)
    width = None if slices is None else duration("--slices", slices)
    if width is not None and width <= 0:
        raise ScenarioError(f"--slices {slices}: allowed: longer than 0")
    order = ordered(
        Log.open(log),
        made,
        changed(described.windows, lateness=late),
        described.calendar,
        duration("--segment", segment),
        (str(Path.cwd()),),
    )
    done = deliver(order, out, width=width, place=Place(workers, on), replace=replace)
    print(done.path)
    cut = "one replay" if done.slices == 1 else f"{done.slices:,} slices"
    stderr().print(
        f"{done.rows:,} samples of {done.clicks:,} clicks in {done.files:,} files, by {cut}", soft_wrap=True
    )
