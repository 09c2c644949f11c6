"""Methods of our own: posterior settlement."""

from __future__ import annotations

from learners.methods.base import Method
from learners.methods.gmv import AMOUNTS

_CASCADE = {
    "policy": "cascade-settlement",
    "objective": {"kind": "cascade", "conversion": "settlement", "refund": "settlement"},
    "network": "hybrid", "start": "cascade", "serve": "cascade", "auxiliary": "cascade-evidence",
    "offset": "cascade-calendar",
}  # fmt: skip

# A correction is two rows that cancel but for their difference: with 64 rows a step is as noisy as with 40 labels.
_PAIRS = {**AMOUNTS, "batch_size": 128}

TABLE = (
    Method(
        name="posterior-settlement", policy="posterior-settlement",
        objective="settlement", start="cvr", serve="probability", auxiliary="evidence", offset="calendar",
        description="A posterior first, settled every segment as pays or silence come; on the calendar's clock.",
        source="afterclick", netcvr=_CASCADE,
    ),
    Method(
        name="settlement-gmv", policy="gmv-settlement",
        objective="log-mae", network="dice", start="gmv", serve="amount", auxiliary="remaining", learner=_PAIRS,
        description="A draw of the final GMV at the first pay, taken back and replaced as pays or silence come.",
        source="afterclick",
    ),
)  # fmt: skip
