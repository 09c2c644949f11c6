"""ESCIM: counterfactual labels for what nobody clicked (ICDM 2025).

All of it is here: the two models that are fitted on clicks, the rules that make labels of scores, the space correction and
the methods. It comes in by the doors that are open to everybody.
"""

from __future__ import annotations

from learners.escim import labeler, space
from learners.escim.methods import TABLE
from learners.methods.base import METHODS

__all__ = ["labeler", "space"]

for method in TABLE:
    METHODS.register(method.name)(method)
