"""TWICE."""

from __future__ import annotations

from learners.methods.base import Method

TABLE = (
    Method(
        name="twice", policy="two-clocks",
        objective="two-clocks", network="two-clocks", start="two-clocks", serve="horizon", auxiliary="cohorts",
        description="Each click once after the window, at p F(window); conversions teach F, their cohorts' mass taken out.",
        source="TWICE, Kuaishou, arXiv 2607.25404 (2026), as a third party describes it",
    ),
)  # fmt: skip
