"""Verbs of runs: make one, go on with one, read finished ones again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from learners.session.verbs.frame import app, load, run_loaded
from learners.session.verbs.sweeps import asked_of, seeds_of
from simulator.commands.options import (
    AsJson,
    Dump,
    Goal,
    On,
    Out,
    Overrides,
    Progress,
    Replace,
    Seed,
    Seeds,
    Workers,
    verb,
)
from simulator.errors import ScenarioError


@app.default
@verb(app, "run scenarios/minimal.toml", "run scenarios/minimal.toml --out results --dump-samples")
def run(
    scenario: str,
    /,
    *,
    out: Out = None,
    seed: Seed = None,
    seeds: Seeds = None,
    workers: Workers = None,
    on: On = None,
    overrides: Overrides = (),
    dump_samples: Dump = False,
    progress: Progress = "auto",
    replace: Replace = False,
    as_json: AsJson = False,
) -> int:
    """Run a scenario and write its run directory; with several seeds, several runs and their comparison."""
    from simulator.commands.results import print_run

    loaded = load(scenario, overrides, seed, out)
    wanted = seeds_of(loaded.scenario.seeds, seed, seeds, replace=replace)
    if wanted:
        if as_json:
            raise ScenarioError("--json: is for one run (--seed N); of several: compare RUN... --json")
        from learners.session.sweeping import run_seeds

        base, texts = Path(loaded.scenario.output.dir), (*overrides, *([f"output.dir={out}"] if out else []))
        folder = base / f"{loaded.scenario.name}-seeds"
        asked = asked_of(folder, base, workers, on, progress, texts, dump_samples=dump_samples)
        return run_seeds(loaded.scenario.name, scenario, wanted, asked)
    if workers is not None or on is not None:
        raise ScenarioError("--workers and --on are for several runs: give --seeds, or use the verb sweep")
    print_run(
        run_loaded(loaded, dump_samples=dump_samples, progress=progress, replace=replace), as_json=as_json
    )
    return 0


@verb(app, "resume runs/double11/0a1b2c3d-s0.partial")
def resume(run_directory: Path, /, *, progress: Progress = "auto") -> int:
    """Go on with an interrupted run from its last checkpoint."""
    from learners.session import run as session
    from simulator.commands.results import print_run

    print_run(session.resume(run_directory, progress))
    return 0


@verb(app, "report runs/minimal/0a1b2c3d-s0")
def report(run_directory: Path, /) -> int:
    """Write report.html anew from what a run left behind."""
    from simulator.commands.results import write_report

    print(write_report(run_directory))
    return 0


@verb(
    app,
    "sensitivity runs/double11/0a1b2c3d-s0",
    "sensitivity runs/shop/0a1b2c3d-s0 --cart-instrument button_test",
)
def sensitivity(
    run_directory: Path,
    /,
    *,
    cart_instrument: Annotated[
        str | None, Parameter(help="Feature that moves carts alone: by chance, not by who looks.")
    ] = None,
    click_instrument: Annotated[str | None, Parameter(help="Feature that moves clicks alone.")] = None,
    rows: Annotated[int, Parameter(help="Clicks, and impressions, that are taken at most.")] = 30_000,
    resamples: Annotated[int, Parameter(help="Resamples of whole users, for intervals.")] = 200,
) -> int:
    """Say what the log of a run tells of causes, and how far hidden confounding could take it away.

    Two questions, where the log has what they need: does a cart before a sale bring
    a pay in the sale, and would what was shown be paid for if it were clicked. For
    each: what is assumed, in words; estimates with intervals over users; Manski's
    bounds and those of the marginal sensitivity model; Lambda*, where they first hold
    no effect, and what leaving out a covariate does, for scale; the bias by an
    omitted variable; negative controls; overlap. In a world, the truth beside it.

    Writes sensitivity.json and a section of report.html into the run's directory.
    """
    from simulator.commands.sensitivity import Asked, print_sensitivity, study_run

    print_sensitivity(study_run(run_directory, Asked(cart_instrument, click_instrument, rows, resamples)))
    return 0


@verb(app, "compare runs/double11/*", "compare runs/double11/* --report double11.html")
def compare(*runs: Path, report: Path | None = None, as_json: AsJson = False) -> int:
    """Compare finished runs: methods side by side, seeds as replicates.

    Parameters
    ----------
    report : also write the comparison, phases and hours around openings included, as a self-contained page.
    """
    from simulator.commands.results import compare_runs

    compare_runs(runs, report, as_json=as_json)
    return 0


@verb(
    app,
    "verdict runs/double11/0a1b2c3d-s0",
    "verdict runs/double11/* --goal money --set verdict.money.margin=0.2",
    "verdict runs/double11/* --set verdict.guardrails.pcoc=[0.9,1.1] --set verdict.baseline=es-dfm",
)
def verdict(*runs: Path, goal: Goal = None, overrides: Overrides = (), as_json: AsJson = False) -> int:
    """Say which policy to serve in each stretch of finished runs, by how much, and whether that is settled.

    Seeds of one scenario are replicates; of one run, blocks of its segments are.
    Nothing is run again: --set changes verdict.* and evaluation.confidence alone.
    """
    from simulator.commands.verdict import verdict_runs

    verdict_runs(runs, goal, overrides, as_json=as_json)
    return 0
