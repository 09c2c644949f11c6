"""The command line: `python sim.py SCENARIO` runs a scenario, `python sim.py --help` lists the verbs."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from simulator.commands.app import new_app, start
from simulator.commands.options import (
    Attribution,
    BadRows,
    Dump,
    Listed,
    LogPromotions,
    LogWindows,
    NewScenario,
    Opens,
    Out,
    Overrides,
    Progress,
    Replace,
    Seed,
    Shape,
    Sources,
    verb,
)
from simulator.program import program

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


def _load(scenario: str, overrides: tuple[str, ...], seed: int | None, out: str | None = None) -> Loaded:
    """Load a scenario whole; its methods are checked by the learners, who alone know their parts."""
    from learners.session.lint import check_methods
    from simulator.scenario.load import load_scenario

    return load_scenario(Path(scenario), overrides, seed=seed, out=out, check=check_methods)


@app.default
@verb(app, "run scenarios/minimal.toml", "run scenarios/minimal.toml --out results --dump-samples")
def run(
    scenario: str,
    /,
    *,
    out: Out = None,
    seed: Seed = None,
    overrides: Overrides = (),
    dump_samples: Dump = False,
    progress: Progress = "auto",
    replace: Replace = False,
) -> int:
    """Run a scenario and write its run directory."""
    loaded = _load(scenario, overrides, seed, out)
    from learners.session import run as session
    from simulator.commands.results import print_run

    output = loaded.scenario.output
    dump = dump_samples or output.samples
    print_run(
        session.run(
            loaded, run_dir_base=Path(output.dir), dump_samples=dump, progress=progress, replace=replace
        )
    )
    return 0


@verb(
    app,
    "init events.csv.gz --out my.toml",
    "init clicks.parquet events.parquet --out my.toml",
    "init 'logs/*.parquet' --out my.toml --opens cart",
)
def init(
    *source: Sources,
    out: NewScenario,
    shape: Shape = None,
    opens: Opens | None = None,
    replace: Replace = False,
) -> int:
    """Look at files of your own and write a first scenario on them, commented and ready to run.

    SOURCE is Parquet, CSV (also .gz, .zst) or JSON lines. The shape, the columns,
    their kinds, the unit of time, values that mean missing, and features are
    guessed by names and contents; windows and stream are fitted to the log. All
    that is not sure is printed, and stands in the file with the alternatives.

    Exit 0: the scenario is valid and runs. Exit 2: it is written, but something
    must be filled in, which is said; or the files cannot be read.
    """
    from learners.session.check_log import check_log
    from simulator.commands.init import init_scenario

    load = partial(_load, overrides=(), seed=None)
    return init_scenario(source, out, shape, opens, replace=replace, load=load, check=check_log)


@verb(app, "validate scenarios/double11.toml", "validate my.toml --set stream.segment=1h")
def validate(scenario: str, /, *, overrides: Overrides = (), seed: Seed = None) -> int:
    """Check a scenario without running it: every fault at once, then what is probably not meant."""
    from learners.catalog import resolve_all
    from learners.session.check_log import check_log
    from learners.session.lint import lint_methods
    from learners.session.plan import identity_of
    from simulator.commands.describe import validated

    loaded = _load(scenario, overrides, seed)
    methods = resolve_all(loaded.scenario)
    identity = partial(identity_of, loaded.scenario, methods)
    validated(loaded, lint_methods(methods, loaded.scenario), check_log, identity)
    return 0


@verb(
    app,
    "describe scenarios/double11.toml",
    "describe scenarios/double12.toml --fit",
    "describe data/retailrocket --promotion 20d..21d",
    "describe data/retailrocket --against taobao-mobile",
)
def describe(
    scenario: str,
    /,
    *,
    overrides: Overrides = (),
    seed: Seed = None,
    data: Annotated[bool, Parameter(help="Also open (or generate) the log and say what is in it.")] = True,
    fit: Annotated[
        bool, Parameter(negative=(), help="Compare with every published fact of the preset.")
    ] = False,
    against: Annotated[str | None, Parameter(help="Compare with this preset's published facts.")] = None,
    windows: LogWindows = None,
    promotion: LogPromotions = (),
) -> int:
    """Show every key with its origin, what each method is composed of, and the fact sheet of the log.

    SCENARIO may also be the directory of a log, real or synthetic: then the fact sheet alone.
    """
    from simulator.commands.facts import print_log

    if Path(scenario).is_dir():
        print_log(_described(scenario, overrides, seed, windows, promotion), fit=fit, against=against)
        return 0
    loaded = _load(scenario, overrides, seed)
    if not fit and against is None:
        from learners.catalog import resolve_all
        from simulator.commands.describe import print_keys, print_methods

        print_keys(loaded)
        print_methods({method.name: method.parts() for method in resolve_all(loaded.scenario)})
    if data:
        print_log(_described(scenario, overrides, seed, windows, promotion), fit=fit, against=against)
    return 0


def _described(
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

    loaded = _load(source, overrides, seed)
    return Described.of_scenario(loaded.scenario, open_data(loaded))


@verb(
    app,
    "fit data/retailrocket --out my_world.toml --windows 3d",
    "fit data/shop --out my_world.toml --promotion 20d..21d",
    "fit scenarios/double11.toml --out copy.toml",
)
def fit(
    dataset: str,
    /,
    *,
    out: NewScenario,
    windows: LogWindows = None,
    promotion: LogPromotions = (),
    rounds: Annotated[int, Parameter(help="How often the fitted world is lived and corrected.")] = 5,
    overrides: Overrides = (),
    seed: Seed = None,
    replace: Replace = False,
) -> int:
    """Estimate a synthetic world's constants from a log; write them as a scenario.

    DATASET is the directory of a log, or a scenario, whose windows and promotions
    are then used. Estimated: clicks by day, weekday and hour; how many users and
    items there are and how unequal; CVR; the waits of carts, pays, refunds and
    repurchases; their levels; amounts; the walk of the common level; what each
    promotion does.

    Limits: shoppers are described as alike; tastes, their drift and the life of
    items stay at the preset's dials. What comes after the windows is not in the
    log. Hazards that rise with time (weekly orders) are no mixture of
    exponentials. A cart and a pay are tied by their level alone. Who waits for a
    promotion is read from carts; without them it stays at Double 12's. A
    promotion is told from drift by ordinary days (none from 11 days before to 4
    after is one): with few of them the two are mixed up. The file gives each
    estimate with its standard error where that is known.
    """
    from simulator.commands.fit import fit_world

    described = _described(dataset, overrides, seed, windows, promotion)
    fit_world(described, out, source=dataset, rounds=rounds, replace=replace)
    return 0


@verb(app, "ls", "ls policies")
def ls(kind: Listed | None = None, /) -> int:
    """List what can be named in a scenario or on the command line."""
    from learners.catalog import listed
    from simulator.commands.listing import listing

    methods = [(entry.name, ", ".join(entry.tasks), entry.description) for entry in listed()]
    listing(kind, methods)
    return 0


@verb(
    app,
    "import retailrocket events.csv.gz --out data/retailrocket",
    "import csv --map my.toml --out data/shop",
    "import cascade CASCADE/ --out data/cascade",
    "import trace trace_encrypted.txt --mapping feature_mapping.pkl --out data/trace",
    name="import",
)
def import_(
    format: Annotated[  # noqa: A002 - the word of the command line
        str, Parameter(help=f"A known format ({program()} ls formats), or parquet, csv or json with --map.")
    ],
    /,
    *source: Annotated[Path, Parameter(help="The file or folder; with --map none, or those in its place.")],
    out: Annotated[Path, Parameter(help="Directory of the log to make.")],
    by: Annotated[
        Path | None,
        Parameter(
            name="--map",
            help=f"Scenario whose [data] says what the columns mean ({program()} init writes it).",
        ),
    ] = None,
    opens: Opens | None = None,
    attribution: Attribution = None,
    mapping: Annotated[
        Path | None, Parameter(help="Raw feature values to ids (cascade, trace); read as data, never run.")
    ] = None,
    on_bad_row: BadRows = "quarantine",
    most_bad: Annotated[
        float | None,
        Parameter(help="Share of the rows that may be bad (default: 0.05; the importers in code: 1)."),
    ] = None,
    replace: Replace = False,
) -> int:
    """Turn a log in its original format, or of your own, into a log that scenarios can name."""
    from simulator.commands.data import import_log

    import_log(
        format,
        source,
        out,
        opens=opens,
        attribution=attribution,
        mapping=mapping,
        by=by,
        on_bad_row=on_bad_row,
        most_bad=most_bad,
        replace=replace,
    )
    return 0


@verb(
    app,
    "export data/retailrocket --out clicks.parquet --windows 3d,3d",
    "export data/shop --format cascade --out cascade.txt",
    "export data/shop --format trace --out trace.txt --features user,item,category",
)
def export(
    log: Path,
    /,
    *,
    out: Annotated[Path, Parameter(help="A file name, or a directory for a file of the usual name.")],
    format: Annotated[  # noqa: A002 - the word of the command line
        Literal["parquet", "cascade", "criteo", "trace"], Parameter(help="Layout of the file.")
    ] = "parquet",
    windows: Annotated[
        str | None,
        Parameter(help="Attribution and refund window (default: parquet 3d,3d; trace 7d; else none)."),
    ] = None,
    features: Annotated[str | None, Parameter(help="Features to write, a,b,c (default: all).")] = None,
    raw: Annotated[bool, Parameter(negative=(), help="cascade: raw shards, not the processed file.")] = False,
    replace: Replace = False,
) -> int:
    """Write any log, synthetic ones too, in the layout of a published data set.

    parquet: clicks with their final labels, one flat file.
    cascade: 25 columns; first pay and first refund, 22 features.
    criteo: 19 columns; first pay, 17 features, renumbered one to one.
    trace: clicks that paid, with all pays and amounts, 22 features.

    The last three have whole seconds, no carts, no user and item besides features,
    no names, no calendar, and no end of observation (an import takes every click
    for watched as long as the data set says); only trace has amounts and
    repurchases, only cascade has refunds. What is left out is counted on stderr.
    A log with fewer features is filled up with 0; features go to columns with
    room for their ids, or share one, and where there is none the message says
    what to do.
    """
    from simulator.commands.data import export_log, print_export

    print_export(export_log(log, out, windows, form=format, features=features, raw=raw, replace=replace))
    return 0


@verb(app, "audit scenarios/minimal.toml")
def audit(scenario: str, /, *, overrides: Overrides = (), seed: Seed = None) -> int:
    """Prove that no sample depends on the future; exit 3 with a witness where one does."""
    loaded = _load(scenario, overrides, seed)
    from learners.session.auditing import audit_scenario
    from simulator.commands.audit import print_audit
    from simulator.data import open_data

    return print_audit(audit_scenario(loaded, open_data))


@verb(app, "compare runs/double11/*", "compare runs/double11/* --report double11.html")
def compare(*runs: Path, report: Path | None = None) -> int:
    """Compare finished runs: methods side by side, seeds as replicates.

    Parameters
    ----------
    report : also write the comparison, phases and hours around openings included, as a self-contained page.
    """
    from simulator.commands.results import compare_runs

    compare_runs(runs, report)
    return 0


@verb(app, "report runs/minimal/0a1b2c3d-s0")
def report(run_directory: Path, /) -> int:
    """Write report.html anew from what a run left behind."""
    from simulator.commands.results import write_report

    print(write_report(run_directory))
    return 0


@verb(app, "resume runs/double11/0a1b2c3d-s0.partial")
def resume(run_directory: Path, /, *, progress: Progress = "auto") -> int:
    """Go on with an interrupted run from its last checkpoint."""
    from learners.session import run as session
    from simulator.commands.results import print_run

    print_run(session.resume(run_directory, progress))
    return 0


@verb(app, "cp double11", "cp double11 mine.toml")
def cp(name: str, destination: Path | None = None, /) -> int:
    """Copy a shipped scenario to edit it."""
    from simulator.commands.scenarios import copy_scenario

    print(copy_scenario(name, destination))
    return 0


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit: 0 fine, 1 run failed, 2 bad scenario or usage, 3 leak found."""
    sys.exit(start(app, argv))


if __name__ == "__main__":
    main()
