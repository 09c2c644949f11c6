"""What an effect is estimated from: covariates, a treatment that is taken or not, an outcome, and whose row each is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from simulator.log.schema import Bool, Float64, Int64


@dataclass(frozen=True, slots=True)
class Observed:
    """Rows of which some were treated. Y(1) and Y(0) are what the outcome is with and without the treatment.

    Parameters
    ----------
    covariates : x, shape (n, d), without a constant.
    treatment : a, 0 or 1, shape (n,).
    outcome : y, 0 or 1, shape (n,).
    user : who each row is of, shape (n,): rows of one user stay together in folds and resamples.
    groups : by name, which columns of x each covariate takes; none are needed but to leave covariates out one by one.
    """

    covariates: Float64
    treatment: Float64
    outcome: Float64
    user: Int64
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = {len(self.covariates), len(self.treatment), len(self.outcome), len(self.user)}
        if len(shapes) != 1 or self.covariates.ndim != 2:
            raise ValueError(
                f"covariates {self.covariates.shape}, treatment {self.treatment.shape}, outcome {self.outcome.shape}, "
                f"user {self.user.shape}; allowed: (n, d) and three times (n,)"
            )
        for name in ("treatment", "outcome"):
            values = getattr(self, name)
            if not np.isin(values, (0.0, 1.0)).all():
                raise ValueError(f"{name} has values other than 0 and 1")

    def __len__(self) -> int:
        return len(self.treatment)

    def __getitem__(self, rows: Bool | Int64) -> Observed:
        x, a, y = self.covariates[rows], self.treatment[rows], self.outcome[rows]
        return Observed(x, a, y, self.user[rows], self.groups)

    def without(self, name: str) -> Observed:
        """Return the same rows without one covariate."""
        left_out = set(self.groups[name])
        kept = [column for column in range(self.covariates.shape[1]) if column not in left_out]
        return Observed(self.covariates[:, kept], self.treatment, self.outcome, self.user)
