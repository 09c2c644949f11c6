"""What the metric that papers have, the AUC of CVR on clicks, says of the truth on all impressions: whether it orders methods
alike (Kendall's tau).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.evaluation.intervals import Combined, combine_seeds
from simulator.evaluation.results import Results
from simulator.evaluation.task import lower_is_better

PAPERS = ("cvr", "auc")
"""Task and metric by which published methods are ranked."""
TRUE = (("cvr_all", "auc"), ("cvr_all", "regret_nll"))
"""Tasks and metrics of the truth."""
FEWEST = 3
"""Methods below which there is no order to speak of."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Whether a metric that can be observed orders methods as one of the truth does.

    ``tau`` is Kendall's tau-b over ``methods``, both read so that better is higher: 1 is the same order, 0 none in common, -1
    the reverse. ``first`` is the best method by what is observed and ``truly`` by the truth.
    """

    observed: tuple[str, str]
    truth: tuple[str, str]
    tau: float
    methods: int
    first: str
    truly: str


def agreements(results: Results) -> list[Agreement]:
    """Return how far the papers' metric orders the competing methods of a run as the truth does; none where a world does not
    say it, or where fewer than three methods have both figures.
    """
    table, references = results.overall(), results.references(PAPERS[0])
    found = []
    for truth in TRUE:
        pairs = {}
        for method, tasks in table.items():
            if method not in references and PAPERS[0] in tasks and truth[0] in tasks:
                pair = tuple(_better(tasks[task].values[metric], metric) for task, metric in (PAPERS, truth))
                if all(map(math.isfinite, pair)):
                    pairs[method] = pair
        if len(pairs) >= FEWEST:
            seen, true = ({m: pair[k] for m, pair in pairs.items()} for k in (0, 1))
            best = (max(of, key=lambda m: (of[m], m)) for of in (seen, true))
            found.append(
                Agreement(PAPERS, truth, kendall(list(seen.values()), list(true.values())), len(pairs), *best)
            )
    return found


@dataclass(frozen=True, slots=True)
class Pooled:
    """How far a metric that can be observed orders methods as one of the truth does, over runs.

    ``right`` of the runs have the same best method by both.
    """

    observed: tuple[str, str]
    truth: tuple[str, str]
    tau: Combined
    right: int


def pooled(runs: Sequence[Sequence[Mapping[str, Any]]], confidence: float = 0.95) -> tuple[Pooled, ...]:
    """Return the agreement over runs by what the summary of each says of its own (``agreement``), for each metric of the
    truth; runs in which there is no order (tau is None) are left out.
    """
    found = []
    for truth in TRUE:
        own = [one for run in runs for one in run if tuple(one["truth"]) == truth and one["tau"] is not None]
        if own:
            tau = combine_seeds([one["tau"] for one in own], confidence)
            found.append(Pooled(PAPERS, truth, tau, sum(one["first"] == one["truly"] for one in own)))
    return tuple(found)


def kendall(left: list[float], right: list[float]) -> float:
    """Return Kendall's tau-b of two figures of the same things; NaN where one of them tells nothing apart."""
    agree, apart = 0, [0, 0]
    for i in range(len(left)):
        for j in range(i):
            signs = [_sign(of[i] - of[j]) for of in (left, right)]
            agree += signs[0] * signs[1]
            apart = [n + abs(sign) for n, sign in zip(apart, signs, strict=True)]
    return agree / math.sqrt(apart[0] * apart[1]) if all(apart) else math.nan


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _better(value: float, metric: str) -> float:
    return -value if lower_is_better(metric) else value
