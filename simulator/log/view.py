"""A source seen through another: what a view does not say otherwise is as it is there."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.log.impressions import Which
from simulator.log.schema import (
    ROW_GROUP,
    ClickBatch,
    EventBatch,
    Feature,
    ImpressionBatch,
    ImpressionLabels,
    Labels,
)
from simulator.log.source import Source
from simulator.windows import Windows


class View:
    """``source`` as it is. What is seen otherwise is overridden."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def features(self) -> tuple[Feature, ...]:
        """Feature columns of the clicks."""
        return self._source.features

    @property
    def has_impressions(self) -> bool:
        """Whether the source says what was shown, clicked or not."""
        return self._source.has_impressions

    def row_of(self, time: int) -> int:
        """Row of the first click from ``time`` on."""
        return self._source.row_of(time)

    def clicks(
        self,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[ClickBatch]:
        """Clicks in replay order."""
        return self._source.clicks(start, end, features=features, batch_rows=batch_rows)

    def events(
        self, start: int | None = None, end: int | None = None, *, batch_rows: int = ROW_GROUP
    ) -> Iterator[EventBatch]:
        """Events that become known in ``[start, end)``, in replay order."""
        return self._source.events(start, end, batch_rows=batch_rows)

    def labelled(
        self,
        windows: Windows,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[tuple[ClickBatch, Labels]]:
        """Clicks with their final labels."""
        return self._source.labelled(windows, start, end, features=features, batch_rows=batch_rows)

    def impressions(
        self,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
        which: Which = "all",
    ) -> Iterator[ImpressionBatch]:
        """Impressions in replay order."""
        return self._source.impressions(start, end, features=features, batch_rows=batch_rows, which=which)

    def exposed(
        self,
        windows: Windows,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[tuple[ImpressionBatch, ImpressionLabels]]:
        """Impressions with their final labels."""
        return self._source.exposed(windows, start, end, features=features, batch_rows=batch_rows)
