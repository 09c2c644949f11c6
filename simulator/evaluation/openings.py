"""Hour by hour around each promotion: what was predicted, and what came. Averages over a sale hide its opening."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from simulator.calendar import Calendar, Promotion
from simulator.evaluation.tasks import Outcome
from simulator.log.schema import Float64, Int64
from simulator.units import HOUR

BEFORE, AFTER = 72, 48
"""Hours that are shown before the opening and after the end."""


class Openings:
    """Sums by the hour of the click, for every promotion, method and task."""

    def __init__(self, calendar: Calendar) -> None:
        self._openings = [_Opening(promotion) for promotion in calendar.promotions]

    def add(
        self, time: Int64, outcomes: Mapping[str, Outcome], predicted: Mapping[str, Mapping[str, Float64]]
    ) -> None:
        """Enter judged clicks: their times, what they are judged on by task, and predictions by method and task."""
        for opening in self._openings:
            opening.add(time, outcomes, predicted)

    def summary(self) -> list[dict[str, Any]]:
        """Return one entry a promotion that had clicks around its opening.

        ``hour`` counts from the opening; per task ``rows``, ``label`` (sum of final labels) and ``expected`` (sum of
        true expectations; None where no truth is known), and per method the sum of its predictions.
        """
        return [opening.summary() for opening in self._openings if opening.tasks]


class _Opening:
    def __init__(self, promotion: Promotion) -> None:
        self.promotion = promotion
        self.first = promotion.start - BEFORE * HOUR
        self.hours = BEFORE + AFTER + -(-(promotion.end - promotion.start) // HOUR)
        self.tasks: dict[str, dict[str, Float64]] = {}
        self.methods: dict[str, dict[str, Float64]] = {}

    def add(
        self, time: Int64, outcomes: Mapping[str, Outcome], predicted: Mapping[str, Mapping[str, Float64]]
    ) -> None:
        hour = (time - self.first) // HOUR
        inside = (hour >= 0) & (hour < self.hours)
        if not inside.any():
            return
        for task, judged in outcomes.items():
            sums = self.tasks.setdefault(task, {})
            place = np.where(inside, hour, self.hours)[judged.kept]
            truth = {} if judged.truth is None else {"expected": judged.truth}
            for name, values in {"rows": np.ones(len(place)), "label": judged.label, **truth}.items():
                self._into(sums, name, place, values)
            for method, tasks in predicted.items():
                if task in tasks:
                    own = self.methods.setdefault(method, {})
                    self._into(own, task, place, tasks[task][judged.kept])

    def _into(self, sums: dict[str, Float64], name: str, place: Int64, values: Float64) -> None:
        found: Float64 = np.bincount(place, values, self.hours + 1)[:-1].astype(np.float64)
        sums[name] = sums[name] + found if name in sums else found

    def summary(self) -> dict[str, Any]:
        promotion = self.promotion
        return {
            "name": promotion.name,
            "start": promotion.start,
            "end": promotion.end,
            "hour": list(range(-BEFORE, self.hours - BEFORE)),
            "tasks": {task: {"expected": None, **sums} for task, sums in self.tasks.items()},
            "methods": self.methods,
        }


def joined_openings(
    one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return summaries of the same promotions with the tasks of both."""
    found = {(opening["name"], opening["start"]): opening for opening in other}
    joined = []
    for opening in one:
        more = found.get((opening["name"], opening["start"]), {"tasks": {}, "methods": {}})
        methods = {
            name: {**opening["methods"].get(name, {}), **more["methods"].get(name, {})}
            for name in {**opening["methods"], **more["methods"]}
        }
        joined.append({**opening, "tasks": {**opening["tasks"], **more["tasks"]}, "methods": methods})
    return joined
