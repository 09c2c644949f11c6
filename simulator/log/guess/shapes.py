"""The shape of files, and what their columns mean in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from simulator.errors import UsageError
from simulator.log.guess import pairs, wide
from simulator.log.guess.clock import Clock
from simulator.log.guess.common import (
    clocks_of,
    pick_time,
    put_amount,
    put_arrival,
    put_event_id,
    put_time,
    put_who,
    put_zone,
)
from simulator.log.guess.draft import Draft, Entry, Instead, Lacking
from simulator.log.guess.features import add_features
from simulator.log.guess.kinds import put_kinds
from simulator.log.guess.profile import Profile
from simulator.log.guess.roles import flags_of, is_amount, is_id, is_order, kind_column, pick
from simulator.log.intake.kinds import flag_sql
from simulator.log.sql import identifier

OPENERS = ("view", "cart", "favourite")


def draft_of(
    con: duckdb.DuckDBPyConnection,
    profiles: Sequence[Profile],
    shape: str | None = None,
    opens: str | None = None,
) -> Draft:
    """Decide what the files are, in the shape that is said, else in the one that fits."""
    clocks = [clocks_of(con, profile) for profile in profiles]
    if len(profiles) == 2:
        draft = pairs.events(con, profiles, clocks)
    else:
        shape = shape or _shape(con, profiles[0], clocks[0])
        make = {"touches": _touches, "rows": wide.rows, "purchases": _purchases}[shape]
        profiles[0].key = profiles[0].table.key = shape
        draft = make(con, profiles[0], clocks[0], opens)
    for profile in profiles:
        if not profile.read.header:
            names = list(profile.columns)
            draft.read["header"] = Entry(
                False,
                "the first line is a row; columns are numbered unless names are given",
                [("names", names, "in their order")],
            )
            draft.unsure.append(
                f"{profile.told} has no line of names: columns are called {names[0]} to {names[-1]}; [data.read] names = [...] "
                "gives them better ones (then change [data.columns] too)"
            )
        if profile.read.delimiter is not None:
            draft.read["delimiter"] = Entry(profile.read.delimiter)
        if profile.read.unnest is not None:
            draft.read["unnest"] = Entry(profile.read.unnest, "the entries of its lists are the rows")
    return draft


def _shape(con: duckdb.DuckDBPyConnection, profile: Profile, clocks: Mapping[str, Clock]) -> str:
    kinds = kind_column(profile, ())
    met = set() if kinds is None else set(kinds.mapping.values())
    if not met & set(OPENERS) and wide.has_followers(con, profile, clocks):
        return "rows"
    if met & {*OPENERS, "?"}:
        return "touches"
    flags = set(flags_of(profile, ()).values())
    if flags & set(OPENERS) and flags & {"cart", "pay"}:
        return "touches"
    user = pick(profile, "user", (), is_id)
    bought = pick(profile, "amount", (), is_amount) is not None or any(
        map(is_order, profile.columns.values())
    )
    if user is not None and (bought or met & {"pay", "refund"}):
        return "purchases"
    return "rows" if wide.labels(profile) else "touches"


def _touches(
    con: duckdb.DuckDBPyConnection, profile: Profile, clocks: Mapping[str, Clock], opens: str | None
) -> Draft:
    draft = Draft("touches", [profile])
    clock = put_time(draft, profile, clocks, pick_time(profile, clocks))
    kinds = kind_column(profile, draft.taken(profile))
    flags = {} if kinds is not None else flags_of(profile, draft.taken(profile))
    counts: dict[str, int] = {}
    if kinds is not None:
        put_kinds(draft, profile, kinds, (*OPENERS, "pay", "refund", "ignore"))
        for value, count in kinds.column.values:
            kind = kinds.mapping.get(value.removesuffix(".0"), kinds.mapping.get(value, ""))
            counts[kind] = counts.get(kind, 0) + count
    elif len(set(flags.values())) > 1:
        counts = _put_flags(con, draft, profile, flags)
    else:
        example = next(
            (c.name for c in profile.columns.values() if c.values and c.name not in draft.taken(profile)),
            "event",
        )
        draft.lacking.append(
            Lacking(
                "kind",
                example,
                "no column says what happened (view, cart, pay, ...): name it, and its values by kinds",
            )
        )
    put_who(
        draft,
        profile,
        "user_id",
        needed="events belong to the click of the same user: name the column of users",
    )
    if put_who(draft, profile, "item_id") is None:
        draft.unsure.append(
            "no column of items was found: an event belongs to the latest click of its user, whatever the item"
        )
    put_amount(draft, profile)
    put_event_id(con, draft, profile)
    put_arrival(draft, profile, clocks)
    _put_opens(draft, counts, opens)
    put_zone(draft, clock)
    add_features(draft, profile, clocks)
    return draft


def _put_flags(
    con: duckdb.DuckDBPyConnection, draft: Draft, profile: Profile, flags: Mapping[str, str]
) -> dict[str, int]:
    draft.columns["flags"] = Entry(dict(flags), "true where that happened")
    counts: dict[str, int] = {}
    for flag, kind in flags.items():
        draft.take(profile, flag, f"flag: {kind}")
        [(n,)] = con.execute(
            f"SELECT count(*) FROM {profile.table.name} AS source WHERE {flag_sql(flag)}"
        ).fetchall()
        counts[kind] = counts.get(kind, 0) + int(n)
    opening = [flag for flag, kind in flags.items() if kind in OPENERS]
    paying = [flag for flag, kind in flags.items() if kind == "pay"]
    if opening and paying:
        both = " OR ".join(flag_sql(flag) for flag in opening), " OR ".join(flag_sql(flag) for flag in paying)
        [(paid, same)] = con.execute(
            f"SELECT count(*) FILTER ({both[1]}), count(*) FILTER (({both[0]}) AND ({both[1]})) "
            f"FROM {profile.table.name} AS source"
        ).fetchall()
        if paid and same > 0.5 * paid:
            draft.unsure.append(
                f"[data.columns] flags: {same:,} of {paid:,} pays stand in the row of their click, so their delay "
                "is 0: without "
                "the time of the pay there is no delayed feedback to study"
            )
    return counts


def _put_opens(draft: Draft, counts: Mapping[str, int], opens: str | None) -> None:
    """Say what opens a journey: what was asked for, else views, carts or favourites, whichever the table has."""
    there = [kind for kind in OPENERS if counts.get(kind)]
    if opens is not None:
        draft.data["opens"] = Entry(opens, "as asked for")
    elif there:
        instead: list[Instead] = [("opens", kind, f"{counts[kind]:,} rows") for kind in there[1:]]
        draft.data["opens"] = Entry(there[0], f"{counts[there[0]]:,} rows open a journey", instead)
        pays = counts.get("pay", 0)
        if there[0] == "view" and pays and counts["view"] < 2 * pays:
            draft.unsure.append(
                f'[data] opens = "view": there are only {counts["view"]:,} views for {pays:,} pays; were views kept of buyers '
                "alone? Then a rate per view means nothing"
                + (f', and opens = "{there[1]}" is better' if there[1:] else "")
            )
    elif counts and "?" not in counts:
        draft.lacking.append(
            Lacking(
                "opens",
                "view",
                "no value of the column of kinds is a view, cart or favourite: say which",
                "data",
            )
        )
    if counts and not counts.get("pay") and "?" not in counts:
        draft.lacking.append(
            Lacking(
                "kinds",
                {"VALUE": "pay"},
                f"no value is known to be a pay; the column holds {', '.join(counts)}",
            )
        )


def _purchases(
    con: duckdb.DuckDBPyConnection, profile: Profile, clocks: Mapping[str, Clock], opens: str | None
) -> Draft:
    del opens
    draft = Draft("purchases", [profile])
    clock = put_time(draft, profile, clocks, pick_time(profile, clocks))
    kinds = kind_column(profile, draft.taken(profile))
    if kinds is not None and kinds.codes != "?" and set(kinds.mapping.values()) & {"pay", "refund"}:
        put_kinds(draft, profile, kinds, ("pay", "refund", "ignore"))
    put_who(draft, profile, "user_id", needed="a journey is what one user buys: name the column of users")
    put_who(draft, profile, "item_id")
    amount = put_amount(draft, profile)
    put_event_id(con, draft, profile)
    if amount is not None:
        _say_negative(con, draft, profile, amount)
    if "item_id" in draft.columns:
        draft.data["attribute_by"] = Entry(
            ["user_id", "item_id"],
            "a journey is one user's purchases of one item",
            [("attribute_by", ["user_id"], "of all items: then any later purchase is a repurchase")],
        )
    put_arrival(draft, profile, clocks)
    put_zone(draft, clock)
    add_features(draft, profile, clocks)
    return draft


def _say_negative(con: duckdb.DuckDBPyConnection, draft: Draft, profile: Profile, amount: str) -> None:
    sizes = [amount, *([draft.columns["quantity"].value] if "quantity" in draft.columns else [])]
    below = " OR ".join(f"TRY_CAST({identifier(name)} AS DOUBLE) < 0" for name in sizes)
    [(negative,)] = con.execute(f"SELECT count(*) FROM {profile.table.name} WHERE {below}").fetchall()
    if negative:
        draft.columns["amount"].note = (
            draft.columns["amount"].note + "; " * bool(draft.columns["amount"].note)
        ) + f"{negative:,} amounts are negative: refunds"


def check_asked(profiles: int, shape: str | None, opens: str | None) -> None:
    """Refuse options that do not go with the sources.

    Raises
    ------
    UsageError : so it is.
    """
    if shape == "events" and profiles != 2:
        raise UsageError("--shape events: takes two sources, the clicks and the events")
    if shape not in (None, "events") and profiles == 2:
        raise UsageError(f"--shape {shape}: is of one table, but the two sources have different columns")
    if opens is not None and shape not in (None, "touches"):
        raise UsageError(f"--opens goes with --shape touches, not with {shape}")
