"""How the public code of three papers trains, as values of ``[learner]``: what ``like`` puts in. Loads no torch.

A part of a method says what is learnt; these values say how. ``fidelity = "reference"`` and ``like`` together are the
public code. Values that somebody wrote, in ``[learner]`` or in ``[method.learner]``, win over them; one rate moves all
parameters there, so whoever writes another one gives both ``learning_rate`` and ``embedding_learning_rate``.

What none of them brings, since it is no value of a learner: NetCVR's code takes a step for each tower and batch, so that
embeddings which both share move twice (here once, by the sum), and lets every batch into the running statistics of batch
norm twice. ES-DFM's penalises the squares of dense weights (1e-6), and has leaky ReLU before batch norm. OnlineGMV's
router learns at 2e-3, and router and calibrator have hidden layers of their own (here those of ``[learner]``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

Values = Mapping[str, Any]
NOTHING: Values = MappingProxyType({})

# A rate is multiplied by g^(k/2) after k publications, with another g in either half of OnlineGMV's code.
SLOW: Values = {"learning_rate_decay": 0.99**0.5}
FAST: Values = {"learning_rate_decay": 0.95**0.5}


@dataclass(frozen=True, slots=True)
class PublicCode:
    """How one public code trains.

    Parameters
    ----------
    common : values of ``[learner]`` for every method that it has.
    methods : per method of the table, what it has beside them; a method that is not here is none of this code's.
    """

    common: Values
    methods: Mapping[str, Values]

    def of(self, method: str) -> Values:
        """Return the values for a method; none for one that the code does not have."""
        return {**self.common, **self.methods[method]} if method in self.methods else {}


def _rate(rate: float, **further: Any) -> Values:
    return {"learning_rate": rate, "embedding_learning_rate": rate, **further}


# Adam over everything, embeddings densely, and new moments for the stream.
_ADAM: Values = {"embedding_optimiser": "adam", "fresh_moments": True}
# torch's defaults: N(0, 1) for embeddings, and heads like any other layer.
_TORCH: Values = {**_ADAM, "embedding_deviation": 1.0, "head_start": "random"}

_NETCVR = PublicCode(
    {
        **_TORCH, "embedding_dim": 32, "hidden": (256, 256, 128), "batch_size": 5000, "left_over": "drop",
        "pretrain_batch_size": 5000, "pretrain_epochs": 1, "pretrain_learning_rate": 0.05,
    },
    {
        **dict.fromkeys(("pre-trained", "oracle", "waiting-window", "offline", "bdl", "direct"), _rate(0.05)),
        **dict.fromkeys(("fnc", "fnw", "es-dfm"), _rate(0.05)),
        **dict.fromkeys(("defuse", "ddfm", "dfsn"), _rate(0.01)),
        **dict.fromkeys(("tesla", "tesla-hybrid", "tesla-shared", "tesla-separate"), _rate(0.01)),
        "defer": _rate(0.005, weight_decay=1e-3),
        "miss": _rate(0.01, left_over="step"),
    },
)  # fmt: skip

_GMV = PublicCode(
    {
        **_TORCH, "embedding_dim": 16, "hidden": (1024, 512, 256, 128, 64), "batch_size": 1024, "left_over": "step",
        "pretrain_batch_size": 1024, "pretrain_epochs": 1, "pretrain_learning_rate": 1e-3,
    },
    {
        "pre-single": NOTHING, "pre-dual": NOTHING,
        "offline-single": _rate(1e-4, **FAST), "offline-dual": _rate(1e-3, **FAST),
        "online-single": _rate(1e-2, **SLOW), "online-dual": _rate(1e-2, **FAST),
        "oracle-single": _rate(1e-2, **SLOW), "oracle-dual": _rate(1e-3, **SLOW),
        "reader": _rate(1e-2, **FAST),
    },
)  # fmt: skip

# Keras: how embeddings and layers start there is not stated anywhere we read, so they start as ours do.
_ES_DFM = PublicCode(
    {
        **_ADAM, **_rate(1e-3), "embedding_dim": 8, "hidden": (256, 256, 128), "batch_size": 1024, "left_over": "step",
        "pretrain_batch_size": 1024, "pretrain_epochs": 5,
    },
    {
        **dict.fromkeys(("pre-trained", "oracle", "vanilla", "fnc", "fnw", "es-dfm", "fsiw"), NOTHING),
        "dfm": {"pretrain_epochs": 50},
    },
)  # fmt: skip

CODES: Mapping[str, PublicCode] = MappingProxyType({"netcvr": _NETCVR, "onlinegmv": _GMV, "es-dfm": _ES_DFM})
"""By what ``like`` may say: NetCVR and OnlineGMV (both WWW 2026), ES-DFM (AAAI 2021)."""


def brought(like: str, method: str) -> Values:
    """Return what ``like`` puts in for a method: nothing for "none", or where the code does not have the method."""
    return CODES[like].of(method) if like in CODES else {}


def like_fault(like: str, methods: list[str]) -> str:
    """Say why ``like`` would put in nothing for any of some methods; an empty string where it does."""
    if like not in CODES or any(method in CODES[like].methods for method in methods):
        return ""
    able = [code for code, public in CODES.items() if any(m in public.methods for m in methods)]
    return (
        f"its public code has no {' or '.join(sorted(set(methods)))}, so nothing would change; it has "
        f"{', '.join(CODES[like].methods)}. Allowed: {', '.join([*able, 'none'])}"
    )
