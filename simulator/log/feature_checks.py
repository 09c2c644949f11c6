"""What a feature gives away: doubts about features that no click can have known, or that no model can use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from simulator.log.feature_times import Times
from simulator.log.reader import HOUR_OF_DAY, WEEKDAY
from simulator.log.schema import (
    Bool,
    ClickBatch,
    Feature,
    ImpressionBatch,
    ImpressionLabels,
    Int32,
    Int64,
    Labels,
    column_slices,
)
from simulator.log.source import Source
from simulator.ranking import weighted_auc
from simulator.units import DAY, HOUR
from simulator.windows import Windows

if TYPE_CHECKING:
    from simulator.scenario.model import Scenario
    from simulator.scenario.timeline import Timeline

ROWS = 500_000
"""Clicks that are read at most."""
TELLING = 0.95
"""AUC of one feature alone above which it is doubted."""
CERTAIN = 0.999
"""AUC above which nothing but the outcome itself ranks."""
FEWEST = 30
"""Clicks of either outcome without which nothing is said."""
MOST_ALIKE = 0.9
"""A quantity of which so many are equal is predicted by anything."""

DoubtKind = Literal["tells payers", "tells clicks", "constant", "function of time", "function of events"]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a feature should be looked at; ``message`` is a sentence with its name, the figure and what to do."""

    feature: str
    kind: DoubtKind
    message: str


def doubts_of(log: Source, scenario: Scenario, timeline: Timeline) -> list[Doubt]:
    """Return the doubts about a scenario's log over its history, or over its stream where it has none."""
    start, end = timeline.history_start, timeline.history_end
    if end <= start:
        start, end = timeline.stream_start, timeline.stream_end
    return feature_doubts(log, scenario.windows.windows(), start, end)


def feature_doubts(
    source: Source, windows: Windows, start: int | None = None, end: int | None = None, rows: int = ROWS
) -> list[Doubt]:
    """Look at each feature alone, over the clicks of ``[start, end)``, at most the first ``rows`` of them.

    How well an id tells an outcome is judged on other clicks than those it was learnt from (two halves), so that ids
    with a click each tell nothing. Hour and weekday that were asked for are left alone. Where the log has impressions, the
    features that pass are looked at over these too: alone none should tell who clicks, or who clicks and pays.
    """
    if not source.features:
        return []
    found = _click_doubts(source, windows, start, end, rows)
    if source.has_impressions:
        found += _impression_doubts(source, windows, start, end, rows, {doubt.feature for doubt in found})
    return found


def _click_doubts(
    source: Source, windows: Windows, start: int | None, end: int | None, rows: int
) -> list[Doubt]:
    parts = list(_first(source.labelled(windows, start, end), rows))
    if not parts:
        return []
    clicks = ClickBatch.concatenate([batch for batch, _ in parts])
    outcomes = _Outcomes(clicks, Labels.concatenate([labels for _, labels in parts]))
    times, found = Times(clicks.time), []
    for feature, part in _looked_at(source):
        found += _doubts(feature, clicks.features[:, part], times, outcomes)
    return found


def _looked_at(source: Source) -> Iterator[tuple[Feature, slice]]:
    """Yield the features of the log and their columns; not what was added of the time."""
    for feature, part in zip(source.features, column_slices(source.features), strict=True):
        # A column of the log may be named like them.
        if feature is not HOUR_OF_DAY and feature is not WEEKDAY:
            yield feature, part


def _impression_doubts(
    source: Source, windows: Windows, start: int | None, end: int | None, rows: int, known: set[str]
) -> list[Doubt]:
    """Look at the features that are not ``known`` to be doubtful over impressions."""
    parts = list(_first(source.exposed(windows, start, end), rows))
    if not parts:
        return []
    shown = ImpressionBatch.concatenate([batch for batch, _ in parts])
    labels = ImpressionLabels.concatenate([label for _, label in parts])
    half = _half(shown.rows)
    found = []
    for feature, part in _looked_at(source):
        if feature.name in known:
            continue
        halves = _Halves(_compact(shown.features[:, part], feature.cardinality), half)
        for kind, what, label in (
            ("tells clicks", "who clicks", labels.clicked),
            ("tells payers", "who clicks and pays", labels.converted),
        ):
            if (figure := halves.ranked(label)) > TELLING:
                message = (
                    f"feature {feature.name!r} alone tells {what} with an AUC of {_cut(figure, 3)} over "
                    f"{len(half):,} impressions. Is it known when something is shown? If not, leave it out."
                )
                found.append(Doubt(feature.name, cast("DoubtKind", kind), message))
                break
    return found


_Rows = TypeVar("_Rows", ClickBatch, ImpressionBatch)
_Final = TypeVar("_Final", Labels, ImpressionLabels)


def _first(labelled: Iterator[tuple[_Rows, _Final]], rows: int) -> Iterator[tuple[_Rows, _Final]]:
    for batch, labels in labelled:
        yield batch[:rows], labels[:rows]
        rows -= len(batch)
        if rows <= 0:
            return


def _half(row: Int64) -> Bool:
    """Part rows in halves by a hash: clicks of one user often come in turns with those of another."""
    mixed: Bool = (row.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(63) == 1
    return mixed


class _Outcomes:
    """What events say of clicks, and the halves of the clicks that judge each other."""

    def __init__(self, clicks: ClickBatch, labels: Labels) -> None:
        self.half: Bool = _half(np.arange(clicks.row, clicks.row + len(clicks)))
        self.events = {
            "who pays": labels.converted,
            "who refunds": labels.refunded,
            "who pays again": labels.pay_count > 1,
        }
        self.payers = np.flatnonzero(labels.converted)
        paid_at = labels.first_pay[self.payers]
        self.told = {"the number of pays": labels.pay_count[self.payers].astype(np.int64)}
        # Pays uploaded at one time of day follow the click by what is left of the day: a function of time, and known.
        _, alike = np.unique(paid_at % DAY // 1_000_000, return_counts=True)
        if len(alike) and alike.max() <= len(paid_at) / 2:
            self.told["the delay of the pay in hours"] = (paid_at - clicks.time[self.payers]) // HOUR


def _doubts(feature: Feature, cells: Int32, times: Times, outcomes: _Outcomes) -> list[Doubt]:
    name = feature.name
    if len(cells) > 1 and (cells == cells[0]).all():
        value = "no tag at all" if cells[0, 0] < 0 else f"id {', '.join(map(str, cells[0]))}"
        return [
            Doubt(
                name,
                "constant",
                f"feature {name!r} is constant: all {len(cells):,} clicks looked at have {value}, "
                "so no model can learn from it. Leave it out.",
            )
        ]
    ids = _compact(cells, feature.cardinality)
    found = _of_payers_and_events(name, ids, outcomes)
    if not feature.tags and (how := times.tell(ids[:, 0])) is not None:
        found.append(
            Doubt(
                name,
                "function of time",
                f"feature {name!r} is a function of the time of the click ({how}), so what is learnt of its ids says "
                "little of later clicks. Leave it out; time_features = true gives hour and weekday.",
            )
        )
    return found


def _compact(cells: Int32, cardinality: int) -> Int64:
    """Return ids from 1 on, 0 for no tag, that tables no longer than a few times the clicks can be kept of."""
    if cardinality <= 4 * len(cells):
        return cells.astype(np.int64) + 1
    met = np.unique(np.append(cells.ravel(), -1), return_inverse=True)[1]
    return met[:-1].reshape(cells.shape).astype(np.int64)


def _of_payers_and_events(name: str, ids: Int64, outcomes: _Outcomes) -> list[Doubt]:
    halves = _Halves(ids, outcomes.half)
    figures = {what: halves.ranked(label) for what, label in outcomes.events.items()}
    for what, figure in figures.items():
        if figure >= CERTAIN:
            return [_leak(name, f"alone it tells {what} inside the window with an AUC of {_cut(figure, 4)}")]
    for what, values in outcomes.told.items():
        if (share := _known(ids[outcomes.payers], values, outcomes.half[outcomes.payers])) >= TELLING:
            return [_leak(name, f"its id tells {what} of {100 * share:.1f} % of the payers looked at")]
    figure = figures["who pays"]
    if not figure > TELLING:
        return []
    return [
        Doubt(
            name,
            "tells payers",
            f"feature {name!r} alone tells who pays inside the attribution window with an AUC of {_cut(figure, 3)}. "
            "Is it known at the click? If not, leave it out.",
        )
    ]


def _leak(name: str, how: str) -> Doubt:
    message = (
        f"feature {name!r} is a function of what events say later: {how}. "
        "No click can have known it; leave it out."
    )
    return Doubt(name, "function of events", message)


def _cut(figure: float, digits: int) -> str:
    """Write an AUC without rounding it up to 1."""
    return f"{np.floor(figure * 10**digits) / 10**digits:.{digits}f}"


class _Halves:
    """The ids of a feature in either half of the clicks, and how often each is met there."""

    def __init__(self, ids: Int64, half: Bool) -> None:
        self._half, self._size = half, int(ids.max()) + 1
        self._ids = [ids[half], ids[~half]]
        self._count = [np.bincount(cells.ravel(), minlength=self._size) for cells in self._ids]

    def ranked(self, label: Bool) -> float:
        """Return the AUC of the rates of the ids in the other half (0.5 where there is too little to say); either direction.

        Of several tags that with the highest rate counts; id 0 is no tag. An id that the other half lacks has the mean rate.
        """
        positives = int(np.count_nonzero(label))
        if min(positives, len(label) - positives) < FEWEST or not all(map(len, self._ids)):
            return 0.5
        tags = self._ids[0].shape[1]
        true = [label[self._half].astype(np.float64), label[~self._half].astype(np.float64)]
        hits = [
            np.bincount(cells.ravel(), np.repeat(of, tags), self._size)
            for cells, of in zip(self._ids, true, strict=True)
        ]
        parts: list[tuple[NDArray[Any], ...]] = []
        for learnt, asked in ((0, 1), (1, 0)):
            count = self._count[learnt]
            rate = np.where(count > 0, hits[learnt] / np.maximum(count, 1), true[learnt].mean())
            if tags > 1:
                rate[0] = -1.0  # never the highest
                parts.append((rate[self._ids[asked]].max(axis=1), true[asked], 1 - true[asked]))
            else:  # clicks of one id have one score: there are fewer ids to sort than clicks
                met = np.flatnonzero(self._count[asked])
                parts.append((rate[met], hits[asked][met], (self._count[asked] - hits[asked])[met]))
        figure = weighted_auc(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        return max(figure, 1 - figure)


def _known(ids: Int64, values: Int64, half: Bool) -> float:
    """Return how often the most frequent value of an id in one half is the value in the other; 0 where that says nothing.

    It says nothing where few ids are met again, or nearly all values are equal anyhow.
    """
    learnt, asked = np.flatnonzero(half), np.flatnonzero(~half)
    if ids.shape[1] > 1 or min(len(learnt), len(asked)) < FEWEST:
        return 0.0
    _, value, count = np.unique(values, return_inverse=True, return_counts=True)
    if count.max() > MOST_ALIKE * len(values):
        return 0.0
    pair = ids[learnt, 0] * len(count) + value[learnt]
    pairs, often = np.unique(pair, return_counts=True)
    order = np.argsort(often, kind="stable")  # the most frequent value of an id is written last
    usual = np.full(int(ids.max()) + 1, -1)
    usual[pairs[order] // len(count)] = pairs[order] % len(count)
    told = usual[ids[asked, 0]]
    met = told >= 0
    if np.count_nonzero(met) < max(FEWEST, len(asked) / 2):
        return 0.0
    return float(np.mean(told[met] == value[asked][met]))
