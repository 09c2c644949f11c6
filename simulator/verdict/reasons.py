"""Why one method does better than another in a stretch: one sentence, by rules on what was measured of both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.evaluation.tasks import TASKS
from simulator.log.schema import Float64
from simulator.units import DAY, HOUR
from simulator.verdict.candidates import Candidates, mean_cost
from simulator.verdict.judge import Case, pcoc
from simulator.verdict.losses import means

FEW = 20
"""Labels below which an hour says nothing of calibration."""
FAR = 3.0
"""Standard deviations from which on a push is none of chance."""
_PHASE = {"opening": "promotion", "day": "promotion"}


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured of a method in a stretch, over all runs; NaN where it was not.

    Parameters
    ----------
    pcoc : predicted over observed; ``hour`` is that of the hour furthest off, which began ``at`` hours after the opening.
    off : what its miscalibration costs in NLL a row, cell by cell.
    fakes : share of the negatives it was taught that paid later; ``age`` in seconds at first use (median); ``push`` in standard
        deviations: how far more came than was believed in (below 0), or less.
    """

    pcoc: float
    off: float
    auc: float
    hour: float
    at: int
    fakes: float
    age: float
    push: float


def measures(cases: Sequence[Case], method: str, name: str, task: str) -> Measures:
    """Gather what was measured of a method in a stretch."""
    summaries = [one.summary for one in cases]
    auc, off = [], []
    for one in cases:
        inside = one.stretches[name].inside
        ranked = means(one.measured, [method], "auc")
        rows = float(ranked.weight[inside].sum())
        auc.append(-float(ranked.total[method][inside].sum()) / rows if rows else math.nan)
        served, seen = (one.measured.values[method, key][inside] for key in ("sum_prediction", "sum_label"))
        count = one.measured.rows[method, "sum_label"][inside].sum()
        off.append(_miscalibration(served, seen) / count if count else math.nan)
    hour, at = _furthest(cases, method, name, task)
    return Measures(
        pcoc(cases, method, name),
        float(np.mean(off)),
        float(np.mean(auc)),
        hour,
        at,
        mean_cost(summaries, method, "fake_negative_rate"),
        mean_cost(summaries, method, "label_age_s", "p50"),
        mean_cost(summaries, method, "push", "phases", _PHASE.get(name, name), "z"),
    )


def _miscalibration(served: Float64, seen: Float64) -> float:
    """What it costs in NLL that sums of small probabilities are off by a factor c: label (c - 1 - ln c) in each cell."""
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = np.where(seen > 0, served - seen - seen * np.log(served / seen), served)
    return float(np.nansum(cost))


def _furthest(cases: Sequence[Case], method: str, name: str, task: str) -> tuple[float, int]:
    """Return the PCOC of the hour around the openings that is furthest off, inside a stretch, and which hour it is."""
    sums: dict[int, list[float]] = {}
    around = [(one, opening) for one in cases for opening in one.summary.get("openings", ())]
    for one, opening in around:
        own = opening["methods"].get(method, {}).get(task)
        labels = opening["tasks"].get(task, {}).get("label")
        if own is None or labels is None:
            continue
        time = opening["start"] + np.array(opening["hour"], np.int64) * HOUR
        cell = np.maximum(np.searchsorted(one.measured.start, time, side="right") - 1, 0)
        for at in np.flatnonzero(one.stretches[name].inside[cell] & (time >= one.measured.start[cell])):
            total = sums.setdefault(opening["hour"][at], [0.0, 0.0])
            total[0], total[1] = total[0] + own[at], total[1] + labels[at]
    known = {hour: served / seen for hour, (served, seen) in sums.items() if seen >= FEW and served > 0}
    if not known:
        return math.nan, 0
    furthest = max(known, key=lambda hour: abs(math.log(known[hour])))
    return known[furthest], furthest


def why(
    cases: Sequence[Case], of: Candidates, task: str, name: str, best: str, other: str, margin: float
) -> str:
    """Say why ``best`` does better than ``other`` in a stretch: in what it shows, and what it comes from.

    Parameters
    ----------
    margin : by how much the loss of ``best`` is below; what calibration has of it is told where it is a difference in NLL.
    """
    a, b = (measures(cases, method, name, task) for method in (best, other))
    shown = _shows(a, b, other, margin if TASKS[task].binary else math.nan)
    cause = _cause(a, b, of, best, other)
    return (f"{shown}; {cause}" if cause else shown) + "."


def _shows(a: Measures, b: Measures, other: str, margin: float) -> str:
    share = (b.off - a.off) / margin if margin > 0 else math.nan
    nearer = abs(math.log(a.pcoc)) < abs(math.log(b.pcoc)) if a.pcoc > 0 and b.pcoc > 0 else False
    ranks = f"AUC {a.auc:.3f} against {b.auc:.3f}"
    both = f"PCOC {a.pcoc:.2f} against {b.pcoc:.2f}"
    part = (
        ""
        if math.isnan(share)
        else f"{min(max(share, 0.0), 1.0):.0%} of the margin to {other} is calibration"
    )
    if share >= 0.5:
        worst = "" if math.isnan(b.hour) else f"; {other} is furthest off {_when(b.at)}, at {b.hour:.2f}"
        return f"{part} ({both}{worst})"
    part += ", and " if part else f"over {other}: "
    if a.auc > b.auc:
        return f"{part}it ranks better ({ranks}; {both})"
    if nearer:
        return f"{part}it is closer over the whole ({both}; {ranks})"
    return f"{part}neither order nor the whole tells why ({both}; {ranks})"


def _when(hour: int) -> str:
    if hour < 0:
        return f"{-hour}h before the opening"
    return f"{hour}h after the opening" if hour else "in the first hour of the sale"


def _cause(a: Measures, b: Measures, of: Candidates, best: str, other: str) -> str:
    """Say what was measured of the labels that the worse one learnt from; "" where nothing of it explains a loss."""
    if other in of.idle:
        return f"{other} has learnt nothing since the stream began"
    if abs(b.push) >= FAR and abs(b.push) > abs(a.push if math.isfinite(a.push) else 0.0):
        side = "more" if b.push < 0 else "less"
        return f"{side} came than {other} believed in (net push {b.push:+.0f} sd)"
    learns = "" if best not in of.idle else f"{best} learns from none, "
    if b.pcoc < 1 and b.fakes > (a.fakes if math.isfinite(a.fakes) else 0.0):
        against = learns or (f"{best}: {a.fakes:.1%}, " if math.isfinite(a.fakes) else "")
        return f"{against}{b.fakes:.1%} of the negatives that {other} was taught paid later"
    if b.age > max(2 * a.age if math.isfinite(a.age) else 0.0, 60.0):
        against = learns or f"those of {best} {_age(a.age)}, "
        return f"{against}labels that {other} learns from are {_age(b.age)} old at first use"
    return ""


def _age(seconds: float) -> str:
    return f"{seconds * 1e6 / DAY:.1f}d" if seconds * 1e6 >= DAY else f"{seconds / 60:.0f}m"
