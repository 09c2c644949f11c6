"""Potential outcomes: what every impression would have come to, had it been clicked. Reads the future and the truth."""

from __future__ import annotations

from simulator.policies.oracle import Oracle
from simulator.policies.registry import policy


@policy("potential")
class Potential(Oracle):
    """As oracle; and of impressions that nobody clicked the world tells whether a click would have converted. The bound of
    all that learn on the entire space.
    """

    impressions = "potential"
