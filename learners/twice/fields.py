"""The few stable fields that delays may depend on."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from simulator.errors import ScenarioError, unknown
from simulator.log.schema import Feature, Int32, Int64, column_slices

FEW, MOST = 256, 4096
"""Groups that are chosen by themselves, and that may be asked for."""


def chosen(fields: Sequence[str], features: Sequence[Feature]) -> tuple[str, ...]:
    """Return the fields that were named; of none the features with the fewest values, as long as they make few groups.

    Raises
    ------
    ScenarioError : there is no such feature, it holds tags, or they make too many groups.
    """
    single = {feature.name: feature for feature in features if not feature.tags}
    if fields:
        for name in fields:
            if name not in single:
                raise ScenarioError(f"fields = {list(fields)}: {unknown('feature', name, tuple(single))}")
        if (count := prod(single[name].cardinality for name in fields)) > MOST:
            raise ScenarioError(
                f"fields = {list(fields)}: they make {count:,} groups; allowed: {MOST:,}. Delays shall depend on a few stable "
                "fields of few values"
            )
        return tuple(fields)
    found: list[str] = []
    groups = 1
    for feature in sorted(single.values(), key=lambda feature: feature.cardinality):
        groups *= max(feature.cardinality, 1)
        if groups > FEW:
            break
        found.append(feature.name)
    return tuple(found)


class Groups:
    """Numbers the groups that some fields make.

    Parameters
    ----------
    fields : names, as `chosen` gives them.
    features : all features of the log.
    """

    def __init__(self, fields: Sequence[str], features: Sequence[Feature]) -> None:
        known = {f.name: (f, part.start) for f, part in zip(features, column_slices(features), strict=True)}
        self._places = [known[name][1] for name in fields]
        self._sizes = tuple(known[name][0].cardinality for name in fields)

    def __len__(self) -> int:
        return prod(self._sizes)

    def of(self, features: Int32) -> Int64:
        """Return the group of each click; ``features`` has shape (n, all columns)."""
        group = np.zeros(len(features), np.int64)
        for place, size in zip(self._places, self._sizes, strict=True):
            group = group * size + features[:, place]
        return group
