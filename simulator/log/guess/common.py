"""What all shapes have in common: time, user, item and amounts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import duckdb

from simulator.log.guess.clock import Clock, clock_of
from simulator.log.guess.draft import Draft, Entry, Instead, Lacking
from simulator.log.guess.profile import Profile
from simulator.log.guess.roles import Pick, is_amount, is_id, pick
from simulator.log.guess.words import PAID, SENT_BACK, fit, joined, says, tokens
from simulator.log.meta import from_epoch
from simulator.log.sql import identifier

_UNIT_PRICES = ("price", "unitprice", "itemprice", "saleprice", "productprice")


def clocks_of(con: duckdb.DuckDBPyConnection, profile: Profile) -> dict[str, Clock]:
    """Return every column that can be read as times, and how."""
    found = {name: clock_of(con, profile, column) for name, column in profile.columns.items()}
    return {name: clock for name, clock in found.items() if clock is not None}


def pick_time(profile: Profile, clocks: Mapping[str, Clock], *, followed: bool = False) -> Pick | None:
    """Return the column of times: by its name, or the only one that can be nothing else.

    With ``followed``, names of what follows a click are no names of its time.
    """

    def fits(name: str) -> bool:
        return name in clocks and not (followed and says(tokens(name), (*PAID, *SENT_BACK)))

    found = pick(profile, "time", (), lambda column: fits(column.name))
    if found is not None:
        return found
    others = [c for c in profile.columns.values() if fits(c.name) and not c.key and c.share_none < 0.5]
    stamps = [c for c in others if c.looks == "stamp" or "time_format" in clocks[c.name].said] or others
    # Ids of nine digits read as seconds of some year: numbers are times only if they lie together, in recent years.
    stamps = [c for c in stamps if not c.is_number or _is_recent(clocks[c.name])]
    return Pick(stamps[0], sure=False, others=tuple(c.name for c in stamps[1:4])) if stamps else None


def _is_recent(clock: Clock) -> bool:
    first, last = from_epoch(clock.first), from_epoch(clock.last)
    return first.year >= 2000 and last - first < timedelta(days=3660)


def put_time(
    draft: Draft, profile: Profile, clocks: Mapping[str, Clock], found: Pick | None, key: str = "time"
) -> Clock | None:
    """Say which column holds the time and how it is read; lacking if there is none."""
    if found is None:
        example = next(iter(profile.columns))
        draft.lacking.append(Lacking(key, example, f"no column of {profile.told} can be read as times"))
        return None
    name = found.column.name
    clock = clocks[name]
    note = "" if found.sure else "unsure: its name is no usual one"
    draft.put(
        key,
        name,
        note,
        [(key, other, "it holds times as well") for other in found.others],
        unsure=not found.sure,
    )
    draft.take(profile, name, key.replace("_", " "))
    for said, value in clock.said.items():
        instead: list[Instead] = [row for row in clock.instead if row[0] == said]
        if key == "time" or said not in draft.columns:
            draft.put(said, value, clock.notes.get(said, ""), instead)
    draft.unsure += [text for text in clock.warnings if text not in draft.unsure]
    return clock


def put_zone(draft: Draft, clock: Clock | None, busiest: str = "") -> None:
    """Say that the zone is UTC unless the user knows better."""
    if clock is None:
        return
    if clock.local:
        why = "the times say no zone: UTC is taken, so days and hours may be shifted"
        draft.unsure.append(
            f'[data] time_zone = "UTC": {why}; or an IANA name such as "Asia/Shanghai"{busiest}'
        )
    else:
        why = "days and hours are counted in it"
    draft.data["time_zone"] = Entry(
        "UTC", why + busiest, [("time_zone", "Asia/Shanghai", "another IANA name: where the shoppers are")]
    )


def put_who(draft: Draft, profile: Profile, key: str, *, needed: str = "") -> str | None:
    """Say which column is the user (``user_id``) or the item (``item_id``)."""
    role = key.removesuffix("_id")
    found = pick(profile, role, draft.taken(profile), is_id) or pick(
        profile, role, draft.taken(profile), lambda column: column.looks in ("integer", "text"), 0.7
    )
    if found is None and not profile.read.header:
        return _put_by_place(draft, profile, key)
    if found is None:
        if needed:
            example = next(
                (c.name for c in profile.columns.values() if is_id(c) and c.name not in draft.taken(profile)),
                role,
            )
            draft.lacking.append(Lacking(key, example, needed))
        return None
    name = found.column.name
    note = "" if found.sure else "unsure: its name is no usual one"
    session = role == "user" and "session" in joined(name)
    if session:
        note = "unsure: a session; what a person does in the next one is not joined to it"
    draft.put(key, name, note, [(key, other, "") for other in found.others], unsure=not found.sure or session)
    draft.take(profile, name, role)
    return name


def _put_by_place(draft: Draft, profile: Profile, key: str) -> str | None:
    """Take the first column of ids that is left, of files without names: users stand before items."""
    left = [
        c.name
        for c in profile.columns.values()
        if is_id(c) and c.looks != "number" and c.name not in draft.taken(profile)
    ]
    if not left:
        return None
    draft.put(key, left[0], "unsure: told by its place alone", [(key, other, "") for other in left[1:4]])
    draft.take(profile, left[0], key.removesuffix("_id"))
    return left[0]


def put_amount(draft: Draft, profile: Profile) -> str | None:
    """Say which column holds amounts, whether they are of one piece, and in which currency."""
    found = pick(profile, "amount", draft.taken(profile), is_amount)
    if found is None:
        if "amount" in profile.columns and "amount" not in draft.taken(profile):
            draft.put("amount", "none", "its column holds no numbers: every pay counts 1", unsure=True)
        return None
    name = found.column.name
    note = "" if found.sure else "unsure: is this what was paid?"
    instead: list[Instead] = [("amount", other, "") for other in found.others]
    draft.put(
        "amount",
        name,
        note,
        [*instead, *([("amount", "none", "every pay counts 1")] if not found.sure else [])],
    )
    draft.take(profile, name, "amount")
    many = pick(profile, "quantity", draft.taken(profile), lambda column: column.is_number)
    if many is not None and joined(name) in _UNIT_PRICES:
        piece = "unit" in tokens(name)
        draft.put(
            "quantity", many.column.name,
            f"an amount is {name} times this" + ("" if piece else "; unsure: leave it out if the price is of all pieces"),
            unsure=not piece,
        )  # fmt: skip
        draft.take(profile, many.column.name, "quantity")
    money = pick(profile, "currency", draft.taken(profile), lambda column: column.looks == "text", 0.6)
    if money is not None:
        draft.put("currency", money.column.name)
        draft.take(profile, money.column.name, "currency")
        if len(money.column.values) > 1:
            rates = {value.upper(): 1.0 for value, _ in money.column.values}
            draft.lacking.append(
                Lacking(
                    "currencies",
                    rates,
                    "there are several currencies: give the rate of each to one of them",
                    "data",
                )
            )
    return name


def exact_distinct(con: duckdb.DuckDBPyConnection, profile: Profile, column: str) -> tuple[int, int]:
    """Return how many distinct values a column has, and how many rows have one."""
    [(distinct, rows)] = con.execute(
        f"SELECT count(DISTINCT {identifier(column)}), count({identifier(column)}) FROM {profile.table.name}"
    ).fetchall()
    return int(distinct), int(rows)


def put_event_id(con: duckdb.DuckDBPyConnection, draft: Draft, profile: Profile) -> None:
    """Say which column tells events apart; ids of orders do not, since lines of an order share one."""
    found = pick(
        profile, "event_id", draft.taken(profile), lambda column: column.looks in ("integer", "text"), 0.65
    )
    if found is None or fit("event_id", found.column.name)[0] < 0.65:
        return
    distinct, rows = exact_distinct(con, profile, found.column.name)
    if rows and distinct == rows:
        draft.put("event_id", found.column.name, "a value of its own in every row")
        draft.take(profile, found.column.name, "event id")


def put_arrival(draft: Draft, profile: Profile, clocks: Mapping[str, Clock]) -> None:
    """Name a column that may say when an event became known; it is not used unless the user says so."""
    found = pick(profile, "arrival_time", draft.taken(profile), lambda column: column.name in clocks, 0.65)
    if found is not None:
        draft.take(profile, found.column.name, "left out: perhaps when the event became known (arrival_time)")
        draft.columns["arrival_time"] = Entry(
            None, "", [("arrival_time", found.column.name, "if it says when an event became known")]
        )
        draft.unsure.append(
            f"{found.column.name!r} may say when an event became known: arrival_time = {found.column.name!r} "
            "delivers events at that time; it is not set"
        )
