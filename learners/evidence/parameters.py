"""Parameters of the evidence net, shared by the parts that are made of it. Loads no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from learners.evidence.layout import DENSE, Layout, sales_of
from learners.history import History
from simulator.calendar import Calendar
from simulator.errors import RunError, unknown
from simulator.parts import Part
from simulator.units import HOUR


class NetParameters(Part):
    """What the evidence net sees, and how it is fitted. Parts with equal parameters share one net."""

    carts: bool = True
    """Whether carts are observed."""
    calendar: bool = True
    """Whether it knows the promotion calendar; without a sale in the history it learns nothing from it."""
    fields: tuple[str, ...] | None = None
    """Features to read as ordered buckets of a score; default: those that the shipped worlds publish so."""
    hidden: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (64, 64)
    """Sizes of its hidden layers."""
    epochs: PositiveInt = 3
    batch_size: PositiveInt = 2048
    learning_rate: PositiveFloat = 2e-3
    """Of Adam, falling linearly to nothing."""
    skipped: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Share of the pre-training's pass before which its logits are too raw to learn from."""
    clicks: PositiveInt = 400_000
    """Clicks of the history that it learns from at most, drawn at random."""

    def layout(self, history: History, calendar: Calendar) -> Layout:
        """Return what the net is told on a log.

        Raises
        ------
        RunError : a field that the log does not have.
        """
        known = [feature.name for feature in history.log.features]
        fields = tuple(name for name in DENSE if name in known) if self.fields is None else self.fields
        for name in fields:
            if name not in known:
                raise RunError(f"{self.kind!r}, fields: {unknown('feature', name, known)}")
        # A net that saw no sale would say anything of the next one.
        seen = any(history.start <= p.start < history.end for p in calendar.promotions)
        sales = sales_of(calendar) if self.calendar and seen else ()
        return Layout(history.windows.attribution / HOUR, sales, self.carts, fields)
