"""Posterior settlement: a click is delivered as what is believed of it, and settled as pays or silence come.

All of it is here: the delay policies, what they ask (evidence nets, what is still to be paid), the offset of the promotion
calendar, the objective, the methods, and the audit of the beliefs. It comes in by the doors that are open to everybody.
"""

from __future__ import annotations

from learners.methods.base import METHODS
from learners.settlement import (
    calendar_offset,
    cascade,
    cascade_calendar_offset,
    evidence_of_pays,
    evidence_of_refunds,
    gmv,
    objective,
    policy,
    remaining,
)
from learners.settlement.methods import TABLE

__all__ = [
    "calendar_offset",
    "cascade",
    "cascade_calendar_offset",
    "evidence_of_pays",
    "evidence_of_refunds",
    "gmv",
    "objective",
    "policy",
    "remaining",
]

for method in TABLE:
    METHODS.register(method.name)(method)
