"""Methods that reuse past promotions."""

from __future__ import annotations

from learners.methods.base import Method

TABLE = (
    Method(
        name="hdr", policy="elapsed-time",
        objective="es-dfm", start="cvr", serve="reused",
        auxiliary={"kind": "historical-data-reuse", "beside": "delay"},
        description="es-dfm; in a sale a copy of it is served that has learnt past days like this one once more.",
        source="Chan et al., Capturing conversion rate fluctuation during sales promotions, KDD 2023",
        reference={"auxiliary": {"ridge": 1.0}},
    ),
)  # fmt: skip
