"""What a policy may measure of its own deliveries, and how that is shown: figures and tables that describe themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from simulator.samples import Samples


@dataclass(frozen=True, slots=True)
class Cell:
    """A text of a table; ``side`` "low" or "high" has it coloured so."""

    text: str
    side: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of one text or several, each under a head of its own.

    Where room is short, columns with the greatest ``drop`` go first, into a table below; 0 never.
    """

    title: str
    heads: tuple[str, ...]
    drop: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a row for each method: per column as many cells as it has heads.

    ``hint`` is how to read it, in a few words; ``note`` the same in a sentence, where there is room for one.
    """

    title: str
    columns: Sequence[Column]
    rows: Mapping[str, Sequence[Sequence[Cell]]]
    hint: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel of a figure over time: a line per method, its instants (microseconds) and its values.

    ``levels`` are values at which a line is drawn across, dotted but for 0. With an ``x_title`` it is over plain numbers of
    that name, not over instants; all panels of a section then are. ``share`` writes values as per cent.
    """

    title: str
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    levels: Sequence[float] = ()
    x_title: str = ""
    share: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the report: a title, a note on the figure, the panels of that, and tables."""

    title: str
    note: str = ""
    panels: Sequence[Panel] = field(default_factory=list)
    tables: Sequence[Table] = field(default_factory=list)


class Meter:
    """Hears what its policy delivers. What it finds is in ``summary.json`` and in the report."""

    name: ClassVar[str] = ""
    """Under what name its summary stands among the costs of a method."""

    def delivered(self, samples: Samples) -> None:
        """Hear of samples of served clicks, as they are delivered."""
        raise NotImplementedError

    def summary(self) -> Mapping[str, Any] | None:
        """Return what it found, as plain values; None where there was nothing to measure."""
        raise NotImplementedError

    @classmethod
    def sections(cls, found: Mapping[str, Mapping[str, Any]]) -> Sequence[Section]:
        """Show what was found, given the summaries of all methods whose policies brought such a meter."""
        del found
        return ()


def sections_of(meters: Mapping[str, Sequence[Meter]]) -> list[Section]:
    """Return the sections of all meters, given those of each method; meters of one class share theirs."""
    classes = dict.fromkeys(type(meter) for some in meters.values() for meter in some)
    sections: list[Section] = []
    for cls in classes:
        own = {m: meter.summary() for m, some in meters.items() for meter in some if type(meter) is cls}
        found = {method: summary for method, summary in own.items() if summary is not None}
        sections += cls.sections(found) if found else ()
    return sections
