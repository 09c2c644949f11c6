"""What an entry of the table of methods is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.plugins import Family

Spec = str | Mapping[str, Any]
"""A part: its name, or a table of its kind and parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What a paper names: a delay policy, an objective, a network, and how they are prepared and served.

    Parts are names, or tables of a kind and its parameters. ``start`` is the pre-training recipe (None:
    random weights), ``serve`` the link from outputs to predictions, ``learner`` the hyper-parameters whose
    defaults differ from those of ``[learner]`` (a scenario that changes one there changes it here too),
    ``publish_every`` a duration where the method publishes at another pace than once a segment. ``reference``
    holds the parts (and learner settings) in which the public code departs from the paper, by the keys of this
    table: what ``fidelity = "reference"`` puts in their place. ``netcvr`` holds what ``task = "netcvr"`` puts in the
    place of the parts for CVR alone, and ``netcvr_reference`` what the public code has there.
    """

    name: str
    policy: Spec
    objective: Spec
    start: Spec | None
    serve: Spec
    description: str
    source: str
    auxiliary: Spec | None = None
    offset: Spec | None = None
    network: Spec = "mlp"
    reference: Mapping[str, Any] = field(default_factory=dict)
    netcvr: Mapping[str, Any] = field(default_factory=dict)
    netcvr_reference: Mapping[str, Any] = field(default_factory=dict)
    learner: Mapping[str, Any] = field(default_factory=dict)
    publish_every: str | None = None


METHODS: Family[Method] = Family("method", "methods", "learners.methods", Method)
"""The table of methods."""


def in_cascade(
    policy: Spec,
    conversion: Spec,
    *,
    refund: Spec = "bce",
    network: Spec = "mlp",
    start: Spec = "cvr",
    serve: Spec = "probability",
    refund_link: str = "probability",
) -> Mapping[str, Any]:
    """Return the parts of a method for CVR in the cascade with a refund rate (NetCVR, WWW 2026).

    Parameters
    ----------
    policy : delivers refunds, too.
    conversion, network, start, serve : objective, network, recipe and link of the conversion tower.
    refund : the refund objective.
    refund_link : how the refund rate is served.
    """
    return {
        "policy": policy,
        "objective": {"kind": "cascade", "conversion": conversion, "refund": refund},
        "network": {"kind": "separate", "conversion": network},
        "start": {"kind": "cascade", "conversion": start},
        "serve": {"kind": "cascade", "conversion": serve, "refund": refund_link},
    }
