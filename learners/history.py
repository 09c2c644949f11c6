"""The scenario's history as training rows: complete labels, shuffled in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from learners.recipes import Recipe
from simulator.errors import RunError
from simulator.log.schema import ClickBatch, Columns, Feature, Int32, Labels, Meta
from simulator.units import format_duration
from simulator.windows import Windows

Float32 = NDArray[np.float32]

POOL = 262_144
"""Rows among which the shuffle draws; a shorter history is shuffled whole."""


class LabelledLog(Protocol):
    """What pre-training reads of a log."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """The feature columns, in their order."""

    @property
    def meta(self) -> Meta:
        """What ``meta.toml`` says; pre-training needs the fingerprint."""

    def labelled(
        self, windows: Windows, start: int, end: int, *, features: bool = True
    ) -> Iterable[tuple[ClickBatch, Labels]]:
        """Yield the clicks of ``[start, end)`` in replay order, with their final labels."""


@dataclass(slots=True)
class Rows(Columns):
    """Training rows: features (n, F), and targets (n, H), NaN where a head has none."""

    features: Int32
    targets: Float32


@dataclass(frozen=True, slots=True)
class History:
    """The clicks of ``[start, end)`` of a log with what a recipe asks of them."""

    log: LabelledLog
    windows: Windows
    start: int
    end: int

    def rows(self, recipe: Recipe, *, features: bool = True) -> Iterator[Rows]:
        """Yield the rows that have a target, in replay order."""
        for clicks, labels in self.log.labelled(self.windows, self.start, self.end, features=features):
            by_head = recipe.targets(clicks, labels)
            targets = np.stack([by_head[head] for head in recipe.scales], axis=1).astype(np.float32)
            told = ~np.isnan(targets).all(axis=1)
            if told.any():
                yield Rows(clicks.features[told], targets[told])

    def biases(self, recipe: Recipe) -> dict[str, float]:
        """Return the base rate of each head: the logit of its mean target, or the mean amount.

        Half a positive more keeps the logit finite. Reads labels alone.

        Raises
        ------
        RunError : no click of the history has a target for some head.
        """
        sums = np.zeros(len(recipe.scales))
        counts = np.zeros(len(recipe.scales), np.int64)
        for rows in self.rows(recipe, features=False):
            sums += np.nansum(rows.targets, axis=0, dtype=np.float64)
            counts += np.count_nonzero(~np.isnan(rows.targets), axis=0)
        biases = {}
        for (head, scale), total, count in zip(recipe.scales.items(), sums, counts, strict=True):
            if not count:
                raise RunError(
                    f"pre-training {recipe.kind!r}: no click from {format_duration(self.start)} to "
                    f"{format_duration(self.end)} has a target for {head!r}; lengthen [stream] history"
                )
            odds = (total + 0.5) / (count - total + 0.5)
            biases[head] = float(np.log(odds) if scale == "logit" else total / count)
        return biases


def batches(rows: Iterable[Rows], size: int, rng: np.random.Generator, pool: int = POOL) -> Iterator[Rows]:
    """Yield shuffled batches of ``size`` rows; less than half a batch left over joins the last one.

    A full pool gives random rows for every piece that arrives, and itself, permuted, at the end. What is
    yielded depends on the rows and the generator alone, not on how the rows were cut.
    """
    piece = 16 * size
    left: list[Rows] = []
    for part in _mixed(_cut(rows, piece), max(pool // piece, 1), rng):
        left.append(part)
        joined = Rows.concatenate(left)
        whole = max(len(joined) // size - 1, 0)  # the last whole batch waits for what may be left over
        for k in range(whole):
            yield joined[k * size : (k + 1) * size]
        left = [joined[whole * size :]]
    if left:
        last = left[0]
        split = size if len(last) >= size * 1.5 else len(last)
        for begin, end in ((0, split), (split, len(last))):
            if end > begin:
                yield last[begin:end]


def _cut(rows: Iterable[Rows], size: int) -> Iterator[Rows]:
    held: list[Rows] = []
    count = 0
    for part in rows:
        held.append(part)
        count += len(part)
        if count < size:
            continue
        joined = Rows.concatenate(held)
        whole = count - count % size
        for begin in range(0, whole, size):
            yield joined[begin : begin + size]
        held, count = [joined[whole:]], count - whole
    if count:
        yield Rows.concatenate(held)


def _mixed(pieces: Iterator[Rows], pool: int, rng: np.random.Generator) -> Iterator[Rows]:
    held: list[Rows] = []
    full: Rows | None = None
    for piece in pieces:
        if len(held) < pool:
            held.append(piece)
            continue
        if full is None:
            full = Rows.concatenate(held)
            full = Rows(full.features.copy(), full.targets.copy())
        chosen = rng.choice(len(full), len(piece), replace=False)
        yield full[chosen]
        full.features[chosen], full.targets[chosen] = piece.features, piece.targets
    if full is None and held:
        full = Rows.concatenate(held)
    if full is not None:
        yield full[rng.permutation(len(full))]
