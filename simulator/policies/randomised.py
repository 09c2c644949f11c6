"""The randomised slice alone: what came of impressions that were clicked by the flip of a coin."""

from __future__ import annotations

from simulator.policies.base import Policy
from simulator.policies.registry import policy


@policy("randomised")
class Randomised(Policy):
    """Deliver nothing of the journeys. A method with it learns conversion from the log's randomised slice instead: there
    nothing but a coin decided who clicked, so that those who did are like those who did not. Final labels, when the windows
    have closed.
    """

    labels = ("converted",)
    impressions = "slice"
