"""The values that a key takes in a sweep: a list, or a span of numbers or durations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, PlainSerializer

from simulator.units import format_duration, parse_duration

_KEYS = {"from", "to", "steps", "scale"}


@dataclass(frozen=True, slots=True)
class Choice:
    """Values as they are written; a span without ``steps`` has none until they are drawn."""

    listed: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    kind: Literal["listed", "whole", "number", "duration"] = "listed"
    log: bool = False

    def at(self, share: float) -> Any:
        """Return the value at a share in [0, 1) of the way through."""
        if self.listed:
            return self.listed[int(share * len(self.listed))]
        if self.kind == "whole":
            return int(self.low) + int(share * (self.high - self.low + 1))
        return self.written(self._between(share))

    def _between(self, share: float) -> float:
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return self.low + share * (self.high - self.low)

    def written(self, value: float) -> Any:
        """Return a number as a scenario has it: durations in whole seconds, numbers with eight digits."""
        if self.kind == "duration":
            second = 1_000_000 if self.high >= 1_000_000 else 1
            return format_duration(round(value / second) * second)
        return round(value) if self.kind == "whole" else float(f"{value:.8g}")

    def stepped(self, steps: int) -> Choice:
        """Return the values of so many equal steps, both ends among them."""
        shares = np.linspace(0.0, 1.0, steps) if steps > 1 else [0.0]
        return Choice(tuple(dict.fromkeys(self.written(self._between(float(s))) for s in shares)))


def read_values(value: Any) -> Choice:
    """Read a list, or a table of ``from``, ``to``, ``steps`` and ``scale``.

    >>> read_values({"from": 0.5, "to": 2.0, "steps": 4}).listed
    (0.5, 1.0, 1.5, 2.0)
    >>> read_values({"from": "15m", "to": "4h", "steps": 3, "scale": "log"}).listed
    ('15m', '1h', '4h')
    """
    if isinstance(value, Choice):
        return value
    if isinstance(value, list) and value:
        return Choice(tuple(value))
    if not isinstance(value, dict) or not {"from", "to"} <= value.keys() or set(value) - _KEYS:
        raise ValueError('must be a list of values, or { from = 0.5, to = 2.0, steps = 4 } (scale = "log")')
    steps, scale = value.get("steps"), value.get("scale", "linear")
    if steps is not None and (type(steps) is not int or steps < 1):
        raise ValueError("steps must be a whole number from 1")
    if scale not in ("linear", "log"):
        raise ValueError('scale must be "linear" or "log"')
    ends = value["from"], value["to"]
    kind: Literal["whole", "number", "duration"]
    if all(isinstance(end, str) for end in ends):
        kind, numbers = "duration", [float(parse_duration(end)) for end in ends]
    elif all(type(end) in (int, float) and math.isfinite(end) for end in ends):
        kind = "whole" if all(type(end) is int for end in ends) and steps is None else "number"
        numbers = [float(end) for end in ends]
    else:
        raise ValueError('from and to must both be numbers, or both durations such as "15m"')
    low, high = numbers
    if low >= high or (scale == "log" and low <= 0):
        raise ValueError(f"from must be below to{', and above 0' if scale == 'log' else ''}")
    span = Choice((), low, high, kind, scale == "log")
    return span if steps is None else span.stepped(steps)


Values = Annotated[Choice, BeforeValidator(read_values), PlainSerializer(lambda choice: list(choice.listed))]
