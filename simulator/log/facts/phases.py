"""What a log holds, phase by phase and day by day: rates, delays and amounts, gathered in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from simulator.calendar import PHASES, Calendar
from simulator.histogram import LogHistogram
from simulator.log.reader import Log
from simulator.log.schema import Float64, Int64, Kind
from simulator.pieces import RowQueue
from simulator.units import DAY, HOUR, SECOND
from simulator.windows import Windows


@dataclass(frozen=True, slots=True)
class PhaseFacts:
    """Facts of the clicks of one phase (or day). None: nothing to compute it from.

    Labels count where their window closed before the log ends; rates by event time divide the phase's events
    by its clicks.
    """

    phase: str
    clicks: int
    clicks_per_day: float | None
    carts_per_click: float
    """Carts that happen in the phase, per click of it."""
    pays_per_click: float
    """Pays that happen in the phase, repurchases included, per click of it."""
    cvr: float | None
    """Share of its clicks that pay inside the attribution window."""
    delay_p10: float | None
    """Click to first pay, hours; exact while distinct delays are few, else good to one per cent. So are median and 90 %."""
    delay_p50: float | None
    delay_p90: float | None
    observed_share: float | None
    """Share of first pays that come inside the observation window."""
    rfr: float | None
    """Share of first pays that are refunded inside the refund window."""
    gmv_per_click: float | None
    gmv_per_paying_click: float | None
    p_pay: float | None
    """Mean true probability of paying (synthetic worlds)."""


def phase_facts(
    log: Log, windows: Windows, calendar: Calendar, *, observation: int | None = None
) -> list[PhaseFacts]:
    """Describe each phase that has clicks, in the order of `PHASES`."""
    totals = _Totals(len(PHASES))
    lengths = _gather(log, windows, totals, lambda time: calendar.phase(time).astype(np.int64), observation)
    hours = _phase_lengths(calendar, *lengths)
    return [
        _facts(name, totals, i, hours[i], observation) for i, name in enumerate(PHASES) if totals.clicks[i]
    ]


def day_facts(
    log: Log, windows: Windows, calendar: Calendar, *, observation: int | None = None
) -> list[PhaseFacts]:
    """Describe each local day that has clicks; its name says the phase its noon is in."""
    clock = log.clock
    first = clock.one(log.meta.start) // DAY
    days = clock.one(log.meta.observed_until) // DAY - first + 1
    totals = _Totals(days)
    _gather(
        log, windows, totals, lambda time: np.clip(clock.local(time) // DAY - first, 0, days - 1), observation
    )
    found = np.flatnonzero(totals.clicks)
    begin, noon, end = (clock.instants((found + first) * DAY + part) for part in (0, DAY // 2, DAY))
    phases = calendar.phase(noon)
    named = [f"day {day + first} ({PHASES[code]})" for day, code in zip(found, phases, strict=True)]
    lengths = (end - begin).tolist()  # 23 or 25 hours where clocks change
    return [
        _facts(name, totals, int(day), length, observation)
        for name, day, length in zip(named, found, lengths, strict=True)
    ]


class _Totals:
    """Running sums, one entry a group."""

    def __init__(self, groups: int) -> None:
        self.groups = groups
        zeros = (np.zeros(groups) for _ in range(11))
        self.clicks, self.carts, self.pays, self.labelled, self.paid, self.gmv, self.observed = (
            next(zeros) for _ in range(7)
        )
        self.settled, self.refunded, self.truth, self.known = (next(zeros) for _ in range(4))
        self.delays = LogHistogram(groups, 0, 45)

    def count(self, group: Int64, weight: Float64 | None = None) -> Float64:
        """Sum weights (or count) by group."""
        return np.bincount(group, weight, self.groups).astype(np.float64)


def _gather(
    log: Log, windows: Windows, totals: _Totals, group_of: Callable[[Int64], Int64], observation: int | None
) -> tuple[int, int]:
    """Fill the totals; return the times of the first and the last click."""
    last, until = log.meta.start, log.meta.observed_until
    truth = RowQueue("truth", log.truth()) if "p_pay" in log.meta.truth else None
    for batch, labels in log.labelled(windows, features=False):
        group = group_of(batch.time)
        totals.clicks += totals.count(group)
        known = batch.time + windows.closing <= until
        totals.labelled += totals.count(group[known])
        totals.gmv += totals.count(group[known], labels.gmv[known])
        paid = known & labels.converted
        totals.paid += totals.count(group[paid])
        delay = (labels.first_pay - batch.time)[paid]
        totals.delays.add(group[paid], delay)
        totals.observed += totals.count(group[paid][delay <= (observation or 0)])
        settled = paid & (labels.first_pay + windows.refund + windows.lateness <= until)
        totals.settled += totals.count(group[settled])
        totals.refunded += totals.count(group[settled & labels.refunded])
        if truth is not None:
            totals.truth += totals.count(group, truth.take(batch.row + len(batch))["p_pay"])
            totals.known += totals.count(group)
        last = int(batch.time[-1])
    for events in log.events():
        group = group_of(events.time)
        totals.carts += totals.count(group[events.kind == Kind.CART])
        totals.pays += totals.count(group[events.kind == Kind.PAY])
    return log.meta.start, last


def _phase_lengths(calendar: Calendar, first: int, last: int) -> Int64:
    """Return how long each phase lasts between two instants."""
    times, codes = calendar.switches()
    edges = np.clip(np.concatenate([[first], times, [last]]), first, last)
    lengths = np.zeros(len(PHASES), np.int64)
    np.add.at(lengths, np.concatenate([[0], codes]).astype(np.int64), np.diff(edges))
    return lengths


def _facts(name: str, totals: _Totals, group: int, length: int, observation: int | None) -> PhaseFacts:
    def share(part: Float64, whole: Float64) -> float | None:
        return float(part[group] / whole[group]) if whole[group] else None

    clicks = int(totals.clicks[group])
    p10, p50, p90 = (
        None if micros is None else micros / HOUR
        for micros in (totals.delays.of(group).quantile(q) for q in (0.1, 0.5, 0.9))
    )
    return PhaseFacts(
        phase=name,
        clicks=clicks,
        clicks_per_day=clicks * DAY / length if length >= SECOND else None,
        carts_per_click=float(totals.carts[group] / clicks),
        pays_per_click=float(totals.pays[group] / clicks),
        cvr=share(totals.paid, totals.labelled),
        delay_p10=p10,
        delay_p50=p50,
        delay_p90=p90,
        observed_share=share(totals.observed, totals.paid) if observation is not None else None,
        rfr=share(totals.refunded, totals.settled),
        gmv_per_click=share(totals.gmv, totals.labelled),
        gmv_per_paying_click=share(totals.gmv, totals.paid),
        p_pay=share(totals.truth, totals.known),
    )


_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("clicks", "clicks", "{:,}"),
    ("clicks/day", "clicks_per_day", "{:,.0f}"),
    ("carts/click", "carts_per_click", "{:.4f}"),
    ("pays/click", "pays_per_click", "{:.4f}"),
    ("CVR", "cvr", "{:.4f}"),
    ("true CVR", "p_pay", "{:.4f}"),
    ("delay p10 h", "delay_p10", "{:.3f}"),
    ("p50", "delay_p50", "{:.2f}"),
    ("p90", "delay_p90", "{:.1f}"),
    ("observed", "observed_share", "{:.3f}"),
    ("RFR", "rfr", "{:.4f}"),
    ("GMV/click", "gmv_per_click", "{:,.2f}"),
    ("GMV/paying", "gmv_per_paying_click", "{:,.2f}"),
)


def facts_table(facts: Sequence[PhaseFacts], title: str | None = None) -> Table:
    """Return the facts as a table; columns of which nothing is known are left out."""
    table = Table(title=title)
    table.add_column("phase")
    shown = [column for column in _COLUMNS if any(getattr(row, column[1]) is not None for row in facts)]
    for heading, _, _ in shown:
        table.add_column(heading, justify="right")
    for row in facts:
        values = [(getattr(row, name), form) for _, name, form in shown]
        table.add_row(row.phase, *("" if value is None else form.format(value) for value, form in values))
    return table
