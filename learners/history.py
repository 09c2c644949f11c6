"""The scenario's history as training rows: complete labels, shuffled in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from learners.start import Recipe
from learners.start.base import rows_of
from simulator.calendar import NO_PROMOTIONS, Calendar
from simulator.calls import calling, checked
from simulator.errors import RunError
from simulator.log.impressions import Which
from simulator.log.meta import Meta
from simulator.log.schema import (
    Bool,
    ClickBatch,
    Columns,
    EventBatch,
    Feature,
    Float64,
    ImpressionBatch,
    ImpressionLabels,
    Int32,
    Kind,
    Labels,
)
from simulator.units import format_duration
from simulator.windows import Windows

Float32 = NDArray[np.float32]

C = TypeVar("C", bound=Columns)

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

    def clicks(self, start: int, end: int, *, features: bool = True) -> Iterable[ClickBatch]:
        """Yield the clicks of ``[start, end)`` in replay order."""

    def labelled(
        self, windows: Windows, start: int, end: int, *, features: bool = True
    ) -> Iterable[tuple[ClickBatch, Labels]]:
        """Yield the clicks of ``[start, end)`` in replay order, with their final labels."""

    def exposed(
        self, windows: Windows, start: int, end: int, *, features: bool = True
    ) -> Iterable[tuple[ImpressionBatch, ImpressionLabels]]:
        """Yield the impressions of ``[start, end)`` in replay order, with their final labels."""

    def impressions(
        self, start: int, end: int, *, features: bool = True, which: Which = "all"
    ) -> Iterable[ImpressionBatch]:
        """Yield the impressions of ``[start, end)`` that are asked for, in replay order."""

    def exposure(self, start: int, end: int | None = None) -> Iterator[tuple[int, dict[str, Float64]]]:
        """Yield what is true of the impressions from ``start`` on: the position of the first one, and the columns."""

    def events(self, start: int, end: int) -> Iterable[EventBatch]:
        """Yield the events of ``[start, end)`` in replay order."""

    def truth(self, start: int, end: int | None = None) -> Iterable[tuple[int, dict[str, Float64]]]:
        """Yield what is true of the clicks from ``start`` on: the row of the first one, and the columns."""


@dataclass(slots=True)
class Rows(Columns):
    """Training rows: features (n, F), targets (n, H), NaN where a head has none, and further inputs (n, I)."""

    features: Int32
    targets: Float32
    inputs: Float32


@dataclass(frozen=True, slots=True)
class History:
    """The clicks of ``[start, end)`` of a log with what a recipe asks of them."""

    log: LabelledLog
    windows: Windows
    start: int
    end: int
    calendar: Calendar = NO_PROMOTIONS
    """The promotions, those to come included: they are published in advance."""

    def rows(self, recipe: Recipe, *, features: bool = True) -> Iterator[Rows]:
        """Yield the rows that have a target, in replay order."""
        recipe = recipe.on(self.calendar, self.end)
        events = self.events() if recipe.uses_events else EventBatch.empty()
        for clicks, labels in self.log.labelled(self.windows, self.start, self.end, features=features):
            own = slice(*np.searchsorted(events.row, (clicks.row, clicks.row + len(clicks))))
            counted = events_inside(events[own], clicks, labels, self.windows)
            with calling(recipe, "examples", f"{len(clicks)} clicks of the history"):
                examples = recipe.examples(clicks, labels, counted)
                rows = len(clicks if examples.click is None else examples.click)
                checked("targets", examples.targets, recipe.heads, rows)
            targets, told = rows_of(examples, recipe.heads)
            click = told if examples.click is None else examples.click[told]
            inputs = np.empty((len(told), 0)) if examples.inputs is None else examples.inputs[told]
            if len(told):
                yield Rows(
                    clicks.features[click], targets[told].astype(np.float32), inputs.astype(np.float32)
                )

    def events(self) -> EventBatch:
        """Read the events of the history's journeys, in order of (row, time, kind, id); they are held in memory."""
        until = self.end + self.windows.lifetime + 1
        events = EventBatch.concatenate(list(self.log.events(self.start, until))).in_time_order()
        return events[np.argsort(events.row, kind="stable")]

    def biases(self, recipe: Recipe) -> dict[str, float]:
        """Return where each head starts: at the output that says its mean target. Reads no features.

        Raises
        ------
        RunError : no click of the history has a target for some head.
        """
        sums = np.zeros(len(recipe.heads))
        counts = np.zeros(len(recipe.heads), np.int64)
        for rows in self.rows(recipe, features=False):
            sums += np.nansum(rows.targets, axis=0, dtype=np.float64)
            counts += np.count_nonzero(~np.isnan(rows.targets), axis=0)
        if fault := self._untold(recipe, counts == 0):
            raise RunError(fault)
        told = zip(recipe.heads.items(), sums, counts, strict=True)
        return {name: head.bias(float(total), int(count)) for (name, head), total, count in told}

    def fault(self, recipe: Recipe) -> str:
        """Say for which heads no click has a target; an empty string where all have one. Reads on until they do."""
        untold = np.ones(len(recipe.heads), bool)
        for rows in self.rows(recipe, features=False):
            untold &= np.isnan(rows.targets).all(axis=0)
            if not untold.any():
                break
        return self._untold(recipe, untold)

    def _untold(self, recipe: Recipe, untold: Bool) -> str:
        heads = ", ".join(repr(name) for name, lost in zip(recipe.heads, untold, strict=True) if lost)
        return heads and (
            f"pre-training {recipe.kind!r}: no click from {format_duration(self.start)} to "
            f"{format_duration(self.end)} has a target for {heads}; lengthen [stream] history"
        )


def events_inside(events: EventBatch, clicks: ClickBatch, labels: Labels, windows: Windows) -> EventBatch:
    """Keep the events that count: carts and pays inside the attribution window, refunds inside theirs."""
    place = events.row - clicks.row
    clicked = clicks.time[place]
    since = events.time - np.where(events.kind == Kind.REFUND, labels.first_pay[place], clicked)
    window = np.where(events.kind == Kind.REFUND, windows.longest_refund, windows.longest_pay)
    known = (events.kind != Kind.REFUND) | labels.converted[place]
    known &= events.arrival - clicked <= windows.lifetime
    return events[known & (since >= 0) & (since <= window)]


def batches(
    rows: Iterable[C], size: int, rng: np.random.Generator, pool: int = POOL, *, keep_short: bool = False
) -> Iterator[C]:
    """Yield shuffled batches of ``size`` rows; less than half a batch left over joins the last one, unless it is kept.

    A full pool gives random rows for every piece that arrives, and itself, permuted, at the end. What is
    yielded depends on the rows and the generator alone, not on how the rows were cut.
    """
    piece = 16 * size
    yield from in_batches(_mixed(_cut(rows, piece), max(pool // piece, 1), rng), size, keep_short=keep_short)


def in_batches(rows: Iterable[C], size: int, *, keep_short: bool = False) -> Iterator[C]:
    """Yield batches of ``size`` rows in the order of the rows; what is left over as in `batches`."""
    left: list[C] = []
    for part in rows:
        left.append(part)
        joined = part.concatenate(left)
        whole = max(len(joined) // size - 1, 0)  # the last whole batch waits for what may be left over
        for k in range(whole):
            yield joined[k * size : (k + 1) * size]
        left = [joined[whole * size :]]
    if left:
        last = left[0]
        split = size if keep_short or len(last) >= size * 1.5 else len(last)
        for begin, end in ((0, split), (split, len(last))):
            if end > begin:
                yield last[begin:end]


def _cut(rows: Iterable[C], size: int) -> Iterator[C]:
    held: list[C] = []
    count = 0
    for part in rows:
        held.append(part)
        count += len(part)
        if count < size:
            continue
        joined = part.concatenate(held)
        whole = count - count % size
        for begin in range(0, whole, size):
            yield joined[begin : begin + size]
        held, count = [joined[whole:]], count - whole
    if count:
        yield held[0].concatenate(held)


def _mixed(pieces: Iterator[C], pool: int, rng: np.random.Generator) -> Iterator[C]:
    held: list[C] = []
    full: C | None = None
    for piece in pieces:
        if len(held) < pool:
            held.append(piece)
            continue
        if full is None:
            full = piece.concatenate(held)
            full = full[np.arange(len(full))]  # arrays of its own, to write over
        chosen = rng.choice(len(full), len(piece), replace=False)
        yield full[chosen]
        full.put(chosen, piece)
    if full is None and held:
        full = held[0].concatenate(held)
    if full is not None:
        yield full[rng.permutation(len(full))]
