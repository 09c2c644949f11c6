"""``[features.NAME]``: features that are made of what a log says of the past."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from simulator.errors import nearest, unknown
from simulator.log.schema import Feature
from simulator.scenario.base import Block
from simulator.units import PositiveDuration

ITEM = "item_id"
"""What ``of`` names beside the log's features."""
TAKEN = ("click_id", "time", "user_id", ITEM, "impression_id", "click_row", "click_time", "coin", "paid")
"""Columns of clicks and impressions that are no features."""
_OF_KIND = {
    "latest": {"event", "of", "longest", "buckets"},
    "popularity": {"event", "over", "bins"},
    "days-to-sale": {"most"},
}

DerivedName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$", max_length=80)]


class DerivedBlock(Block):
    """``[features]``: a feature made of what was known before each click, for any log; the log itself stays as it is.

    An event counts from the instant at which it became known (its arrival, or as ``stream.upload`` says), and only for what
    comes after that instant. "latest": the user's latest events, newest first, as tags: the learner takes the mean of their
    embeddings, or weighs them (``[learner.attention]``). "popularity": how many events the item had in the time before, in
    bins that are learnt on the history alone. "days-to-sale": days to the next promotion of the calendar; 0 inside one. It
    is a function of the click's time, and has its price: it tells a learner whether a row is fresh or delivered late, so
    that policies that deliver again suffer (as with ``time_features``), and what is learnt of a day's id says little of
    later days. Checks go on warning of it.
    """

    kind: Literal["latest", "popularity", "days-to-sale"]
    """What it is made of."""
    event: Literal["click", "cart", "pay"] = "click"
    """Which events are listed (latest) or counted (popularity)."""
    of: str = ITEM
    """latest: what is listed of each event's click: item_id, or a feature of the log."""
    longest: Annotated[int, Field(ge=1, le=64)] = 20
    """latest: events that are kept."""
    buckets: PositiveInt = 100_000
    """latest of item_id: ids of items; larger item ids share them by a hash."""
    over: PositiveDuration = "7d"  # type: ignore[assignment]
    """popularity: how long before the click events are counted."""
    bins: Annotated[int, Field(ge=1, le=100_000)] = 32
    """popularity: bins, whose edges are quantiles of the history's clicks."""
    most: Annotated[int, Field(ge=1, le=1000)] = 30
    """days-to-sale: more days than so many are one id, as is no further promotion."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        said, fields = self.model_dump(mode="json"), type(self).model_fields
        given = {name for name in said if name != "kind" and said[name] != fields[name].default}
        if foreign := sorted(given - _OF_KIND[self.kind]):
            allowed = ", ".join(sorted(_OF_KIND[self.kind]))
            raise ValueError(f"a feature of kind {self.kind!r} takes no {foreign[0]}; allowed: {allowed}")
        return self


def derived_faults(
    blocks: Mapping[str, DerivedBlock], features: Sequence[Feature], added: Collection[str] = ()
) -> list[str]:
    """Return what is wrong with derived features on a log that has ``features``; each fault begins with its key.

    Parameters
    ----------
    added : names of features that are added to the log's otherwise (hour and weekday).
    """
    known = {feature.name: feature for feature in features}
    taken = {name.lower(): "a feature of the log" for name in (*known, *added)}
    taken |= dict.fromkeys(TAKEN, "a column of every log")
    faults = []
    for name, block in blocks.items():
        if (what := taken.get(name.lower())) is not None:
            faults.append(f"features.{name}: {name!r} is {what} already; give this one another name")
        taken.setdefault(name.lower(), "a derived feature")
        if block.kind != "latest" or block.of == ITEM:
            continue
        listed = [one for one, feature in known.items() if not feature.tags]
        if block.of not in known:
            told = unknown("feature of the log", block.of, [ITEM, *listed])
            faults.append(f'features.{name}.of = "{block.of}": {told}')
        elif known[block.of].tags:
            near = nearest(block.of, listed)
            faults.append(
                f'features.{name}.of = "{block.of}": is a feature of tags, of which an event has no one id; '
                f"allowed: {', '.join([ITEM, *listed])}.{near}"
            )
    return faults
