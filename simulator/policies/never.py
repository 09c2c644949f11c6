"""Never: nothing is delivered; the frozen model of the pre-training."""

from __future__ import annotations

from simulator.policies.base import Policy
from simulator.policies.registry import policy


@policy("never")
class Never(Policy):
    """Deliver nothing: the model stays as the pre-training left it (0 of the RI scale)."""

    labels = ("converted", "refunded", "gmv")
