"""Methods of our own: posterior settlement."""

from __future__ import annotations

from learners.methods.base import Method

TABLE = (
    Method(
        name="posterior-settlement", policy="posterior-settlement",
        objective="settlement", start="cvr", serve="probability", auxiliary="evidence", offset="calendar",
        description="A posterior first, settled every segment as pays or silence come; on the calendar's clock.",
        source="afterclick",
    ),
)  # fmt: skip
