"""Why rows of a source cannot be replayed: each has one reason, the first of this list that applies.

Rows are put aside in classes: ``bad`` ones are faults of the log; ``repeated`` ones are there already; ``unattributed``
ones have no journey to belong to by the log's nature; ``by rule`` ones are left out since a rule says so. `Rules` are what
the checks take for granted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

NULL = "null or unreadable value in a required column"
BEFORE_ORIGIN = "time before the origin of the log"
STRAY = "time far from that of all others"
OUTSIDE = "feature id outside its cardinality"
DUPLICATE_CLICK = "duplicate click_id"
REPEATED_CLICK = "repeated click"
UNKNOWN_KIND = "unknown kind"
BAD_AMOUNT = "amount not finite, or negative"
DUPLICATE_EVENT = "duplicate event_id"
SHARED_ID = "event_id of another event"
REPEATED_EVENT = "repeated event"
UNKNOWN_CLICK = "unknown click_id"
CLICK_QUARANTINED = "its click is in quarantine"
BEFORE_CLICK = "event before its click"
BEFORE_EVENT = "arrival before the event"
DUPLICATE_IMPRESSION = "duplicate impression_id"
AFTER_CLICK = "impression after its click"
SHARED_CLICK = "click of another impression"
UNPAID_REFUND = "refund without a pay before it"
NOTHING_LEFT = "refund of what was refunded before"
NO_REFUND = "refund of 0"
BELOW_SHARE = "refund below refunded_share"

BAD, REPEATED, UNATTRIBUTED, BY_RULE = "bad", "repeated", "unattributed", "by rule"
CLASS = {
    REPEATED_CLICK: REPEATED, DUPLICATE_EVENT: REPEATED, REPEATED_EVENT: REPEATED, NOTHING_LEFT: REPEATED,
    NO_REFUND: BY_RULE, BELOW_SHARE: BY_RULE,
}  # fmt: skip
"""Classes of the reasons that are no faults."""

ROUNDING = 1e-9
"""Share of what was paid below which an amount is a rounding error."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the checks take for granted, beside the contract.

    Parameters
    ----------
    raw : table whose ``rowid`` is ``_row``, by "clicks" and "events": the text of a bad row is looked up there.
    labels : the user's names of columns, by "clicks" and "events" and the contract's name.
    by_row : ``click_id`` of events is the ``_row`` of their click.
    own_ids : events carry ids of their own; without, exact repeats are dropped unless ``duplicates`` is "keep".
    unique : click ids are known to be unique.
    refunded_share : from which share of what was paid on a refund takes a conversion back.
    attribution : pays later than this after their click cannot be refunded (None: all can).
    lifetime : an event later than this after its click may be a stray (None: none is).
    first, last : clicks outside are strays; microseconds from the origin.
    """

    raw: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    by_row: bool = False
    own_ids: bool = True
    unique: bool = False
    duplicates: Literal["drop", "keep"] = "drop"
    refunded_share: float = 0.0
    attribution: int | None = None
    lifetime: int | None = None
    first: int | None = None
    last: int | None = None

    def label(self, table: str, column: str) -> str:
        """Return the user's name of a column."""
        return self.labels.get(table, {}).get(column, column)
