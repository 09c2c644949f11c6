"""Two tables: clicks, and events that name their click."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from simulator.log.guess.clock import Clock
from simulator.log.guess.common import (
    exact_distinct,
    pick_time,
    put_amount,
    put_event_id,
    put_time,
    put_who,
    put_zone,
)
from simulator.log.guess.draft import Draft, Entry, Lacking
from simulator.log.guess.features import add_features
from simulator.log.guess.kinds import put_kinds
from simulator.log.guess.profile import Column, Profile
from simulator.log.guess.roles import Pick, kind_column
from simulator.log.guess.words import PAID, SENT_BACK, fit, joined, says, tokens
from simulator.log.intake.values import spelt
from simulator.log.sql import identifier

_PROBED = 20_000
EVENT_KINDS = ("cart", "pay", "refund", "ignore")


def order_of(profiles: Sequence[Profile]) -> list[Profile]:
    """Return the clicks first: what is called so, what has no kinds, what has more rows."""

    def eventful(profile: Profile) -> tuple[int, int, int]:
        parts = tokens(profile.patterns[0].rsplit("/", 1)[-1])
        named = says(
            parts, ("event", "events", "conversions", "orders", "purchases", *PAID, *SENT_BACK)
        ) - says(parts, ("click", "clicks", "impressions", "clk"))
        kinds = kind_column(profile, ())
        told = kinds is not None and bool(set(kinds.mapping.values()) & {"pay", "refund", "cart"})
        return int(named), int(told), -profile.table.rows

    found = sorted(profiles, key=eventful)
    for one, key in zip(found, ("clicks", "events"), strict=True):
        one.key = one.table.key = key
    return found


def events(
    con: duckdb.DuckDBPyConnection, profiles: Sequence[Profile], clocks: Sequence[Mapping[str, Clock]]
) -> Draft:
    """Say what the columns of clicks and events mean; ``profiles`` are in that order."""
    clicks, happened = profiles
    draft = Draft("events", [clicks, happened])
    _join(con, draft, clicks, happened)
    clock = put_time(draft, clicks, clocks[0], pick_time(clicks, clocks[0]))
    time = pick_time(happened, clocks[1])
    _event_time(draft, happened, clocks[1], time, clock)
    kinds = kind_column(happened, draft.taken(happened))
    if kinds is not None:
        put_kinds(draft, happened, kinds, EVENT_KINDS)
    elif happened.table.files[0].form == "text":
        name = happened.patterns[0].rsplit("/", 1)[-1]
        draft.read["parts"] = Entry(
            [{"match": name, "add": {"kind": "pay"}}], "unsure: the file says no kind; all its rows are pays"
        )
        draft.put("kind", "kind", "from [data.read] parts")
        draft.unsure.append(
            f"{happened.told} has no column of kinds: all its rows are taken for pays ([data.read] parts; or name the "
            "column by kind = ...)"
        )
    else:
        draft.lacking.append(
            Lacking(
                "kind",
                "kind",
                f"no column of {happened.told} says what happened (cart, pay, refund): name it, or add one that holds 'pay'",
            )
        )
    put_amount(draft, happened)
    put_event_id(con, draft, happened)
    for key in ("user_id", "item_id"):
        put_who(draft, clicks, key)
    put_zone(draft, clock)
    add_features(draft, clicks, clocks[0])
    for column in happened.columns.values():
        if column.name not in draft.taken(happened):
            draft.take(happened, column.name, "not used: what comes with events is no feature")
    return draft


def _event_time(
    draft: Draft, happened: Profile, clocks: Mapping[str, Clock], time: Pick | None, clock: Clock | None
) -> None:
    put_time(draft, happened, clocks, time, "event_time")
    if time is None or clock is None:
        return
    own = clocks[time.column.name]
    for key, value in own.said.items():
        if clock.said.get(key) != value:
            # The intake reads both files by one unit unless it finds each by itself.
            draft.columns.pop(key, None)
            draft.unsure.append(
                f"times of clicks and of events are of different units or forms ({key}: {clock.said.get(key)!r} and "
                f"{value!r}): each is found by itself"
            )


def _join(con: duckdb.DuckDBPyConnection, draft: Draft, clicks: Profile, happened: Profile) -> None:
    """Find the columns by which events name their click."""
    scored = []
    for mine in clicks.columns.values():
        if not _can_be_id(mine, clicks.table.rows):
            continue
        for theirs in happened.columns.values():
            if theirs.looks not in ("integer", "text") or theirs.distinct < 2:
                continue
            same = joined(mine.name) == joined(theirs.name)
            named = max(fit("click_id", theirs.name)[0], fit("click_id", mine.name)[0])
            if not same and not named:
                continue
            met = _share_met(con, clicks, mine, happened, theirs)
            scored.append((met > 0.5, named + same, met, mine.name, theirs.name))
    if scored:
        met_well, named, met, mine_name, theirs_name = max(scored)
        distinct, rows = exact_distinct(con, clicks, mine_name)
        note = f"{met:.0%} of the events looked at name a click" + (
            "" if distinct == rows else f"; {rows - distinct:,} ids are used again"
        )
        unsure = not met_well or named < 0.6 or distinct < 0.9 * rows
        draft.put("click_id", mine_name, note, unsure=unsure)
        draft.take(clicks, mine_name, "click id")
        if theirs_name != mine_name:
            draft.put("event_click_id", theirs_name)
        draft.take(happened, theirs_name, "click of the event")
        return
    example = next(iter(clicks.columns))
    draft.lacking.append(
        Lacking(
            "click_id",
            example,
            f"no column of {happened.told} names the clicks of {clicks.told}: name it (event_click_id where it is called "
            "otherwise among the events)",
        )
    )


def _can_be_id(column: Column, rows: int) -> bool:
    return column.looks in ("integer", "text", "number") and column.distinct > 0.5 * rows


def _share_met(
    con: duckdb.DuckDBPyConnection, clicks: Profile, mine: Column, happened: Profile, theirs: Column
) -> float:
    own, other = (spelt(identifier(c.name), c.kind) for c in (mine, theirs))
    [(met, asked)] = con.execute(
        f"SELECT count(*) FILTER (id IN (SELECT {own} FROM {clicks.table.name})), count(*) FROM "
        f"(SELECT {other} AS id FROM {happened.table.name} WHERE {identifier(theirs.name)} IS NOT NULL LIMIT {_PROBED})"
    ).fetchall()
    return int(met) / max(int(asked), 1)
