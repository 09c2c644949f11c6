"""Methods for the post-click GMV."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from learners.methods.base import Method

_GMV = "OnlineGMV, WWW 2026"
# Only converting clicks teach a GMV model: at a few per cent of all, smaller batches make up for it in steps.
_AMOUNTS: Mapping[str, Any] = MappingProxyType({"batch_size": 64, "pretrain_batch_size": 64})

TABLE = (
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
