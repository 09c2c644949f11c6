"""Objectives: delivered samples and network outputs to a loss, stop-gradients in the open. One file each."""

from __future__ import annotations

from learners.objectives.base import OBJECTIVES, Objective

__all__ = ["OBJECTIVES", "Objective"]
