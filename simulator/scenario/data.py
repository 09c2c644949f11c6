"""``[data]``: a log at rest, or a user's own files and what their columns mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PositiveFloat, PositiveInt, model_validator

from simulator.clock import zone_of
from simulator.errors import unknown
from simulator.log.formats import format_names, format_table
from simulator.log.opens import Opens
from simulator.program import as_typed
from simulator.scenario.base import Block
from simulator.scenario.moments import Moment
from simulator.units import PositiveDuration

SHAPES = ("touches", "rows", "purchases")
"""Keys of ``[data]`` that name one table; ``clicks`` and ``events`` are two."""

TouchKind = Literal["view", "cart", "favourite", "pay", "refund", "ignore"]
Value = str | bool | int | float
"""A value in a file, as TOML can write it."""
Mark = Annotated[
    tuple[Value, ...], BeforeValidator(lambda v: (v,) if isinstance(v, (str, int, float)) else v)
]
Names = Annotated[tuple[str, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v or ())]
"""One column, or several in their order."""


def _zone(name: str) -> str:
    zone_of(name)
    return name


class PartBlock(Block):
    """``[[data.read.parts]]``: files of one source that have a layout of their own."""

    match: str = Field(description="pattern of the file's name, such as *buys*")
    names: tuple[str, ...] = ()
    add: dict[str, Value] = Field(
        default_factory=dict, description="columns that are one value in these files"
    )


class JoinBlock(Block):
    """``[[data.read.join]]``: a further table, whose columns are looked up by the columns ``on``."""

    files: str
    on: Names


class ReadBlock(Block):
    """``[data.read]``: how text files are laid out, where it cannot be seen, and which of their rows are meant."""

    only: Names = Field(
        default=(), description="patterns of the names that are meant of the files in a folder"
    )
    delimiter: str | None = Field(default=None, description='one character, or "whitespace"; default: found')
    header: bool = True
    names: tuple[str, ...] = Field(default=(), description="the columns of files without a header")
    unnest: str | None = Field(default=None, description="column of JSON lists whose entries are the rows")
    where: dict[str, Mark] = Field(default_factory=dict, description="keep rows with these values alone")
    parts: tuple[PartBlock, ...] = ()
    join: tuple[JoinBlock, ...] = ()


class ColumnsBlock(Block):
    """``[data.columns]``: the names that a user's own files give to the columns of the contract."""

    click_id: str = "click_id"
    time: str = "time"
    user_id: str | None = "user_id"
    item_id: str | None = "item_id"
    features: tuple[str, ...] = Field(default=(), description="categorical ones; [data.features] says more")
    event_click_id: str | None = Field(default=None, description="default: as click_id")
    event_id: str | None = Field(
        default=None, description="equal ones are one event; of rows, that of the latest click that has it"
    )
    event_time: str | None = Field(default=None, description="default: as time")
    arrival_time: str | None = Field(default=None, description="when an event became known")
    kind: str = "kind"
    kinds: dict[str, TouchKind] = Field(
        default_factory=dict,
        description="value in the file to kind, whatever the case; default: kinds by their own names",
    )
    flags: dict[str, TouchKind] = Field(
        default_factory=dict, description="columns that are true where that happened, in the place of kind"
    )
    amount: Names = Field(
        default=(), description='default: "amount" where there is one, else, or for "none", every pay is 1'
    )
    quantity: str | None = Field(default=None, description="amounts are of one piece of so many")
    currency: str | None = None
    time_unit: Literal["us", "ms", "s", "ns", "timestamp"] | None = Field(
        default=None, description="default: found"
    )
    time_format: str | None = Field(default=None, description="of text times, such as %d.%m.%Y %H:%M")
    year: int | None = Field(default=None, ge=1970, le=2100, description="of times that do not say it")
    time_from: datetime | date | None = Field(default=None, description="what 0 means; default: 1970")
    pay_time: Names = ()
    pay_delay: Names = ()
    cart_time: Names = ()
    cart_delay: Names = ()
    refund_time: Names = ()
    refund_delay: Names = ()
    refund_amount: Names = ()
    delay_unit: Literal["us", "ms", "s", "m", "h", "d"] | None = Field(
        default=None, description="default: the unit of time"
    )
    never: Mark = Field(default=(-1, ""), description="values of a time or delay that mean never")
    pay_if: dict[str, Mark] = Field(
        default_factory=dict, description="pays of rows with these values alone count"
    )


class FeatureBlock(Block):
    """``[data.features]``: one feature of the clicks."""

    kind: Literal["categorical", "numeric", "tags", "hashed"] = "categorical"
    column: str | None = Field(default=None, description="default: the feature's name")
    optional: bool = Field(default=False, description="left out, with a note, where the column is not there")
    missing: Mark = Field(default=(), description="values that stand for none, beside null")
    min_count: Annotated[int, Field(ge=0)] = Field(
        default=0, description="values seen less often in the history become one"
    )
    bins: Annotated[int, Field(ge=1, le=100_000)] = 32
    scale: Literal["quantile", "log"] = "quantile"
    buckets: PositiveInt = 100_000
    separator: str = Field(default=",", min_length=1, description="between tags that are text")
    longest: Annotated[int, Field(ge=1, le=64)] = Field(
        default=16, description="tags of a click that are kept"
    )


FeatureSpec = Annotated[FeatureBlock, BeforeValidator(lambda v: {"kind": v} if isinstance(v, str) else v)]


class DataBlock(Block):
    """``[data]``: a log at rest (``path``), or files: ``clicks`` and ``events``, ``touches``, ``rows`` or ``purchases``.

    ``format`` takes what a known format says for whatever is not written here.
    """

    path: str | None = None
    clicks: Names = ()
    events: Names = ()
    touches: Names = ()
    rows: Names = ()
    purchases: Names = ()
    format: str | None = None
    read: ReadBlock = ReadBlock()
    columns: ColumnsBlock = ColumnsBlock()
    features: dict[str, FeatureSpec] = Field(default_factory=dict, description="named, never guessed")
    opens: Opens = "view"
    attribute_by: tuple[Literal["user_id", "item_id"], ...] = Field(
        default=("user_id", "item_id"), description="what a touch and its click have in common"
    )
    attribution: PositiveDuration | None = Field(
        default=None, description="inside which a touch belongs to its click; default: windows.attribution"
    )
    counters: bool = Field(default=False, description="add counts of earlier touches as features")
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    observed_until: Moment | None = None
    between: tuple[Moment, Moment] | None = Field(
        default=None, description="rows outside are put aside: first instant, first one after"
    )
    missing: Mark = Field(default=(), description="values that stand for none in any id or feature")
    currencies: dict[str, PositiveFloat] = Field(default_factory=dict, description="rates to one currency")
    duplicates: Literal["drop", "keep"] = "drop"
    refunded_share: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="share of what was paid from which a conversion is taken back; 0: any"
    )
    most_bad: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.05, description="share of clicks, or of events, that may be put aside as bad"
    )
    on_bad_row: Literal["quarantine", "fail"] = "quarantine"
    made_by: str | None = Field(
        default=None, description="the command that makes the data, shown when they are not there"
    )
    time_features: bool = Field(default=False, description="add hour and weekday of the click as features")

    @model_validator(mode="before")
    @classmethod
    def _formatted(cls, given: Any) -> Any:
        """Lay the keys over those of the format; a format that is not known is said by the field."""
        if not isinstance(given, Mapping) or given.get("format") not in format_names():
            return given
        return _over(format_table(str(given["format"]))["data"], given)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        named = [key for key in ("path", *SHAPES) if getattr(self, key)]
        pair = [key for key in ("clicks", "events") if getattr(self, key)]
        if len(named) + bool(pair) != 1 or len(pair) == 1:
            raise ValueError(
                "give either path (a log), or one of touches, rows and purchases (a table), or both clicks and events"
            )
        if self.format is not None and self.format not in format_names():
            raise ValueError(unknown("format", self.format, format_names()))
        if self.format is not None and self.shape != (shape := str(format_table(self.format)["shape"])):
            raise ValueError(
                f"format {self.format!r} is of the shape {shape}: name its files by {shape} = ..."
            )
        return self

    @property
    def shape(self) -> str | None:
        """``events`` (clicks and events), ``touches``, ``rows`` or ``purchases``; None for a log at rest."""
        return next((s for s in SHAPES if getattr(self, s)), "events" if self.clicks else None)

    @property
    def remedy(self) -> str:
        """How data that are not there are made, as a message ends; empty where nobody has said it."""
        return f" Make it with:\n    {as_typed(self.made_by)}" if self.made_by else ""

    @property
    def sources(self) -> dict[str, tuple[str, ...]]:
        """The files by the key that names them."""
        keys = ("clicks", "events", *SHAPES)
        return {key: tuple(getattr(self, key)) for key in keys if getattr(self, key)}


def _over(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _over(base[key], value) for key, value in given.items() if _tables(base.get(key), value)}
    return {**base, **given, **both}


def _tables(a: Any, b: Any) -> bool:
    return isinstance(a, Mapping) and isinstance(b, Mapping)
