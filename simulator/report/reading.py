"""A short reading of the results in plain sentences, each of them derived from the summary's numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simulator.evaluation.tasks import TASKS
from simulator.report import numbers
from simulator.report.notes import ranks
from simulator.report.populations import notes_beside, own_tables

_CALIBRATED = (0.9, 1.1)


def sentences(summary: Mapping[str, Any]) -> list[str]:
    """Return the sentences that a reader should start with, task by task."""
    found: list[str] = []
    for task in own_tables(summary):
        found += _ranking(summary, task)
        found += notes_beside(summary, task)
        found += _relative(summary, task)
        found += _calibration(summary, task)
    found += agreement_sentences(summary)
    found += _counts(summary)
    return found


def agreement_sentences(summary: Mapping[str, Any]) -> list[str]:
    """Say, in one sentence, what the papers' metric says of the truth; none where the truth is not known."""
    known = [one for one in summary.get("agreement", ()) if one["tau"] is not None]
    if not known:
        return []
    taus = " and ".join(f"{one['tau']:+.2f} for {numbers.title(one['truth'][1])}" for one in known)
    wrong = [one for one in known if one["first"] != one["truly"]]
    first = known[0]["first"]
    best = (
        "; ".join(
            f"by {numbers.title(one['truth'][1])} the best is {one['truly']}, not {first}" for one in wrong
        )
        or f"{first} leads by all of them"
    )
    said = (
        f"What the papers' metric says of the truth: over {known[0]['methods']} methods the AUC of CVR on clicks orders them "
        f"as the truth on all impressions does with Kendall's tau {taus} (1: the same order, 0: none in common); {best}."
    )
    return [said]


def _ranking(summary: Mapping[str, Any], task: str) -> Iterator[str]:
    ranking = summary["ranking"][task]
    methods, metric = ranking["methods"], ranking["metric"]
    yield from (f"{TASKS[task].short}: {said}." for said in summary.get("notes", {}).get(task, ()))
    placed = ranks(summary, task)
    methods = [method for method in methods if placed[method] != "-"]
    if not methods:
        return
    best = methods[0]
    if equal := [method for method in methods[1:] if placed[method] == placed[best]]:
        yield f"{TASKS[task].short}: {best} and {', '.join(equal)} are equal to the digit: they share the first rank."
        return
    value = numbers.number(metric, summary["methods"][best][task].get(metric))
    text = f"{TASKS[task].short}: {best} has the lowest {numbers.title(metric)} ({value})"
    interval = numbers.find_interval(summary, best, task, TASKS[task].primary)
    if interval is not None and interval["difference"] is not None:
        gap = numbers.number(metric, abs(interval["difference"]))
        low, high = (numbers.number(metric, interval[end], sign=True) for end in ("low", "high"))
        level = f"{summary['confidence']:.0%}"
        verdict = (
            "which excludes zero" if numbers.settled(interval) else "which does not exclude zero: not settled"
        )
        behind = "ahead of" if interval["difference"] <= 0 else "behind"
        if behind == "behind" and interval["baseline"] in ranking["references"]:
            text += " of what is updated"
        text += f", {gap} {behind} {interval['baseline']}; the {level} interval is {low} to {high}, {verdict}"
        if interval["blocks"] < numbers.FEW_BLOCKS:
            text += f" (only {interval['blocks']} blocks of segments: read it with care)"
    by_auc = max(methods, key=lambda m: (summary["methods"][m][task]["auc"] or 0.0, m))
    if by_auc != best:
        auc = numbers.number("auc", summary["methods"][by_auc][task]["auc"])
        text += f". By ranking alone it is {by_auc} (AUC {auc})"
    yield text + "."


def _relative(summary: Mapping[str, Any], task: str) -> Iterator[str]:
    ranking = summary["ranking"][task]
    reached = [(m, summary["methods"][m][task].get("ri_auc")) for m in ranking["methods"]]
    known = [(m, value) for m, value in reached if value is not None]
    if known and ranking["pretrained"] and ranking["oracle"]:
        method, value = max(known, key=lambda pair: pair[1])
        yield (
            f"{TASKS[task].short}: of the AUC that lies between the frozen model ({ranking['pretrained']}) and "
            f"perfect labels at once ({ranking['oracle']}), {method} recovers the most, {value:.0f}%."
        )


def _calibration(summary: Mapping[str, Any], task: str) -> Iterator[str]:
    """Say, in one sentence, in which phases most methods are off in the same direction."""
    methods = summary["ranking"][task]["methods"]
    said = []
    for phase, values in summary["phases"].items():
        pcoc = {m: values[m][task]["pcoc"] for m in methods if values[m][task]["pcoc"] is not None}
        for side, off in (
            ("too low", {m: v for m, v in pcoc.items() if v < _CALIBRATED[0]}),
            ("too high", {m: v for m, v in pcoc.items() if v > _CALIBRATED[1]}),
        ):
            if len(off) * 2 > len(methods):
                worst = (min if side == "too low" else max)(off, key=lambda m: (off[m], m))
                said.append(
                    f"in '{phase}' {len(off)} of {len(methods)} {side} (furthest off: {worst}, PCOC {off[worst]:.2f})"
                )
    if said:
        yield f"{TASKS[task].short}: most methods predict more than a tenth beside what comes: {'; '.join(said)}."


def _counts(summary: Mapping[str, Any]) -> Iterator[str]:
    log = summary["log"]
    if log.get("quarantined"):
        yield f"{log['quarantined']:,} of {log['read']:,} rows of the log were put aside and took no part."
    if log.get("immature"):
        yield (
            f"{log['immature']:,} served clicks were not judged, since the log ends before they mature; "
            f"{log['evaluated']:,} were."
        )
