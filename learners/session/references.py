"""The scale of the relative improvement: which methods of a run are its 0 and its 100. Loads no torch."""

from __future__ import annotations

from collections.abc import Sequence

from learners.catalog import ResolvedMethod, listed
from simulator.evaluation.tasks import TASKS

FROZEN, BOUND = "never", "oracle"
"""Policies that make a method the 0 (a model that is never updated) and the 100 (final labels at once)."""


def scale_of(methods: Sequence[ResolvedMethod]) -> dict[str, tuple[str | None, str | None]]:
    """Return, per task, the first method of either end; None where the run has none."""
    scale: dict[str, tuple[str | None, str | None]] = {}
    for task in dict.fromkeys(task for m in methods for task in m.link.tasks if TASKS[task].scaled):
        of_task = [m for m in methods if task in m.link.tasks]
        frozen, bound = (
            next((m.name for m in of_task if m.policy.kind == kind), None) for kind in (FROZEN, BOUND)
        )
        scale[task] = frozen, bound
    return scale


def scale_warnings(methods: Sequence[ResolvedMethod]) -> list[str]:
    """Name the ends that are missing for tasks on which methods compete, and what would fill them."""
    warnings = []
    for task, ends in scale_of(methods).items():
        # Methods that learn from impressions have bounds of their own, in the truth.
        competing = any(
            task in m.link.tasks and m.policy.kind not in (FROZEN, BOUND) and not m.listens for m in methods
        )
        absent = [kind for kind, name in zip((FROZEN, BOUND), ends, strict=True) if name is None]
        if competing and absent:
            missing = " and no ".join(_such(task, kind) for kind in absent)
            warnings.append(
                f"there is no method {missing}: the relative improvement (RI) for {task} will be missing, since "
                "it counts from a frozen model (0) to an oracle (100)."
            )
    return warnings


def _such(task: str, kind: str) -> str:
    """Return the methods of the table that would be this end of a task's scale, and serve the least besides."""
    able = [entry for entry in listed() if task in entry.tasks and entry.policy == kind]
    least = min((len(entry.tasks) for entry in able), default=0)
    return " or ".join(entry.name for entry in able if len(entry.tasks) == least) or f"with policy {kind!r}"
