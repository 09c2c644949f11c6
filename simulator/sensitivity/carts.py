"""The first question: what a cart on the day of the click does to a pay in the coming sale.

It is asked of clicks that did not pay on their day: nobody else can pay first in the sale, and among all clicks a cart also
tells that nobody had paid before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.evaluation.causal.observed import Observed
from simulator.log.reader import Log
from simulator.log.schema import Bool, Float64, Int32, Int64, column_slices
from simulator.prepromotion import PrePromotion
from simulator.randomness import draws
from simulator.sensitivity.covariates import Covariates, instrument_columns, observed_of, users_or_rows
from simulator.sensitivity.question import Instrument, Question
from simulator.units import DAY, SECOND, format_duration
from simulator.windows import Windows

CATEGORY = "category"
"""The feature that tells what kind of item a click was on; without it every item is its own."""
BEFORE = 3 * DAY
"""How long before its click a user's pays are looked at."""
POTENTIAL = ("delayed_if_cart", "delayed_if_none")
"""Columns of a world's truth: whether a delayed pay comes (or would come) with a cart on the day, and without."""


@dataclass(slots=True)
class _Clicks:
    """All clicks of the log in order, but for their features."""

    time: Int64
    user: Int64
    kind: Int64
    """Category, or item where there is none."""
    first_pay: Int64
    day: Int64
    """Local."""
    carted: Bool
    """On the click's own local day."""
    direct: Bool
    """Paid first on it."""


def cart_question(
    log: Log,
    windows: Windows,
    before: PrePromotion,
    *,
    instrument: str | None = None,
    known: bool = False,
    hidden: bool | None = None,
    most: int,
) -> Question | str:
    """Gather the clicks of the pre-promotion windows whose sales the log has seen end, but those that paid on their day.

    Parameters
    ----------
    before : what is direct, delayed and carted.
    instrument : feature that moves carts and nothing else; ``known`` if a world makes it so.
    hidden : whether a world has a hidden intent.
    most : rows; of more, whole users are left out.

    Returns
    -------
    The question, or why there is none.
    """
    promotions = before.calendar.promotions
    seen = [k for k, p in enumerate(promotions) if p.anticipation and p.end <= log.meta.observed_until]
    if not seen:
        return "no promotion with an anticipation is over before the log ends"
    clicks = _all_clicks(log, windows, before)
    place = before.promotion(clicks.time)
    inside = np.flatnonzero(np.isin(place, seen))
    chosen = inside[~clicks.direct[inside]]
    if not clicks.carted[chosen].any():
        return "no click before a sale has a cart on its own day"
    user, note = users_or_rows(clicks.user[chosen])
    notes = [*_notes(before, windows, clicks, inside), *([note] if note else [])]
    if (of := len(chosen)) > most:
        kept = draws(user, "sensitivity") < most / of
        chosen, user = chosen[kept], user[kept]
        notes.append(f"{len(chosen):,} of {of:,} clicks are taken, by users")
    columns, ids = _columns(log, before, clicks, chosen, instrument)
    observed = observed_of(
        columns, clicks.carted[chosen], before.delayed(clicks.time[chosen], clicks.first_pay[chosen]), user
    )
    return Question(
        name="carts",
        treatment="a cart on the day of the click",
        outcome="a first pay in the coming sale, none on the day of the click",
        rows="clicks before a sale that did not pay on their day",
        observed=observed,
        instrument=instrument_of(log, instrument, ids, known=known),
        controls=_controls(observed, clicks, chosen),
        potential=_potential(log, chosen),
        hidden=hidden,
        parts={promotions[k].name: place[chosen] == k for k in seen} if len(seen) > 1 else {},
        notes=notes,
    )


def _all_clicks(log: Log, windows: Windows, before: PrePromotion) -> _Clicks:
    """Read all clicks once, of their features the category alone."""
    place = place_of(log, CATEGORY)
    found: dict[str, list[Int64]] = {name: [] for name in ("time", "pay", "cart", "kind", "user", "item")}
    for batch, labels in log.labelled(windows, features=place is not None):
        kind = np.zeros(len(batch), np.int64) if place is None else batch.features[:, place].astype(np.int64)
        columns = {"time": batch.time, "pay": labels.first_pay, "cart": labels.first_cart, "kind": kind}
        for name, column in columns.items():
            found[name].append(column)
    for _, ids in log.ids():
        found["user"].append(ids["user_id"])
        found["item"].append(ids["item_id"])
    all_of = {name: np.concatenate([np.empty(0, np.int64), *parts]) for name, parts in found.items()}
    time, pay = all_of["time"], all_of["pay"]
    return _Clicks(
        time,
        all_of["user"],
        all_of["item" if place is None else "kind"],
        pay,
        before.calendar.clock.local(time) // DAY,
        before.same_day(time, all_of["cart"]),
        before.same_day(time, pay),
    )


def _columns(
    log: Log, before: PrePromotion, clicks: _Clicks, chosen: Int64, instrument: str | None
) -> tuple[dict[str, list[Float64]], Int32]:
    """Return the covariates of the chosen clicks, each by what was known when its pre-promotion window began, and their ids."""
    covariates = Covariates(log.features, () if instrument is None else (instrument,))
    place = before.promotion(clicks.time)
    wanted = np.zeros(len(place), np.bool_)
    wanted[chosen] = True
    cursor, rows, ids, columns = log.meta.start, [], [], []
    for k in np.unique(place[chosen]):
        promotion = before.calendar.promotions[k]
        opens = promotion.start - promotion.anticipation
        today = before.calendar.clock.one(opens) // DAY
        for batch in log.clicks(cursor, opens):
            of = slice(batch.row, batch.row + len(batch))
            over = clicks.day[of] < today
            covariates.learn(batch.features[over], clicks.carted[of][over], clicks.direct[of][over])
        cursor = max(cursor, opens)
        for batch in log.clicks(opens, promotion.start):
            mine = np.flatnonzero((wanted & (place == k))[batch.row : batch.row + len(batch)])
            rows.append(mine + batch.row)
            ids.append(batch.features[mine])
            columns.append(covariates.columns(ids[-1]))
    order = np.argsort(np.concatenate(rows))
    found = {
        name: [
            np.concatenate([part[name][c] for part in columns])[order] for c in range(len(columns[0][name]))
        ]
        for name in columns[0]
    }
    days = (before.opening(clicks.time[chosen]) - clicks.time[chosen]) / DAY
    found["time to the sale"] = [days, days**2]
    # A click late on its day has less of it left to put something in the cart.
    hour = before.calendar.clock.local(clicks.time[chosen]) % DAY / DAY
    found["time of the day"] = [hour, hour**2, hour**4]
    found["which sale"] = [(place[chosen] == k).astype(np.float64) for k in np.unique(place[chosen])[1:]]
    return found, np.concatenate(ids)[order]


def place_of(log: Log, name: str) -> int | None:
    """Return which column of a log's features one of a single column takes; None where there is no such feature."""
    for feature, place in zip(log.features, column_slices(log.features), strict=True):
        if feature.name == name and feature.width == 1:
            return int(place.start)
    return None


def instrument_of(log: Log, name: str | None, ids: Int32, *, known: bool) -> Instrument | None:
    """Return the instrument of that name, from the features of rows; None where it never varies."""
    place = None if name is None else place_of(log, name)
    if name is None or place is None or len(np.unique(ids[:, place])) < 2:
        return None
    return Instrument(name, instrument_columns(ids[:, place]), known)


def _controls(observed: Observed, clicks: _Clicks, chosen: Int64) -> dict[str, Observed]:
    """Return what must show no effect where nothing is hidden."""
    x, a, y, user = observed.covariates, observed.treatment, observed.outcome, observed.user
    earlier = _paid_before(clicks, chosen)
    other = _carted_another(clicks, chosen)
    within = np.column_stack([x, a])
    return {
        f"effect of the cart on a pay of the user in the {format_duration(BEFORE)} before the click": Observed(
            x, a, earlier, user
        ),
        "effect on the outcome of a cart of the user that day on another kind of item": Observed(
            within, other, y, user
        ),
    }


def _paid_before(clicks: _Clicks, chosen: Int64) -> Float64:
    """Tell which clicks' users had paid, for any click, in the time before."""
    _, user = np.unique(clicks.user, return_inverse=True)
    scale = int(max(clicks.time.max(), clicks.first_pay.max())) // SECOND + 2
    paid = clicks.first_pay >= 0
    keys = np.sort(user[paid] * scale + clicks.first_pay[paid] // SECOND)
    at = user[chosen] * scale
    now = at + clicks.time[chosen] // SECOND
    count = np.searchsorted(keys, now) - np.searchsorted(keys, np.maximum(now - BEFORE // SECOND, at))
    paid_before: Float64 = (count > 0).astype(np.float64)
    return paid_before


def _carted_another(clicks: _Clicks, chosen: Int64) -> Float64:
    """Tell which clicks' users put an item of another kind in the cart on the same day."""
    _, day = np.unique(np.column_stack([clicks.user, clicks.day]), axis=0, return_inverse=True)
    _, same = np.unique(np.column_stack([day, clicks.kind]), axis=0, return_inverse=True)
    all_of, of_kind = (np.bincount(group, clicks.carted) for group in (day, same))
    another: Float64 = (all_of[day[chosen]] > of_kind[same[chosen]]).astype(np.float64)
    return another


def _potential(log: Log, chosen: Int64) -> tuple[Float64, Float64] | None:
    if not {*POTENTIAL} <= {*log.meta.truth}:
        return None
    truth = [columns for _, columns in log.truth()]
    one, none = (np.concatenate([part[name] for part in truth])[chosen] for name in POTENTIAL)
    return one, none


def _notes(before: PrePromotion, windows: Windows, clicks: _Clicks, inside: Int64) -> list[str]:
    """Say what rows and outcome leave out of the clicks of the windows."""
    time, pay, direct = clicks.time[inside], clicks.first_pay[inside], clicks.direct[inside]
    between = (pay >= 0) & ~direct & (pay < before.opening(time))
    found = [
        f"{direct.mean():.1%} of the clicks before a sale pay on their day and are left out: carts are taken not to change it",
        f"{between.mean():.1%} of them pay first between their day and the sale, and are no delayed ones",
    ]
    cut = before.closing(time) - time > windows.attribution
    if cut.any():
        found.append(
            f"of {cut.mean():.0%} of the clicks the attribution window ({format_duration(windows.attribution)}) ends before "
            "the sale does: later pays do not count"
        )
    return found
