"""Verbs of scenarios: look at them, and prove what they promise."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from learners.session.verbs.frame import app, described, load
from simulator.commands.options import Listed, LogPromotions, LogWindows, Overrides, Seed, verb


@verb(app, "validate scenarios/double11.toml", "validate my.toml --set stream.segment=1h")
def validate(scenario: str, /, *, overrides: Overrides = (), seed: Seed = None) -> int:
    """Check a scenario without running it: every fault at once, then what is probably not meant."""
    from learners.catalog import resolve_all
    from learners.precision import settled_scenario
    from learners.session.check_log import check_log
    from learners.session.lint import lint_methods
    from learners.session.plan import identity_of
    from simulator.commands.describe import validated

    loaded = load(scenario, overrides, seed)
    methods = resolve_all(loaded.scenario)
    identity = partial(identity_of, settled_scenario(loaded)[0].scenario, methods)
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
        print_log(described(scenario, overrides, seed, windows, promotion), fit=fit, against=against)
        return 0
    loaded = load(scenario, overrides, seed)
    if not fit and against is None:
        from learners.catalog import resolve_all
        from simulator.commands.describe import print_composed, print_keys, print_methods

        print_keys(loaded)
        print_methods({method.name: method.parts() for method in resolve_all(loaded.scenario)})
        print_composed(loaded.scenario)
    if data:
        print_log(described(scenario, overrides, seed, windows, promotion), fit=fit, against=against)
    return 0


@verb(app, "ls", "ls policies")
def ls(kind: Listed | None = None, /) -> int:
    """List what can be named in a scenario or on the command line."""
    from learners.catalog import listed
    from learners.composed import OF_MEMBERS
    from simulator.commands.listing import listing

    methods = [
        (entry.name, ", ".join(entry.tasks) or OF_MEMBERS, entry.description, entry.origin)
        for entry in listed()
    ]
    listing(kind, methods)
    return 0


@verb(app, "cp double11", "cp double11 mine.toml")
def cp(name: str, destination: Path | None = None, /) -> int:
    """Copy a shipped scenario to edit it."""
    from simulator.commands.scenarios import copy_scenario

    print(copy_scenario(name, destination))
    return 0


@verb(app, "audit scenarios/minimal.toml")
def audit(scenario: str, /, *, overrides: Overrides = (), seed: Seed = None) -> int:
    """Prove that no sample depends on the future; exit 3 with a witness where one does."""
    loaded = load(scenario, overrides, seed)
    from learners.session.auditing import audit_scenario
    from simulator.commands.audit import print_audit
    from simulator.data import open_data

    return print_audit(audit_scenario(loaded, open_data))
