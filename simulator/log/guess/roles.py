"""Which column plays which role, by its name and by what it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from simulator.log.guess.clock import Clock
from simulator.log.guess.profile import Column, Profile
from simulator.log.guess.words import (
    CARTED,
    CODES,
    DELAYS,
    PAID,
    SENT_BACK,
    TIMES,
    VALUES,
    fit,
    joined,
    kind_of,
    says,
    tokens,
)

NEAR = 0.08
"""Two names whose fits differ by less are both possible."""


@dataclass(frozen=True, slots=True)
class Pick:
    """A column for a role; ``sure`` unless its name is no usual one; ``others`` could be meant as well."""

    column: Column
    sure: bool
    others: tuple[str, ...] = ()


def pick(
    profile: Profile, role: str, taken: Iterable[str], holds: Callable[[Column], bool], least: float = 0.4
) -> Pick | None:
    """Return the column whose name fits a role best among those that hold what it needs."""
    barred = set(taken)
    scored = []
    for place, column in enumerate(profile.columns.values()):
        if column.name in barred or column.key or column.looks in ("nothing", "objects", "tags"):
            continue
        score, sure = fit(role, column.name)
        if score >= least and holds(column):
            scored.append((-score, place, column, sure))
    if not scored:
        return None
    scored.sort(key=lambda row: row[:2])
    best, _, column, sure = scored[0]
    others = tuple(row[2].name for row in scored[1:4] if row[0] - best < NEAR)
    return Pick(column, sure and -best >= 0.6, others)


def is_id(column: Column) -> bool:
    """Tell whether a column can be a user or an item."""
    return column.distinct > 1 and column.looks in ("integer", "text", "number") and not is_flag(column)


def is_amount(column: Column) -> bool:
    """Tell whether a column can be an amount."""
    return column.is_number and not is_flag(column)


def is_flag(column: Column) -> bool:
    """Tell whether a column says yes or no."""
    values = {value.lower() for value, _ in column.values}
    return bool(values) and (
        values <= {"0", "1", "0.0", "1.0"} or values <= {"true", "false", "t", "f", "yes", "no", "y", "n"}
    )


def is_label(column: Column) -> bool:
    """Tell whether a name is one of an outcome, which no click can have known."""
    if fit("label", column.name)[0] >= 0.65:
        return True
    parts = tokens(column.name)
    return says(parts, DELAYS) or (
        says(parts, (*PAID, *SENT_BACK))
        and not says(parts, ("method", "type", "channel", "count", "history"))
    )


def is_order(column: Column) -> bool:
    """Tell whether a name is one of an order, which no click can have known."""
    return fit("order", column.name)[0] >= 0.6


@dataclass(frozen=True, slots=True)
class Kinds:
    """The column of kinds; ``mapping`` of its values; ``doubts`` of those whose meaning is not sure."""

    column: Column
    mapping: dict[str, str]
    doubts: dict[str, str]
    sure: bool
    codes: str = ""
    """Where codes were taken from; "?" if nothing says what they mean."""


def kind_column(profile: Profile, taken: Iterable[str]) -> Kinds | None:
    """Find the column whose values say what happened: by its values, or by its name where they are codes."""
    barred, found = set(taken), []
    for place, column in enumerate(profile.columns.values()):
        if column.name in barred or column.key or not column.values:
            continue
        if column.looks == "text" and not is_flag(column):
            kinds = _by_words(column)
        elif column.looks in ("integer", "number") and len(column.values) <= 10:
            kinds = _by_codes(column)
        else:
            kinds = None
        if kinds is not None:
            met = len(set(kinds.mapping.values()) - {"ignore"})
            score = (fit("kind", column.name)[0], met, -place)
            found.append((score[1] >= 2 or kinds.codes != "", score, kinds))
    if not found:
        return None
    return max(found, key=lambda row: row[:2])[2]


def _by_words(column: Column) -> Kinds | None:
    read = {value: kind_of(value) for value, _ in column.values}
    rows = dict(column.values)
    known = sum(rows[value] for value, (kind, _) in read.items() if kind not in (None, "ignore"))
    named = fit("kind", column.name)[0]
    if not known or known < (0.02 if named else 0.6) * sum(rows.values()):
        return None
    mapping = {value: kind or "ignore" for value, (kind, _) in read.items()}
    doubts = {
        value: "not a word that is known" if kind is None else "its word is read loosely"
        for value, (kind, certain) in read.items()
        if not certain
    }
    return Kinds(column, mapping, doubts, sure=fit("kind", column.name) >= (0.6, True))


def _by_codes(column: Column) -> Kinds | None:
    score, _ = fit("kind", column.name)
    if score < 0.6 or len(column.values) < 2:
        return None
    table, told = CODES.get(joined(column.name), ({}, ""))
    codes = [value.removesuffix(".0") for value, _ in column.values]
    if table and set(codes) <= set(table):
        mapping = {code: table[code] for code in sorted(codes)}
        return Kinds(column, mapping, dict.fromkeys(mapping, f"as in {told}"), sure=False, codes=told)
    if is_flag(column):
        return None
    return Kinds(column, dict.fromkeys(sorted(codes), "?"), {}, sure=False, codes="?")


@dataclass(frozen=True, slots=True)
class Followed:
    """Columns of wide rows that say when something followed (``what``: pay, cart, refund), as times or delays."""

    what: str
    form: str
    columns: tuple[str, ...]
    sure: bool


def followed(profile: Profile, clocks: Mapping[str, Clock], time: str | None) -> list[Followed]:
    """Find the columns of times and delays of what followed a click."""
    found: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    for column in profile.columns.values():
        if column.name == time or column.key:
            continue
        parts = tokens(column.name)
        what = next(
            (
                w
                for w, words in (("refund", SENT_BACK), ("cart", CARTED), ("pay", PAID))
                if says(parts, words)
            ),
            None,
        )
        listed = column.looks == "tags"
        is_time = column.name in clocks or (listed and says(parts, TIMES))
        if says(parts, DELAYS) and (column.is_number or listed):
            found.setdefault((what or "pay", "delay"), []).append((column.name, what is not None))
        elif (
            what is not None
            and is_time
            and (says(parts, (*TIMES, "timestamps", "times")) or column.looks == "stamp")
        ):
            found.setdefault((what, "time"), []).append((column.name, True))
    return [
        Followed(what, form, tuple(name for name, _ in rows), all(sure for _, sure in rows))
        for (what, form), rows in found.items()
    ]


def values_of(profile: Profile, what: str, taken: Iterable[str]) -> list[str]:
    """Return the columns that say how much was paid, or sent back, in the order of the file."""
    barred = set(taken)
    words, others = (SENT_BACK, PAID) if what == "refund" else (PAID, SENT_BACK)
    found = []
    for column in profile.columns.values():
        parts = tokens(column.name)
        listed = column.looks == "tags" and says(parts, (*VALUES, "amounts", "values", "prices"))
        if column.name in barred or column.key or not (is_amount(column) or listed):
            continue
        if (
            says(parts, words)
            and not says(parts, others)
            and says(parts, (*VALUES, "amounts", "values", "prices"))
        ):
            found.append(column.name)
    return found


def flags_of(profile: Profile, taken: Iterable[str]) -> dict[str, str]:
    """Return the columns that say yes where something happened, with its kind."""
    barred, found = set(taken), {}
    for column in profile.columns.values():
        if column.name in barred or column.key or not is_flag(column):
            continue
        kind, _ = kind_of("".join(part for part in tokens(column.name) if part not in ("is", "has", "flag")))
        if kind is not None and kind != "ignore":
            found[column.name] = kind
    return found
