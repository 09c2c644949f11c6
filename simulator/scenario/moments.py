"""Instants as users write them: so long after the log's origin, or a date, or a date with a time of day."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from simulator.clock import Clock
from simulator.units import Microseconds, format_duration, parse_duration

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def parse_moment(value: Any) -> int | date:
    """Read a duration from the log's origin, or a date (or datetime), as TOML value or as ISO text.

    >>> parse_moment("2025-11-11"), parse_moment("2025-11-11T20:00:00"), parse_moment("1d") == parse_duration("24h")
    (datetime.date(2025, 11, 11), datetime.datetime(2025, 11, 11, 20, 0), True)
    """
    if isinstance(value, Microseconds):
        return value
    if isinstance(value, date):
        value = value.isoformat()  # readers of TOML have types of their own
    if isinstance(value, str) and _DATE.match(value.strip()):
        text = value.strip()
        try:
            return (
                date.fromisoformat(text) if len(text) == len("2025-11-11") else datetime.fromisoformat(text)
            )
        except ValueError:
            raise ValueError(
                f"{value!r} is no date of the calendar; write 2025-11-11, 2025-11-11T20:00:00, or with an offset "
                "2025-11-11T20:00:00+08:00"
            ) from None
    try:
        return parse_duration(value)
    except ValueError as error:
        raise ValueError(f"{error}; or a date, 2025-11-11 or 2025-11-11T20:00:00") from None


def format_moment(value: int | date) -> str:
    """Write a moment as it is read.

    >>> format_moment(date(2025, 11, 11)), format_moment(datetime(2025, 11, 11, 20))
    ('2025-11-11', '2025-11-11T20:00:00')
    """
    return value.isoformat() if isinstance(value, date) else format_duration(value)


Moment = Annotated[
    int | date,
    PlainValidator(parse_moment),
    PlainSerializer(format_moment, return_type=str),
    WithJsonSchema(
        {"type": "string", "$comment": "a duration from the log's origin, or a date, or a date and time"}
    ),
]
"""Pydantic field type: an instant of a log, by duration from its origin or by its local date."""


def instant_of(moment: int | date, clock: Clock) -> int:
    """Return a moment in microseconds from the log's origin."""
    return clock.at(moment) if isinstance(moment, date) else moment
