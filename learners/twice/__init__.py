"""Two clocks: clicks teach how many convert, conversions teach how late (TWICE, 2026).

All of it is here: the delay policy, the delays and the few fields that they depend on, the network, the cohorts, recipe,
objective, link and method. It comes in by the doors that are open to everybody.
"""

from __future__ import annotations

from learners.methods.base import METHODS
from learners.twice import cohorts, network, objective, policy, serve, start
from learners.twice.methods import TABLE

__all__ = ["cohorts", "network", "objective", "policy", "serve", "start"]

for method in TABLE:
    METHODS.register(method.name)(method)
