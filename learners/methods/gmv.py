"""Methods for the post-click GMV."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from learners.like import FAST, SLOW
from learners.methods.base import Method

_GMV = "OnlineGMV, WWW 2026"
_READER = "READER (OnlineGMV), WWW 2026"
_ZILN = "Wang et al., A deep probabilistic model for customer lifetime value prediction, 2019"
_QUANTILE = "Koenker and Bassett, Regression quantiles, Econometrica 1978"
_OWN = "afterclick"
# Only converting clicks teach a GMV model: at a few per cent of all, smaller batches make up for it in steps.
AMOUNTS: Mapping[str, Any] = MappingProxyType({"batch_size": 64, "pretrain_batch_size": 64})
# A reference has the decay of the public code; its rates, for dense Adam on every embedding, come by ``like`` alone.
# The public code's networks give the amount itself, and its router is sharpened where it is used.
_ABS = {"output": "abs"}
_SHARP = {"temperature": 0.5}

_SINGLE = tuple(
    Method(
        name=name, policy=policy, publish_every=every,
        objective="log-mae", network="dice", start="gmv", serve="amount", learner=AMOUNTS,
        reference={"network": _ABS | {"kind": "dice"}, "learner": decay},
        description=description, source=_GMV,
    )
    for name, policy, every, decay, description in (
        ("pre-single", "never", None, {}, "The GMV model of the pre-training, never updated."),
        ("online-single", {"kind": "partial-gmv", "final": False}, None, SLOW,
         "Learns the GMV so far at every pay, as if it were final."),
        ("offline-single", {"kind": "partial-gmv", "partial": False}, "1d", FAST,
         "Learns the final GMV when the attribution window closes."),
        ("oracle-single", {"kind": "oracle", "at": "first-pay"}, None, SLOW,
         "Learns the final GMV at the first pay, from the future."),
    )
)  # fmt: skip

_DUAL = tuple(
    Method(
        name=name, policy=policy, publish_every=every, auxiliary=auxiliary,
        objective="routed-log-mae", network="dual", start="gmv-dual", serve="routed", learner=AMOUNTS,
        reference={
            "network": _ABS | {"kind": "dual"}, "start": {"kind": "gmv-dual", "balanced": True},
            "learner": decay, **reference,
        },
        description=description, source=_GMV,
    )
    for name, policy, every, auxiliary, decay, reference, description in (
        ("pre-dual", "never", None, "router", {}, {"auxiliary": {"kind": "router", **_SHARP}},
         "Two towers and a router as the pre-training leaves them, never updated."),
        ("online-dual", {"kind": "partial-gmv", "final": False}, None, "router", FAST,
         {"auxiliary": {"kind": "router", **_SHARP}},
         "Two towers; learns the GMV so far at every pay, from the second on as one that pays again."),
        ("offline-dual", {"kind": "partial-gmv", "partial": False}, "1d", "router", FAST,
         {"auxiliary": {"kind": "router", **_SHARP}},
         "Two towers; learns the final GMV, each click in its tower, when the attribution window closes."),
        ("oracle-dual", {"kind": "oracle", "at": "first-pay"}, None, {"kind": "true-tag"}, SLOW,
         {"auxiliary": {"kind": "true-tag", "served": True},
          "objective": {"kind": "routed-log-mae", "balanced": True}},
         "Two towers; learns final GMV and tower at the first pay, from the future."),
    )
)  # fmt: skip

_NET = tuple(
    Method(
        name=name, policy=policy, publish_every=every, learner=AMOUNTS,
        objective="log-mae", network="dice", start={"kind": "gmv", "net": True}, serve="net-amount",
        description=description, source=_OWN,
    )
    for name, policy, every, description in (
        ("pre-net", "never", None, "GMV after refunds: the model of the pre-training, never updated."),
        ("online-net", {"kind": "partial-gmv", "net": True}, None,
         "GMV after refunds: what stays so far, at every pay and refund, and once more when it is final."),
        ("offline-net", {"kind": "partial-gmv", "partial": False, "net": True}, "1d",
         "GMV after refunds: learnt when both windows have closed."),
        ("oracle-net", {"kind": "oracle", "at": "first-pay", "net": True}, None,
         "GMV after refunds: learnt at the first pay, from the future."),
    )
)  # fmt: skip

# A tower for each factor: in one trunk the few and noisy amounts drown the conversions.
_VALUE = tuple(
    Method(
        name=f"{regime}-{suffix}", policy=policy, publish_every=every, network="dual",
        objective=objective, start=start, serve=serve, description=f"{how} {what}", source=source,
    )
    for suffix, objective, start, serve, how, source in (
        ("value", "hurdle", "cvr-gmv", "expected", "Expected GMV per click as CVR times mean GMV given a pay:", _OWN),
        ("ziln", "ziln", "ziln", "expected-lognormal", "Expected GMV per click, zero-inflated log-normal:", _ZILN),
    )
    for regime, policy, every, what in (
        ("pre", "never", None, "never updated."),
        ("online", {"kind": "windowed-gmv", "every": True}, None,
         "as seen after the observation window, corrected at the close."),
        ("offline", "complete", "1d", "learnt when the attribution window closes."),
        ("oracle", {"kind": "oracle", "at": "click"}, None, "learnt at the click, from the future."),
    )
)  # fmt: skip

TABLE = (
    *_SINGLE,
    *_DUAL,
    Method(
        name="reader", policy="partial-gmv",
        objective="reader-joint", network="dual-routed", start="gmv-dual-routed", serve="routed-joint",
        auxiliary="calibrator", learner=AMOUNTS,
        reference={
            "objective": {"kind": "reader", "finals_in_main": True, "soft_targets": False},
            "network": _ABS | {"kind": "dual"}, "start": {"kind": "gmv-dual", "balanced": True}, "serve": "routed",
            "auxiliary": {"kind": "router-and-calibrator", **_SHARP}, "learner": FAST,
        },
        description="Routed towers, partial labels calibrated to what they will become, corrected when final.",
        source=_READER,
    ),
    Method(
        name="windowed-single", policy="windowed-gmv",
        objective="log-mae", network="dice", start="gmv", serve="amount", learner=AMOUNTS,
        description="Learns the GMV as seen after the observation window, and the final one where it differs.",
        source=_OWN,
    ),
    Method(
        name="online-quantile", policy="partial-gmv",
        objective="quantile", network="dice", start="gmv", serve="amount", learner=AMOUNTS,
        description="A quantile of the GMV, from partial and final labels.",
        source=_QUANTILE,
    ),
    *_NET,
    *_VALUE,
)  # fmt: skip
