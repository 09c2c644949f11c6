"""What results do not say, in words: nothing to rank, one class only, delivered nothing, equal to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.evaluation.results import Results
from simulator.evaluation.tasks import TASKS
from simulator.verdict.candidates import silent

POSITIVE = {
    "cvr": "click paid",
    "netcvr": "click paid and kept what it bought",
    "rfr": "pay was refunded",
    "ctr": "impression was clicked",
    "ctcvr": "impression was clicked and paid",
}
"""What a positive label is, in the words of "no ... ": a log may have none."""


def notes_of(results: Results, costs: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return, for each task, the reasons why numbers of it are missing or mean nothing; mostly there are none."""
    overall = results.overall()
    found: dict[str, list[str]] = {}
    for task in results.tasks:
        methods = [method for method, tasks in results.methods.items() if task in tasks]
        series, whole = results.series[methods[0], task], overall[methods[0]][task]
        said = []
        if not whole.rows:
            said.append(f"no {TASKS[task].of.removesuffix('s')} could be judged: nothing to rank")
        elif not whole.positives:
            said.append(f"no {POSITIVE.get(task, 'label is above 0')}: nothing to rank")
        elif TASKS[task].binary:
            judged = series.rows > 0
            one = judged & ((series.positives == 0) | (series.positives == series.rows))
            if count := int(one.sum()):
                said.append(
                    f"one class only in {count} of {int(judged.sum())} segments: they have no AUC, and count for none"
                )
            if whole.positives == whole.rows:
                said.append("all labels are positive: nothing to rank")
        frozen = results.scale.get(task, (None, None))[0]  # that it delivers nothing is what it is for
        if mute := [method for method in methods if method != frozen and silent(costs.get(method, {}))]:
            said.append(f"delivered nothing, so that nothing was learned in the stream: {', '.join(mute)}")
        found[task] = said
    return found


def ranks(summary: Mapping[str, Any], task: str) -> dict[str, str]:
    """Return the rank of each competing method as text: ties share one (``1=``); ``-`` where there is none.

    No rank has whatever delivered nothing, has no number, or is judged on labels of one class.
    """
    rows, metric = summary["rows"][task], TASKS[task].primary
    one_class = TASKS[task].binary and rows["positives"] in (0, rows["rows"])
    values: dict[str, float | None] = {}
    for method in summary["ranking"][task]["methods"]:
        mute = silent(summary["costs"].get(method, {}))
        value = summary["methods"][method][task].get(metric)
        values[method] = None if mute or one_class or not rows["positives"] else value
    known = [value for value in values.values() if value is not None]
    found: dict[str, str] = {}
    rank, place, last = 0, 0, None
    for method, value in values.items():
        if value is None:
            found[method] = "-"
            continue
        place += 1
        rank, last = (rank, last) if value == last else (place, value)
        found[method] = f"{rank}=" if known.count(value) > 1 else str(rank)
    return found
