"""A published fact that a world should reproduce, and the verdict on how it does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from simulator.log.facts import FactSheet
from simulator.units import DAY, format_duration

Verdict = Literal["within", "outside", "known miss", "cannot tell", "not comparable", "unknown"]


@dataclass(frozen=True, slots=True)
class Target:
    """One published fact.

    Attributes
    ----------
    name : what it says, for people.
    fact : what the fact sheet calls it.
    value, tolerance : in ``unit``; a world is within where it differs by at most the tolerance, and outside where it differs
        by more. Where a sheet says how far its facts are known, all of the interval must do so; else the log cannot tell.
    unit : of the value; "" for shares and ratios.
    source : publication or data set, and where in it.
    attribution, refund : the windows (microseconds) under which it was measured; None: it does not depend on them.
    note : how the value follows from what is printed in the source, where it is not that itself.
    known : why the mechanism, or a draw of it, does not reach the value; "" where it is meant to. A known miss is said as
        such, and is no less a miss.
    """

    name: str
    fact: str
    value: float
    tolerance: float
    unit: str
    source: str
    attribution: int | None = None
    refund: int | None = None
    note: str = ""
    known: str = ""

    def verdict(self, sheet: FactSheet) -> tuple[float | None, Verdict, str]:
        """Return the realised value, the verdict, and the reason for it where there is more to say."""
        for name, wanted, have in (
            ("attribution", self.attribution, sheet.windows.attribution),
            ("refund", self.refund, sheet.windows.refund),
        ):
            if wanted is not None and wanted != have:
                why = f"windows.{name} is {format_duration(have)}, measured with {format_duration(wanted)}"
                return sheet.value(self.fact), "not comparable", why
        found = sheet.value(self.fact)
        if found is None:
            return None, "unknown", "the log does not tell"
        interval = (found, found) if sheet.intervals is None else sheet.intervals.get(self.fact)
        if interval is None:
            return found, "cannot tell", "too few users to say how far it is known"
        least, most = interval
        if max(self.value - least, most - self.value) <= self.tolerance:
            return found, "within", ""
        if least - self.value <= self.tolerance and self.value - most <= self.tolerance:
            return found, "cannot tell", ""
        return found, "known miss" if self.known else "outside", self.known


@dataclass(frozen=True, slots=True)
class Curve:
    """A published curve to lay a world's own over: ``facts`` name the points at ``x`` on the fact sheet."""

    name: str
    title: str
    x_title: str
    y_title: str
    x: Sequence[float]
    y: Sequence[float]
    facts: Sequence[str]
    source: str
    log_x: bool = False


@dataclass(frozen=True, slots=True)
class Targets:
    """All published facts of a preset, and the curves that say most of them at a glance."""

    preset: str
    source: str
    rows: tuple[Target, ...]
    curves: tuple[Curve, ...] = field(default=())


def rows_of(
    table: Mapping[float | str, float],
    name: str,
    fact: str,
    tolerance: float | Mapping[float | str, float],
    source: str,
    *,
    unit: str = "",
    relative: bool = False,
    attribution: int | None = None,
    refund: int | None = None,
    known: Mapping[float | str, str] | str = "",
) -> Iterable[Target]:
    """Make one target per entry of a table; ``{}`` in name and fact stands for its key. ``tolerance`` and ``known`` (why a
    value is not reached) are for all of them, or by key.
    """
    for key, value in table.items():
        shown = f"{key:g}" if isinstance(key, float) else str(key)
        own = tolerance[key] if isinstance(tolerance, Mapping) else tolerance
        yield Target(
            name.replace("{}", shown),
            fact.replace("{}", shown),
            value,
            own * abs(value) if relative else own,
            unit,
            source,
            attribution,
            refund,
            known=known if isinstance(known, str) else known.get(key, ""),
        )


def by_hour(day: float, night: float) -> dict[float | str, float]:
    """Return a tolerance for every hour; from 1 to 6 a world of two million clicks has only 1 to 2 % of them an hour."""
    return {str(hour): night if 1 <= hour <= 6 else day for hour in range(24)}


def curve_of(targets: Sequence[Target], prefix: str, x: Sequence[float]) -> tuple[list[float], list[str]]:
    """Return values and fact names of the targets whose fact begins with ``prefix``, one per ``x``."""
    chosen = [target for target in targets if target.fact.startswith(prefix)]
    assert len(chosen) == len(x), f"{prefix}: {len(chosen)} targets, {len(x)} places"
    return [target.value for target in chosen], [target.fact for target in chosen]


THREE_DAYS, SEVEN_DAYS = 3 * DAY, 7 * DAY
