"""Methods that learn from what a click shows on its way."""

from __future__ import annotations

from learners.methods.base import Method

TABLE = (
    Method(
        name="trajectory", policy="trajectory",
        objective="trajectory", start="cvr", serve="probability", auxiliary="trajectory",
        description="Every click at fixed ages with what it has shown; likelihoods of carts and pays by label, a completer.",
        source="Zhang, Ding and Ao, TRACE: trajectory-conditioned delayed feedback, SIGIR 2026 (not the importer of that name)",
    ),
    Method(
        name="gdfm", policy="trajectory",
        objective="gdfm", start="cvr", serve="probability", auxiliary="post-click",
        description="As trajectory; carts and pays each by itself, weighed by what they tell and when; held near the start.",
        source="Yang and Zhan, Generalized delayed feedback model with post-click information, NeurIPS 2022",
    ),
)  # fmt: skip
