"""Trajectories: what a click shows on its way, at fixed ages, as evidence of its label (TRACE, SIGIR 2026; GDFM, NeurIPS 2022).

All of it is here: the delay policy, the net of how those who convert behave and how the others do, the completer, weights,
auxiliaries, objectives and methods. It comes in by the doors that are open to everybody.
"""

from __future__ import annotations

from learners.methods.base import METHODS
from learners.trajectory import estimator, gdfm, objective, policy
from learners.trajectory.methods import TABLE

__all__ = ["estimator", "gdfm", "objective", "policy"]

for method in TABLE:
    METHODS.register(method.name)(method)
