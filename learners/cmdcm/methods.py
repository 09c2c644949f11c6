"""CM-DCM and its variants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from learners.methods.base import Method

_SOURCE = "Song, Li and Hu, Counterfactual multi-task learning for delayed conversion (CM-DCM), SIGIR 2026"
_LEARNER: Mapping[str, Any] = {"hidden": (256, 128), "fresh_moments": True}


def _method(name: str, causal: str, description: str) -> Method:
    return Method(
        name=name, policy="pre-promotion",
        objective={"kind": "cm-dcm", "causal": causal}, network="gated-delay", start="everyday",
        serve={"kind": "cm-dcm", "causal": causal}, auxiliary="cart-effect",
        description=description, source=_SOURCE, learner=_LEARNER,
    )  # fmt: skip


TABLE = (
    _method(
        "cm-dcm", "mu1",
        "A gated tower for delayed pays beside a frozen everyday model, held to the estimated rate of carted clicks.",
    ),
    _method("cm-dcm-tau", "tau", "As cm-dcm, held to the estimated effect of a cart: the letter of the paper."),
    _method("cm-dcm-mix", "mix", "As cm-dcm, with a rate for clicks with a cart and one for those without."),
)  # fmt: skip
