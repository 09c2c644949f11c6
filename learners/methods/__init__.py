"""The table of methods: what a paper names is one entry, composed of parts by name. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from learners.methods import cvr, gmv, netcvr, settlement
from learners.methods.base import Method, Spec

__all__ = ["METHODS", "Method", "Spec"]

METHODS: Mapping[str, Method] = MappingProxyType(
    {method.name: method for module in (cvr, netcvr, settlement, gmv) for method in module.TABLE}
)
