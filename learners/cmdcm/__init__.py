"""CM-DCM: a delay tower beside a frozen everyday model, held to what a cart is estimated to do (SIGIR 2026).

All of it is here: the everyday model, the tower with its gates, the loss of three terms, the estimate of what carts do and the
methods. It comes in by the doors that are open to everybody. The paper's equations are not public but for the terms of the
loss; layers, sizes and everything that is marked "ours" is this project's reading of it.
"""

from __future__ import annotations

from learners.cmdcm import effect, everyday, network, objective, serve
from learners.cmdcm.methods import TABLE
from learners.methods.base import METHODS

__all__ = ["effect", "everyday", "network", "objective", "serve"]

for method in TABLE:
    METHODS.register(method.name)(method)
