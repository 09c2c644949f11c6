"""What sources have in common that do not say what was shown."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.log.impressions import Which
from simulator.log.schema import ROW_GROUP, ImpressionBatch, ImpressionLabels
from simulator.windows import Windows


class Unshown:
    """The part of `simulator.log.source.Source` that is about impressions, of a source that has none."""

    has_impressions = False

    def impressions(
        self,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
        which: Which = "all",
    ) -> Iterator[ImpressionBatch]:
        """Yield nothing."""
        yield from ()

    def exposed(
        self,
        windows: Windows,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[tuple[ImpressionBatch, ImpressionLabels]]:
        """Yield nothing."""
        yield from ()
