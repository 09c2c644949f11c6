"""The data contract: what a log directory holds, and the columns as which it travels through the house."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]
UInt8 = NDArray[np.uint8]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

SCHEMA_VERSION = 1
ROW_GROUP = 122_880


class Kind(IntEnum):
    """What happens in a journey. The value is the rank that breaks ties in time; timers come last."""

    CLICK = 0
    CART = 1
    PAY = 2
    REFUND = 3
    TIMER = 4


EVENT_KINDS = (Kind.CART, Kind.PAY, Kind.REFUND)


@dataclass(frozen=True, slots=True)
class Feature:
    """A categorical feature column: int32 ids in ``[0, cardinality)``."""

    name: str
    cardinality: int


@dataclass(frozen=True, slots=True)
class Meta:
    """What ``meta.toml`` says of a log.

    Times are integer microseconds from ``origin`` (UTC). ``observed_until`` is the instant up to which events
    were recorded: a label whose window ends later is not known. ``fingerprint`` identifies the content.
    ``read = clicks + events + quarantined``: every source row is in exactly one of the three.
    """

    name: str
    origin: datetime
    features: tuple[Feature, ...]
    clicks: int
    events: int
    quarantined: int
    start: int
    observed_until: int
    fingerprint: str
    provenance: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    truth: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION

    @property
    def read(self) -> int:
        """Source rows read: replayed + quarantined."""
        return self.clicks + self.events + self.quarantined


@dataclass(slots=True)
class ClickBatch:
    """Consecutive clicks in replay order (time, click_id). ``row`` is the position of the first one in the log."""

    row: int
    click_id: Int64
    time: Int64
    features: Int32
    """Shape (n, number of features), C-contiguous; (n, 0) where features were not asked for."""

    def __len__(self) -> int:
        return len(self.time)


@dataclass(slots=True)
class EventBatch:
    """Events in replay order (time, kind, event_id). ``row`` is the position in the log of each event's click."""

    row: Int64
    event_id: Int64
    time: Int64
    kind: UInt8
    amount: Float64

    def __len__(self) -> int:
        return len(self.time)


@dataclass(slots=True)
class Labels:
    """Final labels: what is true of clicks when their windows have closed. All arrays have one entry a click.

    Only pays at most ``attribution`` after the click count, and refunds at most ``refund`` after the first pay.
    """

    converted: Bool
    refunded: Bool
    gmv: Float64
    """Sum of the amounts of all pays that count (0 where there is none)."""
    refund_amount: Float64
    pay_count: Int32
    first_pay: Int64
    """Time of the first pay that counts; -1 where there is none."""
    first_refund: Int64
    """Time of the first refund that counts; -1 where there is none."""

    def __len__(self) -> int:
        return len(self.converted)

    def __getitem__(self, cut: slice) -> Labels:
        return Labels(*(getattr(self, f.name)[cut] for f in fields(self)))
