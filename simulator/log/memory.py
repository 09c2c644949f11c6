"""A log held in arrays: for small logs, for the audit's altered futures, and for conformance checks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from simulator.log.exposed import exposed
from simulator.log.impressions import Which, chosen
from simulator.log.schema import (
    ROW_GROUP,
    ClickBatch,
    EventBatch,
    Feature,
    ImpressionBatch,
    ImpressionLabels,
    Int32,
    Int64,
    Kind,
    Labels,
)
from simulator.units import DAY, MINUTE
from simulator.windows import Windows


@dataclass(slots=True)
class MemoryLog:
    """Clicks and events in replay order, with the reading interface of `simulator.log.reader.Log`.

    ``first_row`` is the row of the first click (not 0 where the log is a slice of a larger one).
    """

    click_id: Int64
    click_time: Int64
    event: EventBatch
    feature_matrix: Int32 | None = None
    first_row: int = 0
    features: tuple[Feature, ...] = field(default=())
    impression: ImpressionBatch | None = None
    """All impressions, those of the randomised slice among them; None: the log does not say what was shown."""

    @property
    def has_impressions(self) -> bool:
        """Whether the log says what was shown, clicked or not."""
        return self.impression is not None

    def row_of(self, time: int) -> int:
        """Return the row of the first click from ``time`` on."""
        return self.first_row + int(np.searchsorted(self.click_time, time))

    def clicks(
        self,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[ClickBatch]:
        """Yield the clicks with time in ``[start, end)``."""
        low, high = _range(self.click_time, start, end)
        matrix = self.feature_matrix if features else None
        for a in range(low, high, batch_rows):
            b = min(a + batch_rows, high)
            values = np.empty((b - a, 0), np.int32) if matrix is None else matrix[a:b]
            yield ClickBatch(self.first_row + a, self.click_id[a:b], self.click_time[a:b], values)

    def events(
        self, start: int | None = None, end: int | None = None, *, batch_rows: int = ROW_GROUP
    ) -> Iterator[EventBatch]:
        """Yield the events that became known in ``[start, end)``."""
        low, high = _range(self.event.arrival, start, end)
        for a in range(low, high, batch_rows):
            yield self.event[a : min(a + batch_rows, high)]

    def labelled(
        self,
        windows: Windows,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[tuple[ClickBatch, Labels]]:
        """Yield the clicks with their final labels."""
        labels = final_labels(self.click_time, self.event, self.first_row, windows)
        for batch in self.clicks(start, end, features=features, batch_rows=batch_rows):
            first = batch.row - self.first_row
            yield batch, labels[first : first + len(batch)]

    def impressions(
        self,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
        which: Which = "all",
    ) -> Iterator[ImpressionBatch]:
        """Yield the impressions with time in ``[start, end)`` that are asked for."""
        if self.impression is None:
            return
        low, high = _range(self.impression.time, start, end)
        part = self.impression[low:high]
        part = part[chosen(part, which)]
        if not features:
            part.features = np.empty((len(part), 0), np.int32)
        for at in range(0, len(part), batch_rows):
            yield part[at : at + batch_rows]

    def exposed(
        self,
        windows: Windows,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[tuple[ImpressionBatch, ImpressionLabels]]:
        """Yield the impressions, but for the randomised slice, with their final labels."""
        yield from exposed(self, windows, start, end, features=features, batch_rows=batch_rows)


def _range(time: Int64, start: int | None, end: int | None) -> tuple[int, int]:
    low = 0 if start is None else int(np.searchsorted(time, start))
    return low, len(time) if end is None else max(low, int(np.searchsorted(time, end)))


def final_labels(click_time: Int64, events: EventBatch, first_row: int, windows: Windows) -> Labels:
    """Return the final labels of clicks from all their events, in closed form."""
    n = len(click_time)
    index = events.row - first_row
    inside = (index >= 0) & (index < n)
    if events.late:
        inside[inside] = events.arrival[inside] - click_time[index[inside]] <= windows.lifetime
    index, time, kind, amount = index[inside], events.time[inside], events.kind[inside], events.amount[inside]
    since = time - click_time[index]
    pay = (kind == Kind.PAY) & (since <= windows.longest_pay)
    cart = (kind == Kind.CART) & (since <= windows.longest_pay)
    never = np.iinfo(np.int64).max
    first_pay, first_cart = np.full(n, never), np.full(n, never)
    np.minimum.at(first_pay, index[pay], time[pay])
    np.minimum.at(first_cart, index[cart], time[cart])
    paid = first_pay < never
    refund = (kind == Kind.REFUND) & paid[index] & (time >= first_pay[index])
    refund &= time - np.where(paid, first_pay, 0)[index] <= windows.longest_refund
    first_refund = np.full(n, never)
    np.minimum.at(first_refund, index[refund], time[refund])
    return Labels(
        converted=paid,
        refunded=first_refund < never,
        gmv=np.bincount(index[pay], amount[pay], n).astype(np.float64),
        refund_amount=np.bincount(index[refund], amount[refund], n).astype(np.float64),
        pay_count=np.bincount(index[pay], minlength=n).astype(np.int32),
        first_pay=np.where(paid, first_pay, -1),
        first_refund=np.where(first_refund < never, first_refund, -1),
        first_cart=np.where(first_cart < never, first_cart, -1),
    )


def random_log(
    rng: np.random.Generator,
    clicks: int,
    windows: Windows,
    *,
    days: float = 8,
    grid: int = MINUTE,
    lag: int = 0,
) -> MemoryLog:
    """Make a small log that hits the corners: ties in time, events at the very ends of windows, and beyond them.

    All times are multiples of ``grid``, so that events, timers and closings often coincide. With a ``lag`` events have
    arrival times, up to that much after they happened: at once, some time later, or in batches; nothing keeps their order.
    """
    width = max(int(days * DAY) // grid, 1)
    time = np.sort(rng.integers(0, width, clicks)) * grid
    ids = rng.permutation(clicks) + 1000
    order = np.lexsort((ids, time))
    time, ids = time[order], ids[order]
    edges = np.array([0, windows.attribution, windows.attribution + grid, 15 * MINUTE])
    rows, times, kinds, amounts = [], [], [], []
    for kind, rate in ((Kind.CART, 0.5), (Kind.PAY, 0.7), (Kind.REFUND, 0.6)):
        row = np.sort(rng.integers(0, clicks, int(clicks * rate)))
        span = windows.attribution * 5 // 4 // grid + 1
        delay = np.where(
            rng.random(len(row)) < 0.3, rng.choice(edges, len(row)), rng.integers(0, span, len(row)) * grid
        )
        delay = np.where(rng.random(len(row)) < 0.3, delay // 200 // grid * grid, delay)
        rows.append(row)
        times.append(time[row] + delay)
        kinds.append(np.full(len(row), kind, np.uint8))
        amounts.append(np.zeros(len(row)) if kind == Kind.CART else np.round(rng.gamma(2, 30, len(row)), 2))
    row, when = np.concatenate(rows), np.concatenate(times)
    event = EventBatch(
        row, rng.permutation(len(row)) + 10, when, np.concatenate(kinds), np.concatenate(amounts)
    )
    matrix = rng.integers(0, 50, (clicks, 3)).astype(np.int32)
    if lag:
        event.arrival = event.time + _lags(rng, event.time, lag, grid)
    event = event.in_order()
    return MemoryLog(ids, time, event, matrix, 0, tuple(Feature(name, 50) for name in "abc"))


def _lags(rng: np.random.Generator, time: Int64, lag: int, grid: int) -> Int64:
    """Draw how much later than at ``time`` each event becomes known, from 0 to ``lag``."""
    some = rng.integers(0, lag // grid + 1, len(time)) * grid
    batch = -time % lag
    return np.choose(
        rng.integers(0, 4, len(time)), [np.zeros_like(time), some, batch, np.full_like(time, lag)]
    )
