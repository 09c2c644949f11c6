"""The table of methods: what a paper names is one entry, composed of parts by name. Loads no torch."""

from __future__ import annotations

from learners.methods import cvr, entire_space, gmv, netcvr
from learners.methods.base import METHODS, Method, Spec

__all__ = ["METHODS", "Method", "Spec"]

for table in (cvr, netcvr, gmv, entire_space):
    for method in table.TABLE:
        METHODS.register(method.name)(method)
