"""Parameters of the evidence net, shared by the parts that are made of it. Loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from learners.foreseen import calendar_of
from learners.history import History
from learners.settlement.evidence.layout import DENSE, Layout, sales_of
from learners.settlement.evidence.prior import Prior, identity, read_prior, windows_fault
from simulator.calendar import Promotion
from simulator.errors import RunError, unknown
from simulator.parts import Part
from simulator.scenario.model import Scenario
from simulator.scenario.timeline import stream_gap, stream_start
from simulator.units import HOUR, Duration, SignedDuration, format_duration

BELIEFS = ("calendar_uncertainty", "calendar_error")
"""Parameters of what is believed of sales to come: the fitted net is the same for all."""
ALIKE = 2.0
"""Sales whose lengths differ by no more than this factor may teach of each other."""


class NetParameters(Part):
    """What the evidence net sees, and how it is fitted. Parts with equal parameters share one net."""

    carts: bool = True
    """Whether carts are observed."""
    calendar: bool = True
    """Whether it knows the promotion calendar; without a sale in the history, or a prior, it learns nothing from it."""
    calendar_uncertainty: Duration = "0s"  # type: ignore[assignment]
    """By how much a sale to come (one that opens after the history) may open earlier or later than announced, at most; its
    end moves along. Any time between is as likely, until posterior settlement sees who pays. Auxiliary and offset learn of
    it together if they are given the same."""
    calendar_error: SignedDuration = "0s"  # type: ignore[assignment]
    """An experiment: by how much the calendar announces sales to come too late; too early, if negative."""
    prior: str | None = None
    """Another log that teaches it what a sale is, named by a scenario (a path from the file it is written in): the clicks
    of that scenario's history are learnt from beside the own ones. It stands in for a sale that the own history lacks; a
    history that has one is pooled with it. Give its world another seed, so that it is another shop."""
    fields: tuple[str, ...] | None = None
    """Features to read as ordered buckets of a score; default: those that the shipped worlds publish so."""
    hidden: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (64, 64)
    """Sizes of its hidden layers."""
    epochs: PositiveInt = 3
    """Passes over its clicks."""
    batch_size: PositiveInt = 2048
    """Clicks of a step of its fit."""
    learning_rate: PositiveFloat = 2e-3
    """Of Adam, falling linearly to nothing."""
    skipped: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Share of the pre-training's pass before which its logits are too raw to learn from."""
    clicks: PositiveInt = 400_000
    """Clicks of the history that it learns from at most, drawn at random."""

    @model_validator(mode="after")
    def _unknown_calendar(self) -> Self:
        for name in BELIEFS:
            if getattr(self, name) and not self.calendar:
                raise ValueError(
                    f"{name} asks for calendar = true: a calendar that is unknown cannot be wrong"
                )
        return self

    @field_validator("prior")
    @classmethod
    def _readable(cls, prior: str | None) -> str | None:
        if prior is not None:
            read_prior(prior)
        return prior

    @model_validator(mode="after")
    def _asked_of_sales(self) -> Self:
        if self.prior is not None and not self.calendar:
            raise ValueError("prior asks for calendar = true: what it teaches is the calendar")
        return self

    def misfit(self, scenario: Scenario) -> str:
        """Say why its prior cannot serve in a scenario; an empty string where it can."""
        if self.prior is None:
            return ""
        theirs = read_prior(self.prior).scenario.windows.windows()
        return windows_fault(self.prior, theirs, scenario.windows.windows())

    def doubt(self, scenario: Scenario) -> str:
        if not self.calendar:
            return ""
        begun = stream_start(scenario, 0) - stream_gap(scenario)
        ahead = [p for p in calendar_of(scenario).promotions if p.start >= begun]
        seen = _learnt_from(scenario)
        if self.prior is not None:
            seen += _learnt_from(read_prior(self.prior).scenario)
        if ahead and not seen:
            return (
                f"no sale opens in the history, so nothing is known of one when {_named(ahead)} comes, and who waits for it "
                "is taken for lost. A scenario whose history has a sale can teach it: give auxiliary and offset "
                'prior = "other_shop.toml" (the path to the shipped one from this file), or one of your own.'
            )
        other = [p for p in ahead if not any(ALIKE >= _length(p) / _length(q) >= 1 / ALIKE for q in seen)]
        if other:
            lasted = ", ".join(f"{q.name!r} {format_duration(_length(q))}" for q in seen)
            return (
                f"{_named(other)} lasts {format_duration(_length(other[0]))}, and what is learnt from does not resemble it "
                f"({lasted}): evidence of another kind of sale can be far worse than none."
            )
        return ""

    def reads(self) -> dict[str, str]:
        if self.prior is None:
            return {}
        return {str(Path(self.prior).resolve()): identity(read_prior(self.prior))}

    def layout(self, history: History, prior: Prior | None = None) -> Layout:
        """Return what the net is told on a log.

        Raises
        ------
        RunError : a field that the log, or that of the prior, does not have.
        """
        published = [_with_one_id(history)]
        if prior is not None:
            published.append(_with_one_id(prior.history))
        fields = self.fields
        if fields is None:
            fields = tuple(name for name in DENSE if all(name in known for known in published))
        for known, whose in zip(published, ("", " of its prior"), strict=False):
            for name in fields:
                if name not in known:
                    raise RunError(f"{self.kind!r}, fields: {unknown(f'feature{whose}', name, known)}")
        # A net that saw no sale would say anything of the next one.
        calendar = history.calendar
        seen = prior is not None or any(history.start <= p.start < history.end for p in calendar.promotions)
        sales = sales_of(calendar) if self.calendar and seen else ()
        if sales and prior is not None:
            sales = (*prior.sales, *sales)
        return Layout(history.windows.attribution / HOUR, sales, self.carts, fields)


def _learnt_from(scenario: Scenario) -> list[Promotion]:
    """Return the sales that open in a scenario's history, as far as can be told without its log."""
    end = stream_start(scenario, 0) - stream_gap(scenario)
    return [p for p in calendar_of(scenario).promotions if end - scenario.stream.history <= p.start < end]


def _length(sale: Promotion) -> int:
    return max(sale.end - sale.start, 1)


def _named(sales: Sequence[Promotion]) -> str:
    return " and ".join(repr(sale.name) for sale in sales)


def _with_one_id(history: History) -> list[str]:
    """Return the features that can be read as a number: tags cannot."""
    return [feature.name for feature in history.log.features if not feature.tags]
