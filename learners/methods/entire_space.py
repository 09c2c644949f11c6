"""Methods for click rate and conversion rate on all impressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from learners.methods.base import Method, Spec

_MA = "Ma et al., Entire space multi-task model (ESMM), SIGIR 2018"
_WEN = "Wen et al., Entire space multi-task modeling via post-click behavior decomposition (ESM2), SIGIR 2020"
_ZHANG = (
    "Zhang et al., Large-scale causal approaches to debiasing post-click conversion rate estimation, WWW 2020"
)
_WANG = "Wang et al., ESCM2: entire space counterfactual multi-task model, SIGIR 2022"
_WANG_ESDF = (
    "Wang et al., Delayed feedback modeling for the entire space conversion rate prediction (ESDF), AAAI 2021"
)
_ZHU = "Zhu et al., DCMT: direct entire-space causal multi-task framework, ICDE 2023"
_EVI = "Entire space learning with variational information exploitation (EVI), AAAI 2025"
_NISE = "NISE: entire space with non-click samples as unlabelled ones"
_OWN = "this project"

# What the public code of ESCIM (ICDM 2025) has, for itself and the baselines of its tables: how it trains, and networks ...
ESCIM_LEARNER: Mapping[str, Any] = {
    "embedding_dim": 5, "hidden": (512, 256, 128), "batch_size": 8192, "learning_rate": 1e-4, "embedding_learning_rate": 1e-4,
    "embedding_optimiser": "adam", "embedding_deviation": 0.01, "head_start": "random", "weight_decay": 1e-6,
    "pretrain_batch_size": 8192, "pretrain_epochs": 5,
}  # fmt: skip
_PLAIN = {"kind": "mlp", "norm": False}
ESCIM_TOWERS: Mapping[str, Any] = {"kind": "per-head", "tower": _PLAIN}
# ... and what is in the place of the papers' formulas.
_MOVING = {"stop_gradient": False}
_UNLABELLED = {**_MOVING, "joint": True, "error": "prediction"}


def _method(
    name: str,
    space: str,
    description: str,
    source: str,
    *,
    policy: str = "complete",
    network: Spec = "per-head",
    serve: str = "entire-space",
    learner: Mapping[str, Any] | None = None,
    reference: Mapping[str, Any] | None = None,
) -> Method:
    return Method(
        name=name, policy=policy, network=network,
        objective={"kind": "entire-space", "space": space}, start="objective", serve=serve,
        description=description, source=source, learner=learner or {}, reference=reference or {},
    )  # fmt: skip


def _public(
    space: str, changed: Mapping[str, Any], towers: Mapping[str, Any] = ESCIM_TOWERS
) -> Mapping[str, Any]:
    return {
        "objective": {"space": {"kind": space, **changed}}, "network": towers, "learner": ESCIM_LEARNER,
    }  # fmt: skip


TABLE = (
    _method(
        "clicked-only", "naive",
        "Click rate on impressions, conversion rate on clicks alone; served on all impressions.", _OWN,
    ),
    _method(
        "esmm", "esmm",
        "Click rate and the product of click and conversion rate, both on impressions; no loss of the conversion rate itself.",
        _MA, learner={"embedding_dim": 18, "hidden": (360, 200, 80)}, reference=_public("esmm", {}),
    ),
    _method(
        # Of its networks the paper's record says nothing; these are sizes within the range of its time.
        "esm2", "esm2",
        "Click, cart and conversion on impressions; the conversion rate composed of those through the cart and past it.",
        _WEN, policy="with-carts", serve="esm2", learner={"embedding_dim": 16, "hidden": (256, 128)},
    ),
    _method(
        "multi-ips", "ips", "Clicks weighed by the inverse of the click rate.", _ZHANG,
        reference=_public("ips", {**_MOVING, "weight_ctr": 0}),
    ),
    _method(
        "multi-dr", "dr", "As multi-ips, with an imputed error on every impression.", _ZHANG,
        reference=_public("dr", {**_UNLABELLED, "weight_ctr": 0}),
    ),
    _method(
        "escm2-ips", "escm2-ips", "ESMM, with the loss of multi-ips as a regulariser.", _WANG,
        reference=_public("escm2-ips", _MOVING),
    ),
    _method(
        "escm2-dr", "escm2-dr", "ESMM, with the loss of multi-dr as a regulariser.", _WANG,
        reference=_public("escm2-dr", _UNLABELLED),
    ),
    _method(
        "dcmt", "dcmt",
        "ESMM, clicks weighed, and a second conversion rate for what was not clicked, tied to the first.", _ZHU,
        network={"kind": "per-head", "tower": "wide-deep"},
        reference=_public("dcmt", _MOVING, {"kind": "per-head", "tower": {"kind": "wide-deep", "deep": _PLAIN}}),
    ),
    _method(
        "nise", "nise", "What nobody clicked is unlabelled, and taken at the model's own word.", _NISE,
        learner={"embedding_dim": 16, "hidden": (160, 80), "batch_size": 2048, "weight_decay": 1e-5},
    ),
    _method(
        "evi", "evi",
        "What nobody clicked is told by a teacher that knows the click rate, whose layers the student's are drawn to.", _EVI,
        network="evi",
        learner={
            "embedding_dim": 5, "hidden": (256,), "batch_size": 8000, "weight_decay": 1e-6, "pretrain_batch_size": 8000,
        },
        reference={
            "objective": {"space": {"kind": "evi", "weight_cvr": 0.2}},
            "network": {"kind": "evi", "variance": "fixed"},
            "learner": {"embedding_optimiser": "adam", "embedding_learning_rate": 1e-3, "head_start": "random"},
        },
    ),
    Method(
        # Of its networks nothing is known to us. A day is the paper's slot; the window ends with one.
        name="esdf", policy={"kind": "duplicate", "window": "1d"},
        objective="esdf", network="per-head", start="objective", serve="esdf",
        description="Likelihood of click, conversion and the day of its delay: what is still open counts in part as converted.",
        source=_WANG_ESDF,
    ),
    _method(
        # Of the rows that say what a click came to, those that a coin decided: not what nobody clicked.
        "randomised", "naive",
        "Conversions of the randomised slice alone, where a coin decided who clicked: little, and nothing to correct.", _OWN,
        policy="randomised",
    ),
    _method(
        "entire-oracle", "potential",
        "Told of every impression what a click came to, or would have come to: the bound of all space corrections.", _OWN,
        policy="potential",
    ),
)  # fmt: skip
