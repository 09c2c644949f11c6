"""What is offered: every impression of a log with the outcome that it has if it is won, and what rivals bid for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator.auction.landscapes import Landscape
from simulator.auction.settings import AuctionBlock
from simulator.calendar import Calendar
from simulator.log.schema import (
    Bool,
    Columns,
    Float64,
    ImpressionBatch,
    ImpressionLabels,
    Int32,
    Int64,
)
from simulator.log.source import Exposed
from simulator.pieces import RowQueue, TimeQueue
from simulator.windows import Windows

TRUTH = ("p_click", "p_pay", "c", "q1")
"""Columns of ``exposure/`` that auctions are judged by."""


@dataclass(slots=True)
class Offers(Columns):
    """Impressions in order of time: what bidders are told, then rivals' bids and the outcomes, then the truth.

    A bidder is told ``place`` to ``features``. What follows is for the auction, for the account, and for oracles.
    """

    place: Int64
    """Position among the log's impressions."""
    impression_id: Int64
    time: Int64
    features: Int32
    """Shape (n, columns of all features)."""
    rivals: Float64
    """The best bids of others, best first; shape (n, slots)."""
    click_row: Int64
    """Position in the log of the click that follows if it is shown (in the first slot); -1: none does."""
    click_time: Int64
    """-1 where no click follows."""
    clicked: Bool
    """Whether that click comes inside the click window. The final labels of the click follow, 0 without one."""
    converted: Bool
    gmv: Float64
    refund_amount: Float64
    first_pay: Int64
    """Time of the first pay that counts; -1 where there is none."""
    p_click: Float64
    """Truth, the hidden intent known; NaN, as the others, where the log does not say it."""
    p_pay: Float64
    c: Float64
    """P(click) given the features alone."""
    q1: Float64
    """P(pay | click) given the features alone."""


class Market:
    """Hands out what is offered, in order of time; each impression once.

    What rivals bid is fixed by the seed and the impression, so that whoever asks, and however far at a time, meets the same
    rivals. Impressions of a randomised slice are not for sale.

    Parameters
    ----------
    start, end : of what is offered; by the time of the impression.
    """

    def __init__(
        self,
        log: Exposed,
        settings: AuctionBlock,
        calendar: Calendar,
        windows: Windows,
        seed: int,
        start: int,
        end: int,
    ) -> None:
        self._landscape = Landscape(settings, calendar, log.features, seed)
        self._log, self._windows = log, windows
        self._queue: TimeQueue[Offers] = TimeQueue(self._offers(start, end))

    def take(self, until: int) -> Offers:
        """Return what is offered before ``until``, since the last call."""
        parts = self._queue.take(until)
        return Offers.concatenate(parts) if parts else self._none()

    def _none(self) -> Offers:
        columns = sum(feature.width for feature in self._log.features)
        batch = ImpressionBatch.empty()
        batch.features = np.empty((0, columns), np.int32)
        return self._offered(batch, ImpressionLabels.empty(), None)

    def _offers(self, start: int, end: int) -> Iterator[Offers]:
        truth = RowQueue("exposure", self._log.exposure(start, end)) if self._log.has_exposure else None
        for batch, labels in self._log.exposed(self._windows, start, end):
            if len(batch):
                yield self._offered(batch, labels, truth)

    def _offered(self, batch: ImpressionBatch, labels: ImpressionLabels, truth: RowQueue | None) -> Offers:
        unknown = np.full(len(batch), np.nan)
        known = {}
        if truth is not None:
            known = truth.of(batch.rows)
            truth.drop(int(batch.rows[-1]))
        return Offers(
            batch.rows,
            batch.impression_id,
            batch.time,
            batch.features,
            self._landscape.best(batch.impression_id, batch.time, batch.features),
            batch.click_row,
            batch.click_time,
            labels.clicked,
            labels.converted,
            labels.gmv,
            labels.refund_amount,
            labels.first_pay,
            *(known.get(name, unknown) for name in TRUTH),
        )
