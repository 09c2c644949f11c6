"""The methods of the counterfactual line: ESCIM as published, and what tells its parts from each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from learners.methods.base import Method
from learners.methods.entire_space import ESCIM_LEARNER, ESCIM_TOWERS

_ESCIM = "On predicting post-click conversion rate via counterfactual inference (ESCIM), ICDM 2025"
# Propensities are trained through the weights they give.
_PUBLIC = {"objective": {"space": {"kind": "escim", "stop_gradient": False}}, "learner": ESCIM_LEARNER}
_START = {"kind": "objective", "objective": {"kind": "entire-space", "space": "escm2-ips"}}


def _labelled(
    name: str, auxiliary: dict[str, Any] | str, description: str, reference: Mapping[str, Any] | None = None
) -> Method:
    return Method(
        name=name, policy="complete",
        objective={"kind": "entire-space", "space": "escim"}, auxiliary=auxiliary,
        network=ESCIM_TOWERS, start=_START, serve="entire-space",
        description=description,
        source=_ESCIM, reference=reference or {},
    )  # fmt: skip


TABLE = (
    _labelled(
        "escim-max",
        "escim",
        "ESCM2-IPS, and hard labels for what nobody clicked: all that scores above a conversion.",
        _PUBLIC,
    ),
    _labelled(
        "escim-ratio",
        {"kind": "escim", "rule": "ratio"},
        "As escim-max, with as many positive labels as would convert at the rate of the clicks.",
        _PUBLIC,
    ),
    _labelled(
        "escim-soft",
        {"kind": "escim", "rule": "soft"},
        "As escim-max; the scores themselves are the labels.",
    ),
    _labelled(
        "escim-joint",
        "escim-joint",
        "As escim-soft, the labeler fitted as one model with a hidden cause of clicks.",
    ),
    _labelled(
        "self-training",
        {"kind": "naive-labeler", "rule": "ratio"},
        "As escim-ratio, with scores of a conversion model of clicks: no noise, no abduction.",
        _PUBLIC,
    ),
)
