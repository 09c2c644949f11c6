"""``[data]``: a log at rest, or a user's own files and what their columns mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from simulator.clock import zone_of
from simulator.errors import unknown
from simulator.log.formats import format_names, format_table
from simulator.log.opens import Opens
from simulator.program import as_typed
from simulator.scenario.base import Block
from simulator.scenario.moments import Moment
from simulator.scenario.places import APART, Place
from simulator.scenario.shorthands import Mark, Names, Value
from simulator.units import PositiveDuration

SHAPES = ("touches", "rows", "purchases")
"""Keys of ``[data]`` that name one table; ``clicks`` and ``events`` are two."""

TouchKind = Literal["view", "cart", "favourite", "pay", "refund", "ignore"]
Files = Annotated[Names, Place(pattern=True)]
"""Files: paths, patterns, folders."""


def _zone(name: str) -> str:
    zone_of(name)
    return name


class PartBlock(Block):
    """``[[data.read.parts]]``: files of one source that have a layout of their own."""

    match: str
    """Pattern of the file's name, such as *buys*."""
    names: tuple[str, ...] = ()
    """Their columns, where they have no header."""
    add: dict[str, Value] = Field(default_factory=dict)
    """Columns that are one value in these files."""


class JoinBlock(Block):
    """``[[data.read.join]]``: a further table, whose columns are looked up by the columns ``on``."""

    files: Annotated[str, Place(pattern=True, bare=False)]
    """The file or pattern of the further table: a name alone lies beside the first."""
    on: Names
    """The columns that both tables have in common."""


class ReadBlock(Block):
    """``[data.read]``: how text files are laid out, where it cannot be seen, and which of their rows are meant."""

    only: Names = ()
    """Patterns of the names that are meant of the files in a folder."""
    delimiter: str | None = None
    """One character, or "whitespace"; default: found."""
    header: bool = True
    """Whether the first line holds the names of the columns."""
    names: tuple[str, ...] = ()
    """The columns of files without a header."""
    unnest: str | None = None
    """Column of JSON lists whose entries are the rows."""
    where: dict[str, Mark] = Field(default_factory=dict)
    """Keep rows with these values alone."""
    parts: tuple[PartBlock, ...] = ()
    """Files of one source that have a layout of their own."""
    join: tuple[JoinBlock, ...] = ()
    """Further tables to look columns up in."""


class ColumnsBlock(Block):
    """``[data.columns]``: the names that a user's own files give to the columns of the contract."""

    click_id: str = "click_id"
    """Column of the click's id."""
    time: str = "time"
    """Column of the time of the click, or of the action."""
    user_id: str | None = "user_id"
    """Column of the user."""
    item_id: str | None = "item_id"
    """Column of the item."""
    features: tuple[str, ...] = ()
    """Columns that are categorical features; [data.features] says more."""
    event_click_id: str | None = None
    """Column of the click's id in the events; default: as click_id."""
    impression_id: str = "impression_id"
    """Column of the impression's id; default: the place of the row."""
    impression_time: str | None = None
    """Column of the time of the impression; default: as time."""
    impression_click_id: str | None = None
    """Column of the click's id in the impressions, null where nobody clicked; default: as click_id."""
    event_id: str | None = None
    """Column of the event's id. Equal ones are one event; of rows, that of the latest click that has it."""
    event_time: str | None = None
    """Column of the time of the event; default: as time."""
    arrival_time: str | None = None
    """Column of the time at which an event became known."""
    kind: str = "kind"
    """Column that says what happened."""
    kinds: dict[str, TouchKind] = Field(default_factory=dict)
    """Value in the file to kind, whatever the case; default: kinds by their own names."""
    flags: dict[str, TouchKind] = Field(default_factory=dict)
    """Columns that are true where that happened, in the place of kind."""
    amount: Names = ()
    """Columns of the amount; default: "amount" where there is one, else, or for "none", every pay is 1."""
    quantity: str | None = None
    """Column of the number of pieces, where amounts are of one piece."""
    currency: str | None = None
    """Column of the currency; [data.currencies] has the rates."""
    time_unit: Literal["us", "ms", "s", "ns", "timestamp"] | None = None
    """Unit of numbers that are times; default: found by their size."""
    time_format: str | None = None
    """Layout of times that are text, such as %d.%m.%Y %H:%M."""
    year: int | None = Field(default=None, ge=1970, le=2100)
    """Year of times that do not say it."""
    time_from: datetime | date | None = None
    """The instant that 0 means; default: 1970."""
    pay_time: Names = ()
    """Columns of times of pays, of one wide row a click."""
    pay_delay: Names = ()
    """Columns of the time from click to pay."""
    cart_time: Names = ()
    """Columns of times of carts."""
    cart_delay: Names = ()
    """Columns of the time from click to cart."""
    refund_time: Names = ()
    """Columns of times of refunds."""
    refund_delay: Names = ()
    """Columns of the time from click to refund."""
    refund_amount: Names = ()
    """Columns of the amounts of those refunds."""
    delay_unit: Literal["us", "ms", "s", "m", "h", "d"] | None = None
    """Unit of delays; default: that of time."""
    never: Mark = (-1, "")
    """Values of a time or delay that mean never."""
    pay_if: dict[str, Mark] = Field(default_factory=dict)
    """Pays of rows with these values alone count."""


FeatureKind = Literal["categorical", "numeric", "tags", "hashed"]


class FeatureBlock(Block):
    """``[data.features]``: one feature of the clicks."""

    kind: FeatureKind = "categorical"
    """How its values become ids: one each, by bins, several a click, or by a hash."""
    column: str | None = None
    """Its column; default: the feature's name."""
    optional: bool = False
    """Left out, with a note, where the column is not there."""
    missing: Mark = ()
    """Values that stand for none, beside null."""
    min_count: Annotated[int, Field(ge=0)] = 0
    """Values seen less often in the history become one."""
    bins: Annotated[int, Field(ge=1, le=100_000)] = 32
    """Bins of a numeric feature, fitted on the history."""
    scale: Literal["quantile", "log"] = "quantile"
    """Where the bins lie: at quantiles, or evenly in the logarithm."""
    buckets: PositiveInt = 100_000
    """Ids of a hashed feature."""
    separator: str = Field(default=",", min_length=1)
    """Between tags that are text."""
    longest: Annotated[int, Field(ge=1, le=64)] = 16
    """Tags of a click that are kept."""


FeatureSpec = Annotated[
    FeatureBlock,
    BeforeValidator(
        lambda v: {"kind": v} if isinstance(v, str) else v, json_schema_input_type=FeatureKind | FeatureBlock
    ),
]


class DataBlock(Block):
    """``[data]``: a log at rest (``path``), or files: ``clicks`` and ``events``, ``touches``, ``rows`` or ``purchases``.

    ``format`` takes what a known format says for whatever is not written here. Paths are relative to the scenario's file.
    """

    path: Annotated[str | None, Place()] = None
    """Directory of a log at rest, as import makes it."""
    clicks: Files = ()
    """Files of clicks, beside events."""
    events: Files = ()
    """Files of what followed the clicks, beside clicks."""
    impressions: Files = ()
    """Files of what was shown, clicked or not, beside clicks and events."""
    touches: Files = ()
    """Files of one table of actions: user, item, time, kind."""
    rows: Files = ()
    """Files of one wide row a click, what followed in columns."""
    purchases: Files = ()
    """Files of purchases alone."""
    format: str | None = None
    """A known format, whose keys stand for those that are not written here."""
    read: ReadBlock = ReadBlock()
    """How text files are laid out."""
    columns: ColumnsBlock = ColumnsBlock()
    """What the columns are called."""
    features: dict[str, FeatureSpec] = Field(default_factory=dict)
    """The features of a click, named, never guessed."""
    opens: Opens = "view"
    """The kind of touch that opens a journey."""
    attribute_by: tuple[Literal["user_id", "item_id"], ...] = ("user_id", "item_id")
    """What a touch and its click have in common."""
    attribution: PositiveDuration | None = None
    """How long after its click a touch belongs to it; default: windows.attribution."""
    counters: bool = False
    """Add counts of earlier touches as features."""
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    """Zone of days, hours, phases and of times without one."""
    observed_until: Moment | None = None
    """Until when the log was recorded; default: its last row."""
    between: tuple[Moment, Moment] | None = None
    """Rows outside are put aside: first instant, first one after."""
    missing: Mark = ()
    """Values that stand for none in any id or feature."""
    currencies: dict[str, PositiveFloat] = Field(default_factory=dict)
    """Rates to one currency."""
    duplicates: Literal["drop", "keep"] = "drop"
    """What becomes of exact repeats of a row without event_id."""
    refunded_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of what was paid from which a conversion is taken back; 0: any."""
    most_bad: Annotated[float, Field(ge=0, le=1), APART] = 0.05
    """Share of clicks, or of events, that may be put aside as bad."""
    on_bad_row: Annotated[Literal["quarantine", "fail"], APART] = "quarantine"
    """Put bad rows aside with a reason, or stop at the first."""
    made_by: Annotated[str | None, APART] = None
    """The command that makes the data, shown when they are not there."""
    time_features: bool = False
    """Add hour and weekday of the click as features."""

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
        if self.impressions and not pair:
            raise ValueError("impressions go with clicks and events; give all three")
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
        keys = ("clicks", "events", "impressions", *SHAPES)
        return {key: tuple(getattr(self, key)) for key in keys if getattr(self, key)}


def _over(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _over(base[key], value) for key, value in given.items() if _tables(base.get(key), value)}
    return {**base, **given, **both}


def _tables(a: Any, b: Any) -> bool:
    return isinstance(a, Mapping) and isinstance(b, Mapping)
