"""The table of methods: what a paper names is one entry here, composed of parts by name. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

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
    table: what ``fidelity = "reference"`` puts in their place.
    """

    name: str
    policy: Spec
    objective: Spec
    start: str | None
    serve: Spec
    description: str
    source: str
    auxiliary: Spec | None = None
    offset: Spec | None = None
    network: Spec = "mlp"
    reference: Mapping[str, Any] = field(default_factory=dict)
    learner: Mapping[str, Any] = field(default_factory=dict)
    publish_every: str | None = None


_KTENA = "Ktena et al., Addressing delayed feedback for continuous training, RecSys 2019"
_YANG = "Yang et al., Capturing delayed feedback via elapsed-time sampling, AAAI 2021"
_NETCVR = "NetCVR, WWW 2026"
_GMV = "OnlineGMV, WWW 2026"
# Only converting clicks teach a GMV model: at a few per cent of all, smaller batches make up for it in steps.
_AMOUNTS: Mapping[str, Any] = MappingProxyType({"batch_size": 64, "pretrain_batch_size": 64})

_TABLE = (
    Method(
        name="pre-trained", policy="never",
        objective="bce", start="cvr", serve="probability",
        description="The model of the pre-training, never updated: 0 of the RI scale.",
        source=_NETCVR,
    ),
    Method(
        name="oracle", policy={"kind": "oracle", "at": "click"},
        objective="bce", start="cvr", serve="probability",
        description="Learns the final label at the click, from the future: 100 of the RI scale.",
        source=_NETCVR,
    ),
    Method(
        name="waiting-window", policy="waiting-window",
        objective="bce", start="cvr", serve="probability",
        description="Waits for the observation window, then takes what it saw for the truth.",
        source=_NETCVR,
    ),
    Method(
        name="offline", policy="complete",
        objective="bce", start="cvr", serve="probability", publish_every="1d",
        description="Waits until the attribution window closes: right labels, days late (BDL).",
        source=_NETCVR,
    ),
    Method(
        name="fnc", policy="fake-negative",
        objective="bce", start="cvr", serve="odds",
        description="Negative at the click, positive again at the pay; serves the odds of what was learnt.",
        source=_KTENA,
    ),
    Method(
        name="fnw", policy="fake-negative",
        objective="fnw", start="cvr", serve="probability",
        description="Negative at the click, positive again at the pay; weights from the model itself.",
        source=_KTENA,
    ),
    Method(
        name="es-dfm", policy="elapsed-time",
        objective="es-dfm", start="cvr", serve="probability", auxiliary="delay",
        description="Label after the observation window, late positives again; weights from a delay net.",
        source=_YANG,
    ),
    Method(
        name="pre-single", policy="never",
        objective="log-mae", start="gmv", serve="amount", learner=_AMOUNTS,
        description="The GMV model of the pre-training, never updated.",
        source=_GMV,
    ),
    Method(
        name="online-single", policy={"kind": "partial-gmv", "final": False},
        objective="log-mae", start="gmv", serve="amount", learner=_AMOUNTS,
        description="Learns the GMV so far at every pay, as if it were final.",
        source=_GMV,
    ),
    Method(
        name="offline-single", policy={"kind": "partial-gmv", "partial": False},
        objective="log-mae", start="gmv", serve="amount", learner=_AMOUNTS,
        publish_every="1d",
        description="Learns the final GMV when the attribution window closes.",
        source=_GMV,
    ),
    Method(
        name="oracle-single", policy={"kind": "oracle", "at": "first-pay"},
        objective="log-mae", start="gmv", serve="amount", learner=_AMOUNTS,
        description="Learns the final GMV at the first pay, from the future.",
        source=_GMV,
    ),
)  # fmt: skip

METHODS: Mapping[str, Method] = MappingProxyType({method.name: method for method in _TABLE})
