"""What the values of the column of kinds mean, and what of it is not sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simulator.log.guess.draft import Draft, Entry, Lacking
from simulator.log.guess.profile import Profile
from simulator.log.guess.roles import Kinds


def put_kinds(draft: Draft, profile: Profile, kinds: Kinds, allowed: Sequence[str]) -> None:
    """Say which column holds the kinds, and what each value means; lacking where codes mean nothing."""
    name = kinds.column.name
    draft.put(
        "kind",
        name,
        "" if kinds.sure or kinds.codes else "unsure: told by its values",
        unsure=not kinds.sure and not kinds.codes,
    )
    draft.take(profile, name, "kind")
    counts = {value.removesuffix(".0"): count for value, count in kinds.column.values}
    listed = ", ".join(f"{value} ({count:,})" for value, count in list(counts.items())[:12])
    if kinds.codes == "?":
        guess = _codes_by_count(list(counts))
        draft.lacking.append(
            Lacking(
                "kinds",
                guess,
                f"nothing says what the codes of {name!r} mean (allowed: {', '.join(allowed)}); rows: {listed}",
            )
        )
        return
    mapping = {value: kind if kind in allowed else "ignore" for value, kind in kinds.mapping.items()}
    if len(mapping) > 40:
        mapping = dict(list(mapping.items())[:40])
    note = f"unsure: as in {kinds.codes}; rows: {listed}" if kinds.codes else f"rows: {listed}"
    draft.columns["kinds"] = Entry(mapping, note)
    if kinds.codes:
        draft.unsure.append(
            f"[data.columns] kinds: the codes of {name!r} are read as in {kinds.codes} ({_told(mapping)}); rows: {listed}"
        )
        return
    for value, why in list(kinds.doubts.items())[:10]:
        draft.unsure.append(
            f"[data.columns] kinds: {value!r} is taken for {mapping.get(value)!r} ({why}); allowed: {', '.join(allowed)}"
        )


def _told(mapping: Mapping[str, str]) -> str:
    return ", ".join(f"{value} = {kind}" for value, kind in mapping.items())


def _codes_by_count(codes: Sequence[str]) -> dict[str, str]:
    """Return an example: the most frequent code is usually a view, the others are for the user to say."""
    kinds = ("view", "cart", "pay")
    return {code: kinds[min(k, 2)] if k < 3 else "ignore" for k, code in enumerate(codes)}
