"""Published facts of each preset, and how near a log comes to them."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.worlds.targets import blend, cascade, taobao_mobile, trace
from simulator.worlds.targets.base import Curve, Target, Targets

__all__ = ["TARGETS", "Curve", "Target", "Targets"]

TARGETS: Mapping[str, Targets] = {
    module.TARGETS.preset: module.TARGETS for module in (blend, cascade, trace, taobao_mobile)
}
"""Targets by the name of the preset."""
