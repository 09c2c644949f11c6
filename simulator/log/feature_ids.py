"""What ids of features may be."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.errors import LogError
from simulator.log.schema import Feature, Int32, column_slices


def check_ids(features: Sequence[Feature], columns: Int32) -> None:
    """Refuse ids outside a feature's cardinality, and tags that are not filled from the left.

    Parameters
    ----------
    columns : shape (columns of all features, n), n >= 1.
    """
    for feature, part in zip(features, column_slices(features), strict=True):
        ids, least = columns[part], -1 if feature.tags else 0
        if ids.min() < least or ids.max() >= feature.cardinality:
            worst = int(ids.min()) if ids.min() < least else int(ids.max())
            raise LogError(
                f"feature {feature.name!r}: id {worst} is outside [{least}, {feature.cardinality})"
            )
        if ((ids[:-1] < 0) & (ids[1:] >= 0)).any():
            raise LogError(f"feature {feature.name!r}: a tag follows -1; tags are filled from the left")
