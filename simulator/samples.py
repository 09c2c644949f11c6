"""What a learner is fed: labels as delivered, each with its cause, its time and its revision number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator.log.schema import Bool, Columns, Float64, Int32, Int64

_COMMON = (
    pa.field("row", pa.int64(), False),
    pa.field("click_id", pa.int64(), False),
    pa.field("click_time", pa.int64(), False),
    pa.field("event_time", pa.int64(), False),
    pa.field("visible_time", pa.int64(), False),
    pa.field("role", pa.dictionary(pa.int32(), pa.string()), False),
    pa.field("revision", pa.int32(), False),
    pa.field("weight", pa.float64(), False),
    pa.field("converted", pa.float64()),
    pa.field("refunded", pa.float64()),
    pa.field("gmv", pa.float64()),
    pa.field("pay_count", pa.int32(), False),
    pa.field("previous_gmv", pa.float64(), False),
    pa.field("previous_time", pa.int64()),
)
CAUSES = ("click", "cart", "pay", "refund", "timer", "close", "segment")
"""What a sample may be delivered at, by the rank that orders samples of one instant."""
CAUSE = {"cause": "int8", "cause_id": "int64"}
"""Columns by which the order of samples can be restored (`schema`), kept only where they are written; -1 for null."""
_CAUSE = (pa.field("cause", pa.dictionary(pa.int8(), pa.string())), pa.field("cause_id", pa.int64()))
COMMON = frozenset(column.name for column in (*_COMMON, *_CAUSE)) | {"features", "elapsed", "order", "at"}
"""Names that a policy cannot give to what its samples carry besides."""
CARRIED_TYPES = ("float32", "float64")
"""Types of what samples may carry besides: those that have a null, NaN, for what was not delivered."""


def schema(carries: Mapping[str, str]) -> pa.Schema:
    """Return the Arrow schema of ``samples/<method>.parquet``: the common columns, and those that its policy carries.

    Times are microseconds from the log's origin. ``row`` is the position of the click in the log, ``event_time`` the time of
    the cause (event or timer), ``visible_time`` when the learner can first use it. ``converted``, ``refunded`` and ``gmv``
    are null where the sample says nothing about that task; targets may be soft. ``weight`` is 1 unless the policy says
    otherwise, and negative for a retraction of what was delivered before. ``pay_count`` is the number of pays known at
    ``event_time``, ``previous_gmv`` the GMV of and ``previous_time`` the latest among the pays before the cause (null: none
    yet). ``cause`` is what it was delivered at, and ``cause_id`` the id of that event, or of the click: sorted by
    ``visible_time``, ``event_time``, ``cause`` as ordered in `CAUSES`, and ``cause_id``, samples of any files are in the
    order of one replay (null: no replay delivered it). What else there is, the policy explains
    (`simulator.policies.base.Policy.carries`).
    """
    own = [pa.field(name, pa.from_numpy_dtype(kind)) for name, kind in carries.items() if name not in CAUSE]
    return pa.schema([*_COMMON, *_CAUSE, *own])


@dataclass(slots=True)
class Samples(Columns):
    """Delivered samples of one policy as columns; NaN in ``converted``, ``refunded``, ``gmv`` means null.

    Columns are as in `schema`, with ``role`` as its place in ``roles`` and ``previous_time`` -1 for null; ``features`` are
    those of the clicks, shape (n, number of columns).
    """

    row: Int64
    click_id: Int64
    click_time: Int64
    event_time: Int64
    visible_time: Int64
    role: Int32
    revision: Int32
    weight: Float64
    converted: Float64
    refunded: Float64
    gmv: Float64
    pay_count: Int32
    previous_gmv: Float64
    previous_time: Int64
    features: Int32
    carried: dict[str, NDArray[Any]] = field(default_factory=dict)
    """What the policy carries besides, by name, NaN for null; and `CAUSE`, where that is kept."""
    roles: tuple[str, ...] = ()
    """Names of the roles, by their codes. Batches of one replay have the same ones in the same order, later ones perhaps
    more; those of several replays need not, and are told apart by their names wherever they meet."""

    def __getitem__(self, index: slice | Int64 | Bool) -> Self:
        chosen = Columns.__getitem__(self, index)
        chosen.carried = {name: values[index] for name, values in self.carried.items()}
        chosen.roles = self.roles
        return chosen

    def put(self, places: Int64, rows: Self) -> None:
        """Write samples of the same policy over those at ``places``."""
        roles = _joint((self, rows))
        self.role = self._coded(roles)
        Columns.put(self, places, rows)
        self.role[places] = rows._coded(roles)
        for name, values in self.carried.items():
            values[places] = rows.carried[name]
        self.roles = roles

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Join batches of one policy in the order given."""
        parts = [part for part in parts if len(part)] or parts[:1]
        if len(parts) <= 1:
            return parts[0] if parts else cls.empty()
        joined, roles = cls._joined(parts), _joint(parts)
        joined.carried = {
            name: np.concatenate([part.carried[name] for part in parts]) for name in parts[0].carried
        }
        if any(part.roles != roles[: len(part.roles)] for part in parts):
            joined.role = np.concatenate([part._coded(roles) for part in parts])  # noqa: SLF001 - of this very class
        joined.roles = roles
        return joined

    @classmethod
    def together(cls, one: Self, other: Self) -> Self:
        """Join batches of different origin in order of their visible time, those of ``one`` first where it is the same."""
        if not len(one) or not len(other):
            return other if len(other) else one
        roles = _joint((one, other))
        parts = [part.with_roles(roles, {**one.carried, **other.carried}) for part in (one, other)]
        joined = cls._joined(parts)
        joined.carried = {
            name: np.concatenate([part.carried[name] for part in parts]) for name in parts[0].carried
        }
        joined.roles = roles
        return joined[np.argsort(joined.visible_time, kind="stable")]

    def with_roles(self, roles: tuple[str, ...], carries: Mapping[str, NDArray[Any]]) -> Self:
        """Return them with these roles, which hold their own, and with all that is carried, null where it was not."""
        made = self[:]
        made.role, made.roles = self._coded(roles), roles
        made.carried = {
            name: self.carried[name] if name in self.carried else np.full(len(self), _null(name), like.dtype)
            for name, like in carries.items()
        }
        return made

    def _coded(self, roles: tuple[str, ...]) -> Int32:
        """Return the roles as places in other ``roles``, which hold their own."""
        if self.roles == roles[: len(self.roles)]:
            return self.role
        return np.array([roles.index(name) for name in self.roles], np.int32)[self.role]

    @classmethod
    def empty(cls) -> Self:
        """No samples."""
        return cls.blank(0, 0)

    @classmethod
    def blank(cls, n: int, width: int, carries: Mapping[str, str] | None = None) -> Self:
        """Return ``n`` samples whose columns are yet to be written, with ``width`` columns of features."""
        types = cls.types()
        shapes = {name: (n, width) if name == "features" else n for name in types}
        made = cls._of(np.empty(shapes[name], kind) for name, kind in types.items())
        made.carried = {name: np.full(n, _null(name), kind) for name, kind in (carries or {}).items()}
        made.roles = ()
        return made

    @property
    def elapsed(self) -> Int64:
        """Time from the click to the cause, in microseconds."""
        return self.event_time - self.click_time

    @property
    def role_names(self) -> NDArray[np.object_]:
        """Role of each sample by name."""
        return np.array(self.roles, object)[self.role]

    def of_role(self, *names: str) -> Bool:
        """Tell the samples that were delivered in one of these roles."""
        return np.isin(self.role, [code for code, name in enumerate(self.roles) if name in names])

    def column(self, name: str) -> NDArray[Any]:
        """Return a column by its name; NaN throughout for one that the policy does not carry."""
        if name in self.types():
            values: NDArray[Any] = getattr(self, name)
            return values
        return self.carried[name] if name in self.carried else np.full(len(self), np.nan)

    def compared(self, other: Samples) -> Iterator[tuple[str, Bool]]:
        """Yield each column with which of the first rows of both, as many as both have, are the same bit for bit."""
        n = min(len(self), len(other))
        yield "role", self.role_names[:n] == other.role_names[:n]
        for name in sorted({*self.types(), *self.carried, *other.carried} - {"role"}) if n else ():
            x, y = self.column(name)[:n], other.column(name)[:n]
            same = x.view(f"i{x.itemsize}") == y.view(f"i{y.itemsize}")
            yield name, same.all(axis=tuple(range(1, same.ndim)))

    def to_arrow(self) -> pa.Table:
        """Return the batch in the public schema (roles by name, nulls as nulls)."""
        carries = {name: values.dtype.name for name, values in self.carried.items()}
        columns: dict[str, Any] = {name: getattr(self, name) for name in self.types() if name != "features"}
        # Only the roles at hand, in the order of their names: that of first use may depend on how the replay was cut.
        codes = np.flatnonzero(np.bincount(self.role, minlength=len(self.roles)))
        used = sorted(self.roles[code] for code in codes)
        place = np.array([used.index(role) if role in used else -1 for role in self.roles], np.int32)
        columns["role"] = pa.DictionaryArray.from_arrays(place[self.role], pa.array(used, pa.string()))
        columns["previous_time"] = _with_nulls(self.previous_time, self.previous_time < 0)
        for name in ("converted", "refunded", "gmv"):
            columns[name] = _with_nulls(columns[name], np.isnan(columns[name]))
        for name, values in self.carried.items():
            columns[name] = _with_nulls(values, values < 0 if name in CAUSE else np.isnan(values))
        for name, kind in CAUSE.items():
            columns.setdefault(name, pa.nulls(len(self), pa.from_numpy_dtype(kind)))
        columns["cause"] = pa.DictionaryArray.from_arrays(columns["cause"], pa.array(CAUSES, pa.string()))
        return pa.table(columns, schema=schema(carries))


def _with_nulls(values: NDArray[Any], null: Bool) -> pa.Array:
    """Return a column as Arrow has it; most have no nulls, or nothing else, and then nothing is copied."""
    if not null.any():
        return pa.array(values)
    if null.all():
        return pa.nulls(len(values), pa.from_numpy_dtype(values.dtype))
    return pa.array(values, mask=null)


def _joint(parts: Sequence[Samples]) -> tuple[str, ...]:
    """Return the roles of all, in the order of their coming."""
    return tuple(dict.fromkeys(name for part in parts for name in part.roles))


def _null(name: str) -> float:
    return -1 if name in CAUSE else np.nan
