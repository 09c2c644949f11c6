"""What the engine is given must be in replay order, without gaps and without repetitions, whoever gives it."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.errors import LogError
from simulator.log.order import last_in_order
from simulator.log.schema import ClickBatch, EventBatch, Int64, UInt8
from simulator.units import format_instant


class ReplayOrder:
    """Checks what each tick takes from its source against what came before."""

    def __init__(self) -> None:
        self._row: int | None = None
        self._click: tuple[int, ...] = ()
        self._event: tuple[int, ...] = ()

    def check(self, start: int, until: int, clicks: Sequence[ClickBatch], events: EventBatch) -> None:
        """Check the clicks and events of ``[start, until)``.

        Raises
        ------
        LogError : rows that do not follow each other, or that are not in replay order; what comes twice is not either.
        """
        for part in clicks:
            if self._row is not None and part.row != self._row:
                what = "come twice" if part.row < self._row else "are missing"
                raise LogError(
                    f"the source gives click {part.row:,} after click {self._row - 1:,}: clicks between them {what}; "
                    "allowed: every click once, row after row"
                )
            self._row = part.row + len(part)
            self._click = _checked("clicks", self._click, part.time, part.click_id)
            _inside("click", start, until, part.time)
        if len(events):
            arrival = (events.arrival,) if events.late else ()
            self._event = _checked("events", self._event, *arrival, events.time, events.kind, events.event_id)
            _inside("event", start, until, events.arrival)


def _checked(what: str, last: tuple[int, ...], *keys: Int64 | UInt8) -> tuple[int, ...]:
    found = last_in_order(last, *keys)
    if found is None:
        order = (
            "time and click_id" if what == "clicks" else "time (when they became known), kind and event_id"
        )
        raise LogError(
            f"the source gives {what} out of order near {format_instant(int(keys[0][0]))}, or some twice; "
            f"allowed: sorted by {order}, each once"
        )
    return found


def _inside(what: str, start: int, until: int, time: Int64) -> None:
    for given, allowed in ((int(time[0]), time[0] >= start), (int(time[-1]), time[-1] < until)):
        if not allowed:
            raise LogError(
                f"the source gives a row of {what}s of {format_instant(given)} for the replay from {format_instant(start)} to "
                f"{format_instant(until)}; allowed: sorted by time"
            )
