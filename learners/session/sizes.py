"""What the networks of a run would take, before anything is made: refused where it cannot fit. Loads no torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise

from learners.catalog import ResolvedMethod
from simulator.log.schema import Feature
from simulator.scenario.learner import LearnerBlock
from simulator.scenario.model import Scenario

NUMBER = 4
"""Bytes of a float32."""
COPIES = 2
"""An embedding table beside its published view; layers beside gradients and both moments of Adam take twice that."""
DOUBTFUL = 0.5
"""Share of the memory from which a run is warned of."""


def memory() -> int | None:
    """Return the machine's memory in bytes; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def layer_bytes(learner: LearnerBlock, features: int) -> int:
    """Return what the hidden layers of one method take while it learns, over so many features."""
    widths = (max(features, 1) * learner.embedding_dim, *learner.hidden)
    weights = sum((wide + 1) * narrow for wide, narrow in pairwise(widths))
    return 2 * COPIES * NUMBER * weights


def table_bytes(learner: LearnerBlock, features: Sequence[Feature], embeddings: int = 1) -> int:
    """Return what the embedding table of one method takes, with what was published of it, so many embeddings a row."""
    rows = sum(feature.cardinality for feature in features)
    copies = COPIES * (2 if learner.embedding_optimiser == "adam" else 1)  # both moments, once a row is met
    return copies * NUMBER * rows * embeddings * learner.embedding_dim


def size_faults(
    scenario: Scenario,
    methods: Sequence[ResolvedMethod],
    features: Sequence[Feature] | None = None,
    limit: int | None = None,
) -> tuple[list[str], list[str]]:
    """Return (faults, warnings) about features and sizes, each one sentence with its figures.

    Parameters
    ----------
    features : the log's, in their order; None where they are not known yet: then only layers are weighed.
    limit : bytes that all methods together may take; default: the machine's memory.
    """
    if features is not None and not features and not scenario.time_features:
        told = (
            "the log has no features, so that no method can tell one click from another; name some "
            "([data.columns] features = [...]), or set stream.time_features = true"
        )
        return [told], []
    limit = memory() if limit is None else limit
    if limit is None or not methods:
        return [], []
    known = features or ()
    # Methods stay in memory until the run ends; pre-trained starts that they share are not counted twice.
    layers = {method.name: layer_bytes(method.learner, len(known)) for method in methods}
    tables = {
        method.name: table_bytes(method.learner, known, method.network.embeddings) for method in methods
    }
    total = sum(layers.values()) + sum(tables.values())
    if total <= DOUBTFUL * limit:
        return [], []
    worst = max(methods, key=lambda method: layers[method.name] + tables[method.name])
    rows = sum(feature.cardinality for feature in known)
    told = (
        f"the networks of {len(methods)} method{'s' * (len(methods) != 1)} need about {_size(total)} of memory, and "
        f"this machine has {_size(limit)}. The largest, {worst.name!r}: "
    )
    if tables[worst.name] > layers[worst.name]:
        widest = max(known, key=lambda feature: feature.cardinality)
        several = f" x {worst.network.embeddings} embeddings" if worst.network.embeddings > 1 else ""
        told += (
            f"{rows:,} embedding rows x embedding_dim {worst.learner.embedding_dim}{several}, {widest.cardinality:,} of "
            f"the rows for feature {widest.name!r}. Lower learner.embedding_dim, leave out features, or run fewer methods at "
            "once"
        )
    else:
        told += (
            f"hidden layers {list(worst.learner.hidden)}. Make learner.hidden narrower, or run fewer methods"
        )
    return ([told], []) if total > limit else ([], [told])


def _size(count: int) -> str:
    return f"{count / 2**30:,.1f} GiB" if count >= 2**30 / 10 else f"{count / 2**20:,.1f} MiB"
