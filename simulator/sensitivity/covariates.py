"""From the features of a log to few columns: a feature of many ids is known by what its ids did before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from simulator.evaluation.causal.observed import Observed
from simulator.log.schema import Bool, Feature, Float64, Int32, Int64, column_slices

FEW = 8
"""Up to so many ids, each has a column of its own."""
PRIOR = 20.0
"""Rows at the common rate that every id begins with."""


class Covariates:
    """The columns that features become.

    A numeric feature gives its bin and the square of it, one of few ids a column an id, any other the logarithms of two rates
    of its id in the history: of treatment and of outcome (of tags, the mean over them).

    Parameters
    ----------
    features : those of the log.
    without : names of features that are left out.
    """

    def __init__(self, features: Sequence[Feature], without: Iterable[str] = ()) -> None:
        kept = set(without)
        slices = column_slices(features)
        self.features = [
            (feature, place)
            for feature, place in zip(features, slices, strict=True)
            if feature.name not in kept
        ]
        self._rated = [pair for pair in self.features if _rated(pair[0])]
        self._rows = {f.name: np.zeros((3, f.cardinality)) for f, _ in self._rated}
        self._all = np.zeros(3)

    def learn(self, ids: Int32, treated: Bool, happened: Bool) -> None:
        """Take in rows of the history: their features, shape (n, columns), and what they did."""
        weights = [np.ones(len(ids)), treated.astype(np.float64), happened.astype(np.float64)]
        self._all += [weight.sum() for weight in weights]
        for feature, place in self._rated:
            part = ids[:, place]
            there = part >= 0
            spread = [np.broadcast_to(weight[:, None], part.shape)[there] for weight in weights]
            self._rows[feature.name] += [np.bincount(part[there], w, feature.cardinality) for w in spread]

    def columns(self, ids: Int32) -> dict[str, list[Float64]]:
        """Return the columns of each feature, for rows whose features these are."""
        found: dict[str, list[Float64]] = {}
        for feature, place in self.features:
            part = ids[:, place]
            if _rated(feature):
                found[feature.name] = self._rates(feature, part)
            elif feature.kind == "numeric":
                level = part[:, 0] / max(feature.cardinality - 1, 1)
                found[feature.name] = [level, level**2]
            else:
                found[feature.name] = [(part[:, 0] == k).astype(float) for k in range(1, feature.cardinality)]
        return found

    def _rates(self, feature: Feature, part: Int32) -> list[Float64]:
        rows, *sums = self._rows[feature.name]
        common = self._all[1:] / self._all[0] if self._all[0] else np.zeros(2)
        there = part >= 0
        count = np.maximum(there.sum(1), 1)
        found = []
        for total, rate in zip(sums, common, strict=True):
            log_rate = np.log((total + PRIOR * rate) / (rows + PRIOR) / rate) if rate else np.zeros(len(rows))
            found.append(np.where(there, log_rate[part], 0.0).sum(1) / count)
        return found


def _rated(feature: Feature) -> bool:
    return feature.tags or (feature.kind != "numeric" and feature.cardinality > FEW)


def observed_of(columns: dict[str, list[Float64]], treatment: Bool, outcome: Bool, user: Int64) -> Observed:
    """Return rows with their covariates: those that vary, at mean 0 and standard deviation 1.

    Parameters
    ----------
    columns : by covariate.
    """
    kept: list[Float64] = []
    groups: dict[str, tuple[int, ...]] = {}
    for name, some in columns.items():
        varying = [column for column in some if len(column) and column.std() > 1e-9]
        if varying:
            groups[name] = tuple(range(len(kept), len(kept) + len(varying)))
        kept += [(column - column.mean()) / column.std() for column in varying]
    design = np.column_stack(kept) if kept else np.empty((len(treatment), 0))
    return Observed(design, treatment.astype(np.float64), outcome.astype(np.float64), user, groups)


def instrument_columns(ids: Int32) -> Float64:
    """Return the ids of a feature as columns for two stages: one column an id but the first that occurs."""
    return np.column_stack([(ids == k).astype(np.float64) for k in np.unique(ids)[1:]])


def users_or_rows(user: Int64, fewest: int = 50) -> tuple[Int64, str]:
    """Return whose each row is, and what to say of it: where a log knows (almost) no users, each row is its own."""
    if len(np.unique(user)) >= fewest:
        return user, ""
    return np.arange(len(user)), "the log tells no users apart: intervals take rows for independent"
