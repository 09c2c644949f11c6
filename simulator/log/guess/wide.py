"""Wide rows: one row a click, with what followed in columns of its own."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from simulator.log.guess.clock import Clock, delay_unit
from simulator.log.guess.common import exact_distinct, pick_time, put_amount, put_time, put_who, put_zone
from simulator.log.guess.draft import Draft, Lacking
from simulator.log.guess.features import add_features
from simulator.log.guess.profile import Profile
from simulator.log.guess.roles import Followed, followed, is_flag, is_label, pick, values_of
from simulator.log.sql import identifier

NEVER = ("-1", "-1.0", "")
RARE = 0.02
"""If fewer clicks than this lack what followed, the column is of orders, not of clicks."""


def labels(profile: Profile) -> list[str]:
    """Return columns that say whether a click paid, without saying when."""
    return [c.name for c in profile.columns.values() if is_flag(c) and is_label(c)]


def has_followers(con: duckdb.DuckDBPyConnection, profile: Profile, clocks: Mapping[str, Clock]) -> bool:
    """Tell whether columns say when a click paid, and of many clicks that they did not."""
    time = pick_time(profile, clocks, followed=True)
    if time is None:
        return False
    return any(
        one.what == "pay" and _share_never(con, profile, name) > RARE
        for one in followed(profile, clocks, time.column.name)
        for name in one.columns
    )


def _share_never(con: duckdb.DuckDBPyConnection, profile: Profile, column: str) -> float:
    found = _never_counts(con, profile, column)
    return sum(found.values()) / max(profile.columns[column].rows, 1)


def _never_counts(con: duckdb.DuckDBPyConnection, profile: Profile, column: str) -> dict[str, int]:
    """Count the values that may mean never: none at all, -1, 0, and an empty list."""
    text = f"trim(CAST({identifier(column)} AS VARCHAR))"
    [row] = con.execute(
        f"SELECT count(*) FILTER ({identifier(column)} IS NULL OR {text} = '' OR {text} = '[]'), "
        f"count(*) FILTER ({text} IN ('-1', '-1.0')), count(*) FILTER ({text} IN ('0', '0.0')) FROM {profile.table.name}"
    ).fetchall()
    return dict(zip(("", "-1", "0"), map(int, row), strict=True))


def rows(
    con: duckdb.DuckDBPyConnection, profile: Profile, clocks: Mapping[str, Clock], opens: str | None
) -> Draft:
    """Say what the columns of wide rows mean."""
    del opens
    draft = Draft("rows", [profile])
    time = pick_time(profile, clocks, followed=True) or pick_time(profile, clocks)
    clock = put_time(draft, profile, clocks, time)
    click = pick(profile, "click_id", draft.taken(profile), lambda c: c.looks in ("integer", "text"), 0.6)
    if click is not None:
        distinct, there = exact_distinct(con, profile, click.column.name)
        if distinct == there == profile.table.rows:
            draft.put("click_id", click.column.name, "a value of its own in every row")
            draft.take(profile, click.column.name, "click id")
    after = followed(profile, clocks, None if time is None else time.column.name)
    for one in after:
        _put(con, draft, profile, one, clock)
    if not any(one.what == "pay" for one in after):
        told = labels(profile)
        why = f"{told[0]!r} says whether, but not when: " if told else ""
        example = next(
            (c.name for c in profile.columns.values() if c.name not in draft.taken(profile)), "pay_time"
        )
        draft.lacking.append(
            Lacking(
                "pay_time", example,
                f"{why}name the column of the time of the pay (or, by pay_delay, of its delay); without it there is no delayed "
                "feedback to study",
            )
        )  # fmt: skip
        for name in told:
            draft.take(profile, name, "label: whether, but not when")
    _amounts(draft, profile)
    put_who(draft, profile, "user_id")
    put_who(draft, profile, "item_id")
    put_zone(draft, clock)
    add_features(draft, profile, clocks)
    return draft


def _put(
    con: duckdb.DuckDBPyConnection,
    draft: Draft,
    profile: Profile,
    one: Followed,
    clock: Clock | None,
) -> None:
    key = f"{one.what}_{one.form}"
    value = one.columns[0] if len(one.columns) == 1 else list(one.columns)
    note = "" if one.sure else "unsure: the name does not say of what"
    draft.put(key, value, note, unsure=not one.sure)
    for name in one.columns:
        draft.take(profile, name, f"{one.what} {one.form}")
    counts = _never_counts(con, profile, one.columns[0])
    rows_ = profile.columns[one.columns[0]].rows
    _never(draft, one.columns[0], counts, rows_, delay=one.form == "delay")
    if one.form == "delay":
        _delay_unit(draft, profile, one.columns[0], clock)


def _never(draft: Draft, column: str, counts: Mapping[str, int], rows: int, *, delay: bool) -> None:
    told = ", ".join(
        f"{value!r}: {count:,}" if value else f"empty: {count:,}" for value, count in counts.items() if count
    )
    if counts["-1"] or counts[""]:
        if "never" not in draft.columns:
            draft.put("never", [-1, ""], f"of {rows:,} values of {column}, {told}" if told else "")
        if counts["0"] and not delay:
            draft.columns["never"].value = [-1, "", 0]
            draft.unsure.append(
                f"[data.columns] never: 0 in {column!r} ({counts['0']:,} rows) is taken for never as well"
            )
        elif counts["0"] > 0.2 * rows:
            draft.unsure.append(
                f"[data.columns] never: 0 in {column!r} ({counts['0']:,} rows) is taken for a delay of nothing; "
                'or never = [-1, 0, ""]'
            )
    elif counts["0"] > 0.02 * rows:
        draft.put(
            "never", [0, -1, ""], f"unsure: 0 stands in {counts['0']:,} of {rows:,} rows of {column}",
            [("never", [-1, ""], "0 is a time or delay like others")],
        )  # fmt: skip


def _delay_unit(draft: Draft, profile: Profile, column: str, clock: Clock | None) -> None:
    named = delay_unit(column)
    unit = str(clock.said.get("time_unit", "s")) if clock is not None else "s"
    largest = profile.columns[column].most
    if named is not None:
        draft.put("delay_unit", named, "as its name ends")
    elif "delay_unit" not in draft.columns:
        top = "" if largest is None else f": the largest is {largest:g}"
        draft.put(
            "delay_unit",
            unit,
            f"unsure: the unit of time{top}",
            [("delay_unit", other, "") for other in ("s", "h", "d") if other != unit],
        )


def _amounts(draft: Draft, profile: Profile) -> None:
    paid = values_of(profile, "pay", draft.taken(profile))
    many = max(
        (
            len(entry.value)
            for key, entry in draft.columns.items()
            if key in ("pay_time", "pay_delay") and isinstance(entry.value, list)
        ),
        default=1,
    )
    if paid:
        draft.put("amount", paid if many > 1 else paid[0])
        for name in paid if many > 1 else paid[:1]:
            draft.take(profile, name, "amount")
    else:
        put_amount(draft, profile)
        for key in ("quantity", "currency"):  # wide rows have neither
            if key in draft.columns:
                draft.roles.pop((profile.key, draft.columns.pop(key).value), None)
        draft.lacking = [one for one in draft.lacking if one.key != "currencies"]
    if "refund_time" in draft.columns or "refund_delay" in draft.columns:
        back = values_of(profile, "refund", draft.taken(profile))
        if back:
            draft.put("refund_amount", back[0] if len(back) == 1 else back)
            for name in back:
                draft.take(profile, name, "refund amount")
