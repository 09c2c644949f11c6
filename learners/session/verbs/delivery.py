"""The verb that writes what a policy would have delivered."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from learners.session.verbs.frame import app
from learners.session.verbs.parts import Parameters
from simulator.commands.options import LogPromotions, LogWindows, Replace, verb


@verb(
    app,
    "deliver data/shop --policy elapsed-time --out samples",
    "deliver data/shop --policy elapsed-time --set window=1h --windows 3d,7d --out samples --workers 8",
    "deliver s3://bucket/shop --policy elapsed-time --out s3://bucket/samples --workers 8",
    "deliver data/shop --policy complete --out samples --slices 7d --on dask://scheduler:8786",
)
def deliver(
    log: Annotated[str, Parameter(help="A log: its directory, or s3://..., gs://..., az://...")],
    /,
    *,
    policy: Annotated[str, Parameter(help="Name of a policy, or module:Class of your own.")],
    out: Annotated[str, Parameter(help="Folder of the samples to make, on a disk or in a store.")],
    parameters: Parameters = (),
    windows: LogWindows = None,
    lateness: Annotated[
        str | None,
        Parameter(help="How much later than they happen events become known (default: 0)."),
    ] = None,
    promotion: LogPromotions = (),
    segment: Annotated[str, Parameter(help="Time that one file covers.")] = "1d",
    slices: Annotated[
        str | None,
        Parameter(
            help="Click time of one job; its memory is bounded by it (default: by clicks and workers)."
        ),
    ] = None,
    workers: Annotated[int, Parameter(help="Processes on this machine.")] = 1,
    on: Annotated[str, Parameter(help="A cluster instead: dask://HOST:PORT, or ray.")] = "",
    replace: Replace = False,
) -> int:
    """Write the samples that a policy would have delivered for a log: Parquet, a file a segment.

    The files hold the columns of --dump-samples, sorted by when samples were
    visible. Whatever slices and workers there are, they are row for row those of
    one replay of the whole log, from its first click to the end of observation.
    A policy that asks a model or tells it what it believes is refused.
    """
    from learners import catalog  # noqa: F401 - brings the policies of the learners
    from simulator.commands.deliver import deliver_log
    from simulator.store import located

    deliver_log(
        located(log),
        located(out),
        policy,
        parameters,
        windows=windows,
        lateness=lateness,
        promotions=promotion,
        segment=segment,
        slices=slices,
        workers=workers,
        on=on,
        replace=replace,
    )
    return 0
