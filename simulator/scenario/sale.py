"""A promotion of a real log, as a scenario writes it."""

from __future__ import annotations

from datetime import date
from typing import Self

from pydantic import model_validator

from simulator.calendar import Promotion
from simulator.clock import UTC_CLOCK, Clock
from simulator.errors import ScenarioError
from simulator.scenario.base import Block
from simulator.scenario.moments import Moment, format_moment, instant_of
from simulator.units import DAY, Duration, PositiveDuration


class PromotionBlock(Block):
    """``[[promotion]]``: the calendar of a real log (a world's promotions are in ``[[world.promotion]]``).

    Dates and datetimes are local in the log's time zone, or with an offset as they stand.
    """

    name: str
    """Its name in reports."""
    start: Moment
    """When it starts: by duration from the log's origin, or by date."""
    end: Moment | None = None
    """The first instant after it."""
    length: PositiveDuration | None = None
    """How long it lasts, instead of end; default: 1d."""
    anticipation: Duration = "3d"  # type: ignore[assignment]
    """Length of the reported phase before it."""

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if self.end is not None and self.length is not None:
            raise ValueError("give either end or length, not both")
        if self.end is not None and not self.by_date:
            self.on(UTC_CLOCK)
        return self

    @property
    def by_date(self) -> bool:
        """Whether it takes the log's own dates to know when it is."""
        return isinstance(self.start, date) or isinstance(self.end, date)

    def on(self, clock: Clock) -> Promotion:
        """Return the promotion on a log.

        Raises
        ------
        ScenarioError : it ends before it starts.
        """
        start = instant_of(self.start, clock)
        length = DAY if self.length is None else self.length
        end = start + length if self.end is None else instant_of(self.end, clock)
        if end <= start:
            first, last = format_moment(self.start), format_moment(self.end or 0)
            raise ScenarioError(f"promotion {self.name!r}: end ({last}) must be later than start ({first})")
        return Promotion(self.name, start, end, self.anticipation)
