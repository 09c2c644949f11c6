"""Methods for the net conversion rate alone; those for CVR have a self with refunds under ``task = "netcvr"``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from learners.methods.base import Method, Spec

_NETCVR = "NetCVR, WWW 2026"
_ROWS = {"kind": "elapsed-time", "refunds": "window"}


def _tesla(
    name: str, description: str, *, network: Spec, ranking: str, reference: Mapping[str, Any]
) -> Method:
    return Method(
        name=name, policy=_ROWS,
        objective={"kind": "tesla", "ranking": ranking}, auxiliary="late",
        network=network, start="cascade", serve="cascade",
        description=description,
        source=_NETCVR,
        reference={**reference, "auxiliary": "tesla-frozen"},
    )  # fmt: skip


def _frozen(ranking: str, refund_weight: float) -> Mapping[str, Any]:
    return {"weights": "frozen", "ranking": ranking, "refund_ranking_weight": refund_weight}


TABLE = (
    Method(
        name="direct", policy={"kind": "fake-negative", "refunds": True},
        objective="direct", network="separate", start="direct", serve="direct",
        description="Learns the net label itself: 0 at the click, 1 at the pay, 0 again at the refund.",
        source=_NETCVR,
    ),
    Method(
        # Neither its loss nor its networks are public; the loss is our reading of what is said of it.
        name="ecad", policy="elapsed-refunds",
        objective="ecad", network="per-head", auxiliary="refund-delay", start="objective", serve="effective",
        description="Conversions and refunded conversions, both of all clicks with ES-DFM weights; serves the difference.",
        source="Entire space cascade delayed feedback modeling for effective conversion rate prediction (ECAD), CIKM 2023",
    ),
    _tesla(
        "tesla",
        "Both stages debiased for their windows, hybrid embeddings, delay-aware ranking.",
        network="hybrid", ranking="pairwise-low",
        reference={"objective": _frozen("pairwise-low", 0.1)},
    ),
    _tesla(
        "tesla-hybrid",
        "TESLA without its ranking loss.",
        network="hybrid", ranking="none",
        reference={"objective": _frozen("none", 0.1)},
    ),
    # What the public code runs for the next two has the ranking loss that the paper's variants leave out.
    _tesla(
        "tesla-shared",
        "TESLA without its ranking loss, towers on the same embeddings.",
        network="shared", ranking="none",
        reference={"objective": _frozen("pairwise-low", 1.0)},
    ),
    _tesla(
        "tesla-separate",
        "TESLA without its ranking loss, towers that share nothing.",
        network="separate", ranking="none",
        reference={
            "objective": _frozen("pairwise-low", 1.0), "network": {"kind": "separate", "detach": True},
        },
    ),
)  # fmt: skip
