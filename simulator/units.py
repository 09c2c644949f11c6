"""Durations as users write them ("15m", "2.4h", "3d") and as the clock counts them: integer microseconds."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

MICROSECOND = 1
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_UNITS = {"us": MICROSECOND, "ms": 1000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>us|ms|s|m|h|d|w)")


def parse_duration(value: Any) -> int:
    """Read a duration such as ``"14.4m"``, ``"1d 12h"`` or ``"0s"`` as integer microseconds.

    A bare number is refused, since its unit would be a guess; an ``int`` that came from here is kept.

    >>> parse_duration("2.4h") == 8640 * SECOND
    True
    >>> parse_duration("1d 12h") == 36 * HOUR
    True
    """
    if isinstance(value, Microseconds):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a duration; write a number with its unit, such as '15m' or '3d'")  # noqa: TRY004 - pydantic reports a ValueError
    text = value.strip()
    total, position = Decimal(0), 0
    for match in _DURATION.finditer(text):
        if text[position : match.start()].strip():
            break
        total += Decimal(match["number"]) * _UNITS[match["unit"]]
        position = match.end()
    if not text or text[position:].strip():
        raise ValueError(
            f"{value!r} is not a duration; allowed: a number and us, ms, s, m, h, d or w ('15m', '3d')"
        )
    if total != int(total):
        raise ValueError(f"{value!r} is finer than a microsecond, the clock's step")
    return Microseconds(int(total))


def format_duration(micros: int) -> str:
    """Write microseconds in the largest unit that keeps them exact and short.

    >>> format_duration(8640 * SECOND), format_duration(3 * DAY), format_duration(90 * SECOND)
    ('2.4h', '3d', '1.5m')
    """
    if micros < 0:
        return "-" + format_duration(-micros)
    for unit in ("d", "h", "m", "s", "ms", "us"):
        number = Decimal(micros) / _UNITS[unit]
        if number >= 1 and number == round(number, 3):
            return f"{number.normalize():f}{unit}"
    return f"{micros}us" if micros else "0s"


def format_instant(micros: int) -> str:
    """Write an instant as the day of the log (from 0) and the time of that day.

    >>> format_instant(2 * DAY + 17 * HOUR + 8 * MINUTE + 5 * SECOND), format_instant(1)
    ('day 2 17:08:05', 'day 0 00:00:00.000001')
    """
    seconds, fraction = divmod(micros % DAY, SECOND)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"day {micros // DAY} {clock}" + (f".{fraction:06}" if fraction else "")


def _as_text(words: str, sign: str = "") -> WithJsonSchema:
    """Say to editors what a duration is: text, in these words (a comment of the schema, which the reference shows)."""
    pattern = rf"^\s*{sign}(\d+(\.\d+)?\s*({'|'.join(_UNITS)})\s*)+$"
    return WithJsonSchema({"type": "string", "pattern": pattern, "$comment": words})


class Microseconds(int):
    """An int that is known to be microseconds; prints as a duration in resolved scenarios."""

    __slots__ = ()


Duration = Annotated[
    int,
    BeforeValidator(parse_duration),
    AfterValidator(Microseconds),  # pydantic's int drops the type, by which defaults are known
    PlainSerializer(format_duration, return_type=str),
    _as_text("a duration"),
]
"""Pydantic field type: a duration in TOML, integer microseconds in code."""


def parse_signed_duration(value: Any) -> int:
    """Read a duration that may have a sign, such as ``"-6h"``, as integer microseconds.

    >>> parse_signed_duration("-6h") == -6 * HOUR
    True
    """
    if not isinstance(value, str) or value.strip()[:1] not in ("-", "+"):
        return parse_duration(value)
    text = value.strip()
    try:
        size = parse_duration(text[1:])
    except ValueError as error:
        raise ValueError(str(error).replace(repr(text[1:]), repr(value), 1)) from None
    return Microseconds(-size if text[0] == "-" else size)


SignedDuration = Annotated[
    int,
    BeforeValidator(parse_signed_duration),
    AfterValidator(Microseconds),
    PlainSerializer(format_duration, return_type=str),
    _as_text("a duration with or without a sign", "[-+]?"),
]
"""The same for how much later something is; earlier with a minus sign."""


def _positive(value: int) -> int:
    if value <= 0:
        raise ValueError("must be longer than 0s")
    return value


PositiveDuration = Annotated[Duration, AfterValidator(_positive), _as_text("a duration longer than 0s")]
"""The same, longer than nothing."""


def _at_least_a_second(value: int) -> int:
    if value < SECOND:
        raise ValueError("must be at least 1s")
    return value


Period = Annotated[Duration, AfterValidator(_at_least_a_second), _as_text("a duration of 1s or more")]
"""The same for what is repeated: with steps shorter than a second a run would hardly end."""
