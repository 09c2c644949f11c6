"""Methods for the conversion rate."""

from __future__ import annotations

from learners.methods.base import Method

_KTENA = "Ktena et al., Addressing delayed feedback for continuous training, RecSys 2019"
_YANG = "Yang et al., Capturing delayed feedback via elapsed-time sampling, AAAI 2021"
_NETCVR = "NetCVR, WWW 2026"

TABLE = (
    Method(
        name="pre-trained", policy="never",
        objective="bce", start="cvr", serve="probability",
        description="The model of the pre-training, never updated: 0 of the RI scale.",
        source=_NETCVR,
    ),
    Method(
        name="oracle", policy={"kind": "oracle", "at": "click"},
        objective="bce", start="cvr", serve="probability",
        description="Learns the final label at the click, from the future: 100 of the RI scale.",
        source=_NETCVR,
    ),
    Method(
        name="waiting-window", policy="waiting-window",
        objective="bce", start="cvr", serve="probability",
        description="Waits for the observation window, then takes what it saw for the truth.",
        source=_NETCVR,
    ),
    Method(
        name="offline", policy="complete",
        objective="bce", start="cvr", serve="probability", publish_every="1d",
        description="Waits until the attribution window closes: right labels, days late (BDL).",
        source=_NETCVR,
    ),
    Method(
        name="fnc", policy="fake-negative",
        objective="bce", start="cvr", serve="odds",
        description="Negative at the click, positive again at the pay; serves the odds of what was learnt.",
        source=_KTENA,
    ),
    Method(
        name="fnw", policy="fake-negative",
        objective="fnw", start="cvr", serve="probability",
        description="Negative at the click, positive again at the pay; weights from the model itself.",
        source=_KTENA,
    ),
    Method(
        name="es-dfm", policy="elapsed-time",
        objective="es-dfm", start="cvr", serve="probability", auxiliary="delay",
        description="Label after the observation window, late positives again; weights from a delay net.",
        source=_YANG,
    ),
)  # fmt: skip
