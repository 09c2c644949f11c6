"""The second question: what a click on an impression does, that is, whether it would pay if it were clicked."""

from __future__ import annotations

import numpy as np

from simulator.log.reader import Log
from simulator.log.schema import Bool, Float64, Int32, Int64
from simulator.randomness import draws
from simulator.scenario.timeline import Timeline
from simulator.sensitivity.carts import instrument_of
from simulator.sensitivity.covariates import Covariates, observed_of, users_or_rows
from simulator.sensitivity.question import Question
from simulator.windows import Windows


def click_question(
    log: Log,
    windows: Windows,
    line: Timeline,
    *,
    instrument: str | None = None,
    known: bool = False,
    hidden: bool | None = None,
    most: int,
) -> Question | str:
    """Gather the impressions of the stream whose labels are final; rates of ids are those of the history.

    Parameters
    ----------
    instrument : feature that moves clicks and nothing else; ``known`` if a world makes it so. It is no covariate,
        nor is what is crossed with it.
    hidden : whether a world has a hidden intent.
    most : rows; of more, whole users are left out.

    Returns
    -------
    The question, or why there is none.
    """
    if not log.has_impressions:
        return "the log does not say what was shown"
    start = line.stream_start
    end = min(line.stream_end, log.meta.observed_until - windows.longest_click - windows.lifetime)
    ids = [columns["user_id"] for _, columns in log.shown_ids(start, end)] if end > start else []
    whole = np.concatenate([np.empty(0, np.int64), *ids])
    if not len(whole):
        return "no impression of the stream has a final label"
    user, note = users_or_rows(whole)
    kept = draws(user, "sensitivity") < most / len(whole)
    rows, matrix, clicked, converted = _rows(log, windows, start, end, kept)
    covariates = Covariates(log.features, _crosses(log, instrument))
    for batch, labels in log.exposed(windows, line.history_start, line.history_end):
        covariates.learn(batch.features, labels.clicked, labels.converted)
    notes = [note] if note else []
    if len(whole) > most:
        notes.append(f"{len(rows):,} of {len(whole):,} impressions are taken, by users")
    return Question(
        name="clicks",
        treatment="a click",
        outcome="a pay inside the attribution window of the click",
        rows="impressions",
        observed=observed_of(covariates.columns(matrix), clicked, converted, user[kept]),
        instrument=instrument_of(log, instrument, matrix, known=known),
        potential=_potential(log, rows, start, end),
        hidden=hidden,
        randomised=_randomised(log, start, end),
        notes=notes,
    )


def _crosses(log: Log, name: str | None) -> list[str]:
    """Return the features that give an instrument away: itself, and those crossed with it (``position_x_page``)."""
    return [f.name for f in log.features if name is not None and name in f.name.split("_x_")]


def _rows(log: Log, windows: Windows, start: int, end: int, kept: Bool) -> tuple[Int64, Int32, Bool, Bool]:
    """Return places in the log, features, clicks and conversions of the impressions that are kept."""
    parts, place = [], 0
    for batch, labels in log.exposed(windows, start, end):
        here = np.flatnonzero(kept[place : place + len(batch)])
        parts.append((batch.rows[here], batch.features[here], labels.clicked[here], labels.converted[here]))
        place += len(batch)
    rows, matrix, clicked, converted = (np.concatenate(column) for column in zip(*parts, strict=True))
    return rows, matrix, clicked, converted


def _potential(log: Log, rows: Int64, start: int, end: int) -> tuple[Float64, Float64] | None:
    """Return P(V(1) = 1) of each impression, and that nobody pays who did not click."""
    if not log.has_exposure:
        return None
    parts = list(log.exposure(start, end))
    chance = np.concatenate([columns["p_pay"] for _, columns in parts])[rows - parts[0][0]]
    return chance, np.zeros(len(chance))


def _randomised(log: Log, start: int, end: int) -> tuple[float, float] | None:
    """Return the rate of paying of those impressions whose click a coin decided, and its standard error."""
    paid = [
        batch.paid[batch.coin == 1] for batch in log.impressions(start, end, features=False, which="slice")
    ]
    outcomes = np.concatenate([np.empty(0, np.int8), *paid])
    if not len(outcomes):
        return None
    rate = float(outcomes.mean())
    return rate, (rate * (1 - rate) / len(outcomes)) ** 0.5
