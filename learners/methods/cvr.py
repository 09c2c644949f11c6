"""Methods for the conversion rate."""

from __future__ import annotations

from dataclasses import replace

from learners.methods.base import Method, in_cascade

_KTENA = "Ktena et al., Addressing delayed feedback for continuous training, RecSys 2019"
_YANG = "Yang et al., Capturing delayed feedback via elapsed-time sampling, AAAI 2021"
_NETCVR = "NetCVR, WWW 2026"
_DEFER = "Gu et al., Real negatives matter: continuous training with real negatives, KDD 2021"
_DEFUSE = "Chen et al., Asymptotically unbiased estimation for delayed feedback modeling, WWW 2022"
_DDFM = "Dai et al., Dually enhanced delayed feedback modeling, CIKM 2023"
_DFSN = "Online CVR prediction via neural satellite networks (DFSN), SIGIR 2023, as NetCVR (WWW 2026) describes it"
_MISS = "Liu et al., Online CVR prediction via multi-interval screening and synthesizing, AAAI 2024"
_YASUI = "Yasui et al., A feedback shift correction in predicting conversion rates, WWW 2020"
_CHAPELLE = "Chapelle, Modeling delayed feedback in display advertising, KDD 2014"

# Their refund-aware selves say of every conversion that it is not refunded, and again when it is.
_FAKE_NEGATIVES = {"kind": "fake-negative", "refunds": True}
_ELAPSED = {"kind": "elapsed-time", "refunds": "replay"}
# One checkpoint starts most of NetCVR's baselines: a refund tower fitted over embeddings that stayed random.
_FROZEN_START = {"detach": "pre-training"}

TABLE: tuple[Method, ...] = (
    Method(
        name="pre-trained", policy="never",
        objective="bce", start="cvr", serve="probability",
        description="The model of the pre-training, never updated: 0 of the RI scale.",
        source=_NETCVR,
        netcvr=in_cascade("never", "bce"),
        netcvr_reference={"network": _FROZEN_START},
    ),
    Method(
        name="oracle", policy={"kind": "oracle", "at": "click"},
        objective="bce", start="cvr", serve="probability",
        description="Learns the final label at the click, from the future: 100 of the RI scale.",
        source=_NETCVR,
        netcvr=in_cascade({"kind": "oracle", "at": "click"}, "bce"),
        # The public code's upper bound is not a cascade: a tower of its own learns the net label.
        netcvr_reference={
            "objective": "direct", "network": {"kind": "separate"}, "start": "direct", "serve": "direct",
        },
    ),
    Method(
        name="waiting-window", policy="waiting-window",
        objective="bce", start="cvr", serve="probability",
        description="Waits for the observation window, then takes what it saw for the truth.",
        source=_NETCVR,
        netcvr=in_cascade("in-window", "bce"),
        netcvr_reference={"network": _FROZEN_START},
    ),
    Method(
        name="offline", policy="complete",
        objective="bce", start="cvr", serve="probability", publish_every="1d",
        description="Waits until the attribution window closes: right labels, days late (BDL).",
        source=_NETCVR,
        netcvr=in_cascade({"kind": "complete", "refunds": True}, "bce"),
        netcvr_reference={"network": {"detach": True}},
    ),
    Method(
        name="fnc", policy="fake-negative",
        objective="bce", start="cvr", serve="odds",
        description="Negative at the click, positive again at the pay; serves the odds of what was learnt.",
        source=_KTENA,
        # No public code but that of ES-DFM calibrates.
        reference={"serve": "probability"},
        netcvr=in_cascade(_FAKE_NEGATIVES, "bce", serve="odds", refund_link="odds"),
        netcvr_reference={
            "network": {"detach": True}, "serve": {"conversion": "probability", "refund": "probability"},
        },
    ),
    Method(
        name="fnw", policy="fake-negative",
        objective="fnw", start="cvr", serve="probability",
        description="Negative at the click, positive again at the pay; weights from the model itself.",
        source=_KTENA,
        reference={"objective": {"kind": "fnw", "rate": "pre-trained"}, "auxiliary": "initial"},
        netcvr=in_cascade(_FAKE_NEGATIVES, "fnw"),
        netcvr_reference={
            "objective": {"conversion": {"kind": "fnw", "rate": "pre-trained"}}, "auxiliary": "initial",
            "network": _FROZEN_START,
        },
    ),
    Method(
        name="es-dfm", policy="elapsed-time",
        objective="es-dfm", start="cvr", serve="probability", auxiliary="delay",
        description="Label after the observation window, late positives again; weights from a delay net.",
        source=_YANG,
        netcvr=in_cascade(_ELAPSED, "es-dfm"),
        netcvr_reference={"network": _FROZEN_START},
    ),
    Method(
        name="vanilla", policy="elapsed-time",
        objective="bce", start="cvr", serve="probability",
        description="Label after the observation window, late positives again, and no weights: settles below p.",
        source=_YANG,
        netcvr=in_cascade(_ELAPSED, "bce"),
    ),
    Method(
        name="defer", policy="duplicate",
        objective="defer", start="cvr", serve="probability", auxiliary="delay",
        description="Every click exactly twice, certain negatives once more; weights from the model and a delay net.",
        source=_DEFER,
        reference={"objective": {"kind": "defer", "ratio": "signed"}},
        netcvr=in_cascade({"kind": "duplicate", "refunds": "replay"}, "defer"),
        netcvr_reference={
            "objective": {"conversion": {"kind": "defer", "ratio": "signed"}}, "network": _FROZEN_START,
        },
    ),
    Method(
        name="defuse", policy="elapsed-time",
        objective="defuse", start="cvr", serve="probability", auxiliary="delay",
        description="As es-dfm, with a weight for each of four kinds of delivery, fake negatives corrected.",
        source=_DEFUSE,
        reference={"objective": {"kind": "defuse", "merged": True}},
        netcvr=in_cascade(_ELAPSED, "defuse"),
        netcvr_reference={
            "objective": {"conversion": {"kind": "defuse", "merged": True}}, "network": _FROZEN_START,
        },
    ),
    Method(
        name="bi-defuse", policy="elapsed-time",
        objective="bi-defuse", network="mmoe", start="windows", serve="two-windows",
        description="A head for pays inside the observation window and one for those after it; serves the sum.",
        source=_DEFUSE,
        # NetCVR's port: one trunk under both heads.
        reference={"objective": {"kind": "bi-defuse", "variant": "port"}, "network": "mlp"},
        netcvr=in_cascade(_ELAPSED, "bi-defuse", network="mmoe", start="windows", serve="two-windows"),
        netcvr_reference={
            "objective": {"conversion": {"kind": "bi-defuse", "variant": "port"}}, "network": {"conversion": "mlp"},
        },
    ),
    Method(
        name="ddfm", policy="real-negative",
        objective="ddfm", start="cvr", serve="probability", auxiliary="delay",
        description="Labels after the window and the certain ones as two streams, each corrected towards the truth.",
        source=_DDFM,
        reference={"objective": {"kind": "ddfm", "share": "absolute"}},
        netcvr=in_cascade({"kind": "real-negative", "refunds": "replay"}, "ddfm"),
        netcvr_reference={
            "objective": {"conversion": {"kind": "ddfm", "share": "absolute"}}, "network": _FROZEN_START,
        },
    ),
    Method(
        name="dfsn", policy="satellites",
        objective="dfsn", network="satellites", start="satellites", serve="satellites",
        description="A main network and two satellites, one with a short window and one without any; three streams.",
        source=_DFSN,
        reference={"network": {"kind": "satellites", "mixing": "normal"}},
        netcvr=in_cascade(
            {"kind": "satellites", "refunds": "replay"}, "dfsn",
            network="satellites", start="satellites", serve="satellites",
        ),
        netcvr_reference={"network": {"conversion": {"kind": "satellites", "mixing": "normal"}, **_FROZEN_START}},
    ),
    Method(
        name="miss", policy="multi-window",
        objective="miss", network="multi-window", start="multi-window", serve="probability",
        description="Heads for a half, two thirds and the whole of the observation window, and their fusion.",
        source=_MISS,
        netcvr=in_cascade(
            {"kind": "multi-window", "refunds": "replay"}, "miss", network="multi-window", start="multi-window",
        ),
        # The public code never calls the refund loss.
        netcvr_reference={"objective": {"refund": "none"}, "network": _FROZEN_START},
    ),
    Method(
        name="fsiw", policy="waiting-window",
        objective="fsiw", start="cvr", serve="probability", auxiliary="feedback-shift",
        description="Label after the observation window, once; weights from two classifiers that know the click's age.",
        source=_YASUI,
        netcvr=in_cascade({"kind": "waiting-window", "refunds": True}, "fsiw"),
    ),
    Method(
        name="dfm", policy="waiting-window",
        objective="dfm", start="dfm", serve="probability",
        description="Label after the observation window, once; the likelihood of an exponential delay.",
        source=_CHAPELLE,
        reference={"objective": {"kind": "dfm", "rate": "softplus", "delay": "elapsed"}},
        netcvr=in_cascade({"kind": "waiting-window", "refunds": True}, "dfm", start="dfm"),
        netcvr_reference={"objective": {"conversion": {"kind": "dfm", "rate": "softplus", "delay": "elapsed"}}},
    ),
)  # fmt: skip

# NetCVR's tables call it so.
TABLE = (*TABLE, *(replace(entry, name="bdl") for entry in TABLE if entry.name == "offline"))
