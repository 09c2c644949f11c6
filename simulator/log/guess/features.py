"""Which of the columns that are left can be features, and of which kind; the others are left out, with the reason."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.log.guess.clock import Clock
from simulator.log.guess.draft import Draft, Entry
from simulator.log.guess.profile import Column, Profile
from simulator.log.guess.roles import is_label, is_order
from simulator.log.guess.words import fit, joined

MANY = 50_000
"""A vocabulary above which ids are hashed."""
FOLD = 5000
"""A vocabulary above which rare values share an id."""
MIN_COUNT = 5
RESERVED = (
    "click_id",
    "time",
    "user_id",
    "item_id",
    "user",
    "item",
    "_row",
    "click_row",
    "hour",
    "weekday",
    "_delay",
    "_back",
)
"""Names that features cannot have, or that mean something else."""
ROW_NUMBERS = ("index", "rowid", "unnamed0", "rownumber", "id")
NAMES = 60
"""Mean length of text above which it is prose."""


def add_features(
    draft: Draft, profile: Profile, clocks: Mapping[str, Clock], of: set[str] | None = None
) -> None:
    """Name user and item, and every column that nothing speaks against; say of the others why not."""
    for name, key in (("user", "user_id"), ("item", "item_id")):
        if key not in draft.columns:
            continue
        column = profile.columns[draft.columns[key].value]
        if name in profile.columns and column.name != name:
            continue  # a column of that name is there and means something else
        many = column.distinct > MANY
        draft.features[name] = Entry(
            "hashed" if many else "categorical", f"{column.distinct:,} distinct values"
        )
    taken = draft.taken(profile)
    for column in profile.columns.values():
        if column.name in taken or (of is not None and column.name not in of):
            continue
        kind, note = _kind(column)
        reason = _against(column, clocks, kind)
        if reason:
            draft.left.append((column.name, kind or "categorical", reason))
            draft.take(profile, column.name, f"left out: {reason}")
            continue
        value: object = kind
        name = _free_name(draft, column.name)
        if marks := _marks(column):
            value = {"kind": kind, "missing": list(marks)}
            note += f"; {', '.join(map(repr, marks))} taken for missing"
        if name != column.name:
            value = {**(value if isinstance(value, dict) else {"kind": kind}), "column": column.name}
        if kind == "categorical" and column.distinct > FOLD:
            value = {**(value if isinstance(value, dict) else {"kind": kind}), "min_count": MIN_COUNT}
            note += f"; values met less than {MIN_COUNT} times share an id"
        draft.features[name] = Entry(value, note)
        draft.take(profile, column.name, f"feature, {kind}")


def _free_name(draft: Draft, name: str) -> str:
    """Return a name that no other column of clicks has, whatever the case."""
    barred = {*RESERVED, *(other.lower() for other in draft.features)}
    while name.lower() in barred:
        name += "_value"
    return name


def _marks(column: Column) -> tuple[str, ...]:
    """Return values that probably stand for none: words that say so, and a -1 among numbers that are not negative."""
    marks = column.marks
    if (
        column.looks == "integer"
        and column.least == -1
        and ("-1" in dict(column.values) or not column.values)
    ):
        marks = (*marks, "-1")
    return marks


def _kind(column: Column) -> tuple[str | None, str]:
    """Return the kind of feature that a column makes, and what it holds."""
    told = f"{column.distinct:,} distinct values"
    if column.looks == "tags":
        return "tags", "lists"
    if column.looks == "number" and column.distinct > 50:
        return "numeric", f"{column.least:g} to {column.most:g}"
    if column.distinct > MANY:
        return "hashed", told
    return "categorical", told


def _against(column: Column, clocks: Mapping[str, Clock], kind: str | None) -> str:
    """Return why a column is no feature; "" if nothing speaks against it."""
    there = column.rows - column.none
    plain = column.looks != "tags"
    own = plain and column.distinct > 0.9 * there and there > 20 and kind != "numeric"
    is_time = column.name in clocks and (not column.is_number or fit("time", column.name)[0] > 0)
    reasons = (
        (column.looks == "nothing", "has no value at all"),
        (column.looks == "objects", "holds lists of structures"),
        (column.key, "the key of a folder: often a date, and then it says when, not what"),
        (is_order(column), "the id of an order, which no click can know"),
        (is_label(column), "looks like a label: what follows a click cannot be known at the click"),
        (is_time, "a time; [data] time_features = true makes hour and weekday features"),
        (plain and column.distinct <= 1 and not column.none, f"constant: always {column.example[:30]!r}"),
        (own, "a value of its own in (nearly) every row"),
        (column.looks == "text" and column.length > NAMES, "prose: mostly different in every row"),
        (joined(column.name) in ROW_NUMBERS, "the number of a row"),
    )
    return next((reason for holds, reason in reasons if holds), "")
