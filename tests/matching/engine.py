"""Least squares on simulated moments, and a report of what was asked and what was reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tomlkit

from simulator.log.schema import Float64

Tables = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dial:
    """A free number: where it starts, and between what it must stay; ``log`` dials are fitted by their logarithm."""

    name: str
    start: float
    low: float
    high: float
    log: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One least-squares problem.

    Attributes
    ----------
    name : what is fitted.
    dials : the free numbers.
    tables : writes their values as tables of ``[world]``.
    moments : returns the moments of the world of such tables.
    names, targets, tolerances : of each moment; what is a tolerance off counts 1.
    """

    name: str
    dials: Sequence[Dial]
    tables: Callable[[Mapping[str, float]], Tables]
    moments: Callable[[Tables], Float64]
    names: Sequence[str]
    targets: Float64
    tolerances: Float64
    weight: float = 0.02
    """Of staying near the start (per tenth of a dial's range): settles what no moment does."""
    robust: bool = True
    """Whether a moment that cannot be met is let go, rather than paid for by all others."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A step's outcome."""

    step: Step
    values: dict[str, float]
    before: Float64
    after: Float64

    @property
    def tables(self) -> Tables:
        """The fitted tables."""
        return self.step.tables(self.values)

    def within(self) -> int:
        """Return how many moments are within their tolerance."""
        return int((np.abs(self.after - self.step.targets) <= self.step.tolerances).sum())


def fit(step: Step, tries: int = 12) -> Fitted:
    """Solve a step. ``tries`` bounds the Gauss-Newton steps; each costs one world a dial."""
    from scipy.optimize import least_squares

    low, high, start = (np.array([_inner(d, v) for d, v in zip(step.dials, column, strict=True)]) for column in (
        [d.low for d in step.dials], [d.high for d in step.dials], [d.start for d in step.dials]
    ))  # fmt: skip
    width = high - low

    def values(place: Float64) -> dict[str, float]:
        inner = low + place * width
        return {
            d.name: float(np.exp(v)) if d.log else float(v) for d, v in zip(step.dials, inner, strict=True)
        }

    def residuals(place: Float64) -> Float64:
        off = (step.moments(step.tables(values(place))) - step.targets) / step.tolerances
        return np.concatenate([np.clip(off, -50, 50), step.weight * (place - home) / 0.1])

    home = np.clip((start - low) / width, 1e-3, 1 - 1e-3)
    before = step.moments(step.tables(values(home)))
    loss = "soft_l1" if step.robust else "linear"
    found = least_squares(
        residuals, home, bounds=(0.0, 1.0), diff_step=0.02, x_scale=0.1, loss=loss, max_nfev=tries, ftol=1e-4
    )
    best = values(found.x)
    return Fitted(step, best, before, step.moments(step.tables(best)))


def _inner(dial: Dial, value: float) -> float:
    return float(np.log(value)) if dial.log else value


def report(fitted: Fitted) -> str:
    """Say per moment what was asked, what the start had and what was reached; then the constants as TOML."""
    step = fitted.step
    lines = [f"## {step.name}: {fitted.within()} of {len(step.targets)} moments within tolerance", ""]
    lines.append(f"{'moment':34} {'target':>9} {'before':>9} {'after':>9} {'tolerance':>9}")
    for name, target, before, after, tolerance in zip(
        step.names, step.targets, fitted.before, fitted.after, step.tolerances, strict=True
    ):
        mark = "" if abs(after - target) <= tolerance else "  outside"
        lines.append(f"{name:34} {target:9.4g} {before:9.4g} {after:9.4g} {tolerance:9.2g}{mark}")
    return "\n".join([*lines, "", tomlkit.dumps(rounded(fitted.tables))])


def rounded(value: Any) -> Any:
    """Return tables with numbers of four significant digits."""
    if isinstance(value, Mapping):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def duration(hours: float) -> str:
    """Write hours as a duration, to a tenth of a second."""
    return f"{round(hours * 3600, 1):g}s" if hours < 10 else f"{round(hours, 2):g}h"


def shares(*odds: float) -> list[float]:
    """Return shares that sum to 1, from log-odds against the last one."""
    raised = np.exp(np.append(odds, 0.0))
    parts = np.round(raised / raised.sum(), 4)
    parts[-1] = round(1.0 - float(parts[:-1].sum()), 4)
    return [float(part) for part in parts]
