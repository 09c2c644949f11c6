"""What can be replayed, wherever it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from simulator.log.impressions import Which
from simulator.log.schema import (
    ROW_GROUP,
    ClickBatch,
    EventBatch,
    Feature,
    Float64,
    ImpressionBatch,
    ImpressionLabels,
    Labels,
)
from simulator.windows import Windows

Truths = Iterator[tuple[int, dict[str, Float64]]]
"""What is true of rows: the position of the first one, and the columns."""


class Source(Protocol):
    """A log as the engine reads it: `simulator.log.reader.Log`, or `simulator.log.memory.MemoryLog`."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """Features of the clicks."""

    @property
    def has_impressions(self) -> bool:
        """Whether it says what was shown, clicked or not."""

    def row_of(self, time: int) -> int:
        """Row of the first click from ``time`` on; of none, the number of all."""

    def clicks(
        self,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[ClickBatch]:
        """Clicks in replay order."""

    def events(
        self, start: int | None = None, end: int | None = None, *, batch_rows: int = ROW_GROUP
    ) -> Iterator[EventBatch]:
        """Events that became known in ``[start, end)``, in replay order."""

    def labelled(
        self,
        windows: Windows,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[tuple[ClickBatch, Labels]]:
        """Clicks with their final labels, in replay order."""

    def impressions(
        self,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
        which: Which = "all",
    ) -> Iterator[ImpressionBatch]:
        """Impressions with time in ``[start, end)``, in replay order."""

    def exposed(
        self,
        windows: Windows,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[tuple[ImpressionBatch, ImpressionLabels]]:
        """Impressions, but for the randomised slice, with their final labels, in replay order."""


class Exposed(Source, Protocol):
    """A log with impressions that may know what is true of them."""

    @property
    def has_exposure(self) -> bool:
        """Whether it knows what is true of its impressions."""

    def exposure(self, start: int | None = None, end: int | None = None) -> Truths:
        """What is true of the impressions of ``[start, end)``, the randomised slice included."""
