"""Verbs of logs: in from files of your own or of others, and out again."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from learners.session.verbs.frame import app, load
from simulator.commands.options import Attribution, BadRows, NewScenario, Opens, Replace, Shape, Sources, verb
from simulator.program import program


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

    read = partial(load, overrides=(), seed=None)
    return init_scenario(source, out, shape, opens, replace=replace, load=read, check=check_log)


@verb(
    app,
    "import retailrocket events.csv.gz --out data/retailrocket",
    "import csv --map my.toml --out data/shop",
    "import cascade CASCADE/ --out data/cascade",
    "import trace trace_encrypted.txt --mapping feature_mapping.pkl --out data/trace",
    "import ali-ccp sample_skeleton_train.csv --common common_features_train.csv --out data/ali-ccp",
    "import ali-express NL/ --out data/ali-express-nl",
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
    observed_until: Annotated[
        str | None,
        Parameter(help="Date until which the files were recorded (default: that of their last row)."),
    ] = None,
    mapping: Annotated[
        Path | None, Parameter(help="Raw feature values to ids (cascade, trace); read as data, never run.")
    ] = None,
    common: Annotated[
        tuple[Path, ...],
        Parameter(
            negative=(), show_default=False, help="ali-ccp: common features of each skeleton. Repeatable."
        ),
    ] = (),
    fields: Annotated[
        Literal["18", "23"] | None,
        Parameter(help="ali-ccp: the fields with one id (default), or all, sets of up to 3 ids among them."),
    ] = None,
    min_count: Annotated[
        int | None,
        Parameter(
            help="ali-ccp: values seen that often or fewer share id 0 (default: 10; 0: values are ids)."
        ),
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
        observed_until=observed_until,
        mapping=mapping,
        common=common,
        fields=fields,
        min_count=min_count,
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
    "export data/shop --format ali-ccp --out ali-ccp --test-start 20d",
)
def export(
    log: Path,
    /,
    *,
    out: Annotated[Path, Parameter(help="A file name, or a directory for a file of the usual name.")],
    format: Annotated[  # noqa: A002 - the word of the command line
        str,
        Parameter(
            help="Layout: parquet, cascade, criteo, trace, ali-ccp, ali-express, or an exporter of your own."
        ),
    ] = "parquet",
    windows: Annotated[
        str | None,
        Parameter(help="Attribution and refund window (default: parquet 3d,3d; trace 7d; else none)."),
    ] = None,
    features: Annotated[str | None, Parameter(help="Features to write, a,b,c (default: all).")] = None,
    raw: Annotated[bool, Parameter(negative=(), help="cascade: raw shards, not the processed file.")] = False,
    test_start: Annotated[
        str | None,
        Parameter(
            help="ali-ccp, ali-express: where the test file begins (default: where that of an import did)."
        ),
    ] = None,
    replace: Replace = False,
) -> int:
    """Write any log, synthetic ones too, in the layout of a published data set.

    parquet: clicks with their final labels, one flat file.
    cascade: 25 columns; first pay and first refund, 22 features.
    criteo: 19 columns; first pay, 17 features, renumbered one to one.
    trace: clicks that paid, with all pays and amounts, 22 features.
    ali-ccp, ali-express: a folder of files of a log's impressions, clicked and
    bought or not, for training and test.

    The three before have whole seconds, no carts, no user and item besides features,
    no names, no calendar, and no end of observation (an import takes every click
    for watched as long as the data set says); only trace has amounts and
    repurchases, only cascade has refunds. What is left out is counted on stderr.
    A log with fewer features is filled up with 0; features go to columns with
    room for their ids, or share one, and where there is none the message says
    what to do.
    """
    from simulator.commands.data import export_log, print_export

    print_export(
        export_log(
            log, out, windows, form=format, features=features, raw=raw, test_start=test_start, replace=replace
        )
    )
    return 0
