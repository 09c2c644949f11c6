"""The command line without its verbs, and what several of them begin with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from simulator.commands.app import new_app

if TYPE_CHECKING:
    from simulator.commands.facts import Described
    from simulator.scenario.load import Loaded

app = new_app(
    "Replay what happens after the click, and compare label-delivery policies on it.",
    "scenarios/minimal.toml",
    "scenarios/double11.toml --seed 1 --set windows.observation=1h",
    "validate scenarios/double11.toml",
    "ls policies",
)


def load(scenario: str, overrides: tuple[str, ...], seed: int | None, out: str | None = None) -> Loaded:
    """Load a scenario whole; its methods are checked by the learners, who alone know their parts."""
    from learners.session.lint import check_methods
    from simulator.scenario.load import load_scenario

    return load_scenario(Path(scenario), overrides, seed=seed, out=out, check=check_methods)


def run_scenario(
    scenario: str,
    overrides: tuple[str, ...],
    seed: int | None,
    out: str | None,
    *,
    dump_samples: bool,
    progress: str,
    replace: bool,
) -> Path:
    """Run a scenario and return its finished run directory."""
    return run_loaded(
        load(scenario, overrides, seed, out), dump_samples=dump_samples, progress=progress, replace=replace
    )


def run_loaded(loaded: Loaded, *, dump_samples: bool, progress: str, replace: bool) -> Path:
    """Run a scenario that is loaded already."""
    from learners.session import run as session

    output = loaded.scenario.output
    return session.run(
        loaded,
        run_dir_base=Path(output.dir),
        dump_samples=dump_samples or output.samples,
        progress=progress,
        replace=replace,
    )


def described(
    source: str,
    overrides: tuple[str, ...],
    seed: int | None,
    windows: str | None,
    promotions: tuple[str, ...],
) -> Described:
    """Find the log behind a scenario or a directory; the options of one are refused with the other."""
    from simulator.commands.facts import Described
    from simulator.errors import ScenarioError

    if Path(source).is_dir():
        if overrides or seed is not None:
            raise ScenarioError(f"{source} is a log, which --set and --seed do not change")
        return Described.of_log(Path(source), windows, promotions)
    if windows is not None or promotions:
        raise ScenarioError("--windows and --promotion are for a log; a scenario says them itself")
    from simulator.data import open_data

    loaded = load(source, overrides, seed)
    return Described.of_scenario(loaded.scenario, open_data(loaded))
