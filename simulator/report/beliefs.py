"""The audit of beliefs (`PushMeter`) as table, figure and page show it: stage by stage, what came over what was believed in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.calendar import PHASES

ALARM = 3.0
"""Standard deviations beyond which what was believed is not put down to chance."""
Audit = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the audit, and what it is called."""

    name: str
    title: str
    panel: str


STAGES = (
    Stage("pays", "Pays over those believed in", "pays"),
    Stage("refunds", "Refunds over those believed in", "refunds"),
    Stage("gmv", "GMV believed: rises over falls", "GMV"),
)


@dataclass(frozen=True, slots=True)
class Belief:
    """What a part of an audit comes to; ``ratio`` is NaN where nothing was believed in."""

    ratio: float
    z: float

    @property
    def texts(self) -> tuple[str, str]:
        """Return ratio and z with their digits."""
        return "-" if math.isnan(self.ratio) else f"{self.ratio:.2f}", f"{self.z:+.1f}"

    @property
    def side(self) -> str:
        """Return "low" or "high" where more or less came than chance explains, as the page colours it."""
        return "" if abs(self.z) <= ALARM else "high" if self.z < 0 else "low"


def belief_of(part: Mapping[str, float] | None) -> Belief | None:
    """Return what a phase or the whole of an audit comes to."""
    if part is None:
        return None
    ratio = part["paid"] / part["expected"] if part["expected"] > 0 else math.nan
    return Belief(ratio, part["z"])


def audits(summary: Mapping[str, Any]) -> list[tuple[Stage, dict[str, Audit]]]:
    """Return the audits of each stage that was audited, by method."""
    found: list[tuple[Stage, dict[str, Audit]]] = []
    for stage in STAGES:
        parts = {}
        for method, costs in summary["costs"].items():
            push = costs.get("push") or {}
            part = push if stage.name == "pays" else push.get(stage.name) or {}
            if part.get("cells"):
                parts[method] = part
        if parts:
            found.append((stage, parts))
    return found


def phases_of(parts: Mapping[str, Audit]) -> list[str]:
    """Return the phases that any of the audits speaks of, in their order."""
    return [phase for phase in PHASES if any(phase in audit["phases"] for audit in parts.values())]


def alarms(audit: Audit) -> str:
    """Return how many segments of how many are beyond chance."""
    cells = audit["cells"]
    return f"{sum(abs(cell['z']) > ALARM for cell in cells)} of {len(cells)}"
