"""The face of the product for notebooks: run a scenario, load a finished run, compare several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from simulator.report.shown import Compared, Results


def run(
    scenario: str | Path,
    *,
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    dump_samples: bool = False,
    progress: Literal["auto", "plain", "none"] = "none",
    replace: bool = False,
) -> Results:
    """Run a scenario and return its results, which stay in the run directory.

    Parameters
    ----------
    scenario : a scenario file, or the name of a shipped one.
    seed : instead of the scenario's.
    overrides : keys changed after all files, such as ``{"learner.batch_size": 512, "windows.observation": "1h"}``.
    out : directory for runs, instead of ``output.dir``.
    dump_samples : also write what each learner was fed.
    progress : "auto": live on a terminal, else plain lines.
    replace : replace the same run if it is there already (`load` reads it again).

    Raises
    ------
    ScenarioError : the scenario is wrong, with every fault.
    LogError : its log cannot be read.
    RunError : it cannot run, or has been run.
    """
    from learners.session.verbs.frame import run_scenario
    from simulator.report.shown import Results

    texts = tuple(_override(key, value) for key, value in (overrides or {}).items())
    into = None if out is None else str(out)
    path = run_scenario(
        str(scenario), texts, seed, into, dump_samples=dump_samples, progress=progress, replace=replace
    )
    return Results(path)


def load(run_directory: str | Path) -> Results:
    """Return the results of a finished run.

    Raises
    ------
    ScenarioError : it is no finished run; those below it are named.
    RunError : it cannot be read.
    """
    from simulator.commands.scenarios import run_directory as checked
    from simulator.report.shown import Results

    return Results(checked(Path(run_directory)))


def compare(runs: Iterable[str | Path | Results]) -> Compared:
    """Compare finished runs: methods side by side, seeds as replicates.

    Parameters
    ----------
    runs : run directories, or what `run` and `load` returned.

    Raises
    ------
    ScenarioError : none is given, or one is no finished run (all such are named).
    """
    from simulator.commands.results import compared
    from simulator.report.shown import Compared, Results

    return Compared(compared([run.path if isinstance(run, Results) else Path(run) for run in runs]))


def _override(key: str, value: Any) -> str:
    """Write an override as the command line takes it."""
    from simulator.errors import ScenarioError
    from simulator.toml import toml

    try:
        return f"{key}={toml(str(value) if isinstance(value, Path) else value)}"
    except (TypeError, ValueError) as error:
        raise ScenarioError(
            f"overrides[{key!r}] = {value!r}: is nothing that TOML can hold; allowed: text, numbers, true or false, "
            "dates, and lists and tables of these"
        ) from error
