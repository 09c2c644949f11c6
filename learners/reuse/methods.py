"""Methods that reuse past promotions."""

from __future__ import annotations

from learners.methods.base import Method

TABLE = (
    Method(
        name="hdr", policy="elapsed-time",
        objective="es-dfm", start="cvr", serve="reused",
        auxiliary={"kind": "both", "first": "delay", "second": "historical-data-reuse"},
        description="es-dfm; in a sale a copy of it is served that has learnt past days like this one once more.",
        source="Chan et al., Capturing conversion rate fluctuation during sales promotions, KDD 2023",
        reference={"auxiliary": {"second": {"kind": "historical-data-reuse", "ridge": 1.0}}},
    ),
    Method(
        name="ten", policy="elapsed-time",
        objective={"kind": "gated", "of": "es-dfm"}, network="temporal-experts", start="cvr", serve="gated",
        auxiliary="delay",
        description="es-dfm; beside it the last layers of models of past sales, and a gate that learns from whom to take it.",
        source="Temporal expert net, WSDM 2026, as an article of Kuaishou tells of it",
    ),
)  # fmt: skip
