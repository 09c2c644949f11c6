"""The data contract: what a log directory holds, and the columns as which it travels through the house."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from functools import cache
from typing import Any, Self, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]
UInt8 = NDArray[np.uint8]
Int8 = NDArray[np.int8]
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


@cache
def _types(cls: type) -> dict[str, np.dtype[Any]]:
    """Return the numpy type of each field of a class that is an array."""
    hints = get_type_hints(cls)
    arrays = {f.name: hints[f.name] for f in fields(cls) if get_origin(hints[f.name]) is np.ndarray}
    return {name: np.dtype(get_args(get_args(hint)[1])[0]) for name, hint in arrays.items()}


@dataclass(slots=True)
class Columns:
    """Base of batches as columns: every field that is an array has one entry a row."""

    @classmethod
    def types(cls) -> dict[str, np.dtype[Any]]:
        """Return the columns and their numpy types."""
        return _types(cls)  # type: ignore[arg-type]  # a class is hashable, whatever its instances are

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def __getitem__(self, index: slice | Int64 | Bool) -> Self:
        return self._of(getattr(self, name)[index] for name in self.types())

    def put(self, places: Int64, rows: Self) -> None:
        """Write rows over those at ``places``."""
        for name in self.types():
            getattr(self, name)[places] = getattr(rows, name)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the columns by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_arrays(cls, columns: Mapping[str, NDArray[Any]]) -> Self:
        """Return the rows of columns by name, as `arrays` gives them; columns of other names are passed over."""
        return cls._of(columns[name] for name in cls.types())

    @classmethod
    def empty(cls) -> Self:
        """No rows, with the right types."""
        return cls._of(np.empty(0, kind) for kind in cls.types().values())

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Join batches in the order given."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.empty()
        return cls._joined(parts)

    @classmethod
    def _joined(cls, parts: Sequence[Self]) -> Self:
        return cls._of(np.concatenate([getattr(part, name) for part in parts]) for name in cls.types())

    @classmethod
    def _of(cls, columns: Iterable[NDArray[Any]]) -> Self:
        made = object.__new__(cls)
        for name, column in zip(cls.types(), columns, strict=True):
            setattr(made, name, column)
        return made


TAGS = "tags"
FEATURE_KINDS = ("categorical", "numeric", "hashed", TAGS)


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature of clicks: int32 ids in ``[0, cardinality)``.

    Parameters
    ----------
    width : columns that it takes; more than one only for tags.
    kind : categorical; numeric (bins as ids); hashed (buckets as ids); or tags: up to ``width`` ids a click, all of one
        vocabulary, filled from the left, then -1 for "no further tag".
    """

    name: str
    cardinality: int
    width: int = 1
    kind: str = "categorical"

    def __post_init__(self) -> None:
        if self.cardinality < 1:
            raise ValueError(f"feature {self.name!r} has no ids")
        if self.kind not in FEATURE_KINDS:
            raise ValueError(
                f"feature {self.name!r} is of kind {self.kind!r}; allowed: {', '.join(FEATURE_KINDS)}"
            )
        if self.width < 1 or (self.width > 1 and not self.tags):
            allowed = "1 or more" if self.tags else f"1 (kind {self.kind!r})"
            raise ValueError(f"feature {self.name!r} has width {self.width}; allowed: {allowed}")

    @property
    def tags(self) -> bool:
        """Whether a click may have several ids, or none."""
        return self.kind == TAGS

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns in ``clicks/``: its own, or for tags ``name.0``, ``name.1``, ..."""
        return tuple(f"{self.name}.{k}" for k in range(self.width)) if self.tags else (self.name,)


def column_names(features: Iterable[Feature]) -> list[str]:
    """Return the columns of all features, in their order."""
    return [column for feature in features for column in feature.columns]


def column_slices(features: Iterable[Feature]) -> list[slice]:
    """Return which columns of `ClickBatch.features` each feature takes."""
    slices, begin = [], 0
    for feature in features:
        slices.append(slice(begin, begin + feature.width))
        begin += feature.width
    return slices


@dataclass(slots=True)
class ClickBatch:
    """Consecutive clicks in replay order (time, click_id). ``row`` is the position of the first one in the log."""

    row: int
    click_id: Int64
    time: Int64
    features: Int32
    """Shape (n, columns of all features), C-contiguous; (n, 0) where features were not asked for."""

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, cut: slice) -> ClickBatch:
        first = cut.indices(len(self))[0]
        return ClickBatch(self.row + first, self.click_id[cut], self.time[cut], self.features[cut])

    @classmethod
    def concatenate(cls, parts: Sequence[ClickBatch]) -> ClickBatch:
        """Join batches (one or more) that follow each other."""
        if len(parts) == 1:
            return parts[0]
        columns = ([getattr(part, name) for part in parts] for name in ("click_id", "time", "features"))
        return cls(parts[0].row, *(np.concatenate(column) for column in columns))


@dataclass(slots=True)
class ImpressionBatch(Columns):
    """Impressions in replay order (time, impression_id), all of a log's or some: ``rows`` are their positions in it.

    Those in the randomised slice (``coin`` 0 or 1) were clicked by the flip of a coin; they have no journey among the
    clicks, and ``paid`` says whether a clicked one paid inside the attribution window.
    """

    rows: Int64
    impression_id: Int64
    time: Int64
    click_row: Int64
    """Position of the click in the log; -1 where nobody clicked."""
    click_time: Int64
    """-1 where nobody clicked."""
    coin: Int8
    """-1 outside the slice."""
    paid: Int8
    """-1 outside the clicked part of the slice."""
    features: Int32
    """Shape (n, columns of all features); (n, 0) where features were not asked for."""

    def clicked_within(self, longest: int) -> Bool:
        """Tell which were clicked at most ``longest`` after they were shown."""
        inside: Bool = (self.click_row >= 0) & (self.click_time - self.time <= longest)
        return inside


@dataclass(slots=True)
class EventBatch(Columns):
    """Events in replay order (arrival, time, kind, event_id).

    ``row`` is the position in the log of each event's click, ``time`` when the event happened, ``arrival`` when it became
    known. Where nothing is known later than it happened, ``arrival`` is the very array ``time`` (`late` tells).
    """

    row: Int64
    event_id: Int64
    time: Int64
    kind: UInt8
    amount: Float64
    arrival: Int64 = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.arrival is None:
            self.arrival = self.time

    @property
    def late(self) -> bool:
        """Whether events have arrival times of their own."""
        return self.arrival is not self.time

    def __getitem__(self, index: slice | Int64 | Bool) -> EventBatch:
        names = ("row", "event_id", "time", "kind", "amount", "arrival")[: 5 + self.late]
        return EventBatch(*(getattr(self, name)[index] for name in names))

    @classmethod
    def empty(cls) -> EventBatch:
        """No events."""
        none = np.empty(0, np.int64)
        return cls(none, none, none, np.empty(0, np.uint8), np.empty(0))

    @classmethod
    def concatenate(cls, parts: Sequence[EventBatch]) -> EventBatch:
        """Join batches in the order given."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.empty()
        names = ("row", "event_id", "time", "kind", "amount", "arrival")[: 5 + any(p.late for p in parts)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def in_time_order(self) -> EventBatch:
        """Return the events by (time, kind, event_id): as they happened, not as they became known."""
        return self[np.lexsort((self.event_id, self.kind, self.time))] if self.late else self

    def in_order(self) -> EventBatch:
        """Return the events in replay order."""
        return self[np.lexsort((self.event_id, self.kind, self.time, self.arrival))]


@dataclass(slots=True)
class Labels(Columns):
    """Final labels: what is true of clicks when their windows have closed. All arrays have one entry a click.

    Only pays and carts inside the attribution window of the click count, and refunds inside that of the first pay, by the
    times at which they happened; of all of these, only what became known within the journey's lifetime.
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
    first_cart: Int64
    """Time of the first cart that counts; -1 where there is none."""


@dataclass(slots=True)
class ImpressionLabels(Labels):
    """Final labels of impressions: whether each was clicked, and those of its click (0, or -1, where it was not).

    A click counts if it comes within the click window of its impression.
    """

    clicked: Bool
