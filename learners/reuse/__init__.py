"""Reuse of past promotions: what earlier sales teach of the one that is under way.

HDR (KDD 2023) fine-tunes a copy of the published model on past days like the first hours of the sale, and drops it after
it. TEN (WSDM 2026) keeps the last layers of models of past sales, and learns a gate to them. All of it is here; it comes in by
the doors that are open to everybody.
"""

from __future__ import annotations

from learners.methods.base import METHODS
from learners.reuse import gated, historical, served, temporal
from learners.reuse.methods import TABLE

__all__ = ["gated", "historical", "served", "temporal"]

for method in TABLE:
    METHODS.register(method.name)(method)
