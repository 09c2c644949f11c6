"""Auxiliary estimators: made on the history and frozen in the stream. One file each."""

from __future__ import annotations

from learners.auxiliary.base import AUXILIARIES, Auxiliary, Estimator, FittedAuxiliary

__all__ = ["AUXILIARIES", "Auxiliary", "Estimator", "FittedAuxiliary"]
