"""What a conformance kit is made of: named checks, each of which says what is wrong, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simulator.plugins import told

Checks = Iterator[tuple[str, Callable[[], str]]]
"""A name, and what does the check: it returns what is wrong, an empty string where nothing is."""


@dataclass(frozen=True, slots=True)
class Check:
    """What a check found: ``fault`` is empty where it was passed."""

    name: str
    fault: str = ""


def outcomes(checks: Checks) -> Iterator[Check]:
    """Make the checks; one that raises has failed, whatever it was, and a part that cannot be tried fails that."""
    while True:
        try:
            name, check = next(checks)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001 - whatever somebody else's code does
            yield Check("can be tried", _line(told(error)))
            return
        try:
            fault = check()
        except Exception as error:  # noqa: BLE001 - as above
            fault = told(error)
        yield Check(name, _line(fault))


def _line(text: str) -> str:
    return " ".join(text.split())
