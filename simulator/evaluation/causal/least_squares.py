"""Least squares by cross products: designs here have few columns and many rows."""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Float64


def with_constant(*columns: Float64) -> Float64:
    """Return a design of a constant and the columns given, each of shape (n,) or (n, d)."""
    design: Float64 = np.column_stack([np.ones(len(columns[0])), *columns])
    return design


def residual(column: Float64, design: Float64) -> Float64:
    """Return what a regression leaves of a column; the smallest coefficients where several do as well."""
    beta, *_ = np.linalg.lstsq(design.T @ design, design.T @ column, rcond=None)
    left: Float64 = column - design @ beta
    return left
