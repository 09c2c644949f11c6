"""Figures of choice: what a method costs against what it loses, and how it stands to a baseline day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.evaluation.task import lower_is_better
from simulator.evaluation.tasks import TASKS
from simulator.log.schema import Float64, Int64
from simulator.report import numbers
from simulator.report.canvas import canvas, colour, date, draw, few, leading, over_time, plain
from simulator.units import DAY

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST_BASELINES = 6
_MOST_STRETCHES = 30
_FEWEST_SEGMENTS = 3
"""From fewer no band is drawn."""


def pareto_figure(summary: Mapping[str, Any], task: str) -> Figure | None:
    """Draw what a method loses against what its policy costs; the frontier joins those that no other one beats in both.

    A frozen model costs nothing and competes; bounds that read the truth are drawn, but are on no frontier.
    """
    ranking, metric = summary["ranking"][task], summary["ranking"][task]["metric"]
    sign = 1.0 if lower_is_better(metric) else -1.0
    competing = [*ranking["methods"], *filter(None, [ranking["pretrained"]])]
    methods = dict.fromkeys([*competing, *filter(None, [ranking["oracle"]])])
    loss = {m: summary["methods"][m][task].get(metric) for m in methods}
    methods = {m: None for m in methods if loss[m] is not None and m in summary["costs"]}
    views = []
    for title, costs in _costs(summary, list(methods)).items():
        known = [m for m in methods if costs[m] is not None]
        if len({costs[m] for m in known}) < 2:
            continue
        best: list[str] = []
        for m in sorted(set(known) & set(competing), key=lambda m: (costs[m], sign * loss[m])):
            if not best or sign * loss[m] < sign * loss[best[-1]]:
                best.append(m)
        views.append((title, costs, best))
    if not views:
        return None
    data = [
        {
            "x": [[costs[m] for m in best], *([] if costs[m] is None else [costs[m]] for m in methods)],
            "y": [[loss[m] for m in best], *([] if costs[m] is None else [loss[m]] for m in methods)],
        }
        for _, costs, best in views
    ]
    figure = canvas(460, [numbers.title(metric)], views[0][0])
    first = data[0]
    line = {"color": "#94a3b8", "width": 1.4, "dash": "dash", "shape": "hv"}
    figure.add_scatter(mode="lines", showlegend=False, x=first["x"][0], y=first["y"][0], line=line)
    for place, m in enumerate(methods, 1):
        figure.add_scatter(
            mode="markers+text", name=m, text=[m], showlegend=False, textposition="middle right",
            x=first["x"][place], y=first["y"][place], marker={"size": 10, "color": colour(m)},
        )  # fmt: skip
    buttons = [
        {"label": title, "method": "update", "args": [one, {"xaxis.title.text": title}]}
        for (title, _, _), one in zip(views, data, strict=True)
    ]
    figure.update_layout(updatemenus=[{"type": "dropdown", "name": "cost:", "buttons": buttons}])
    return figure


def _costs(summary: Mapping[str, Any], methods: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """Return what each method costs, by the kind of cost; None where it is not known."""
    costs: Mapping[str, Mapping[str, Any]] = summary["costs"]

    def hours(seconds: float | None) -> float | None:
        return None if seconds is None else round(seconds / 3600, 4)

    return {
        "samples a click": {m: _samples(costs[m]) for m in methods},
        "steps of training": {m: costs[m].get("steps") for m in methods},
        "age of a label at its first use, median, hours": {
            m: hours(costs[m]["label_age_s"]["p50"]) for m in methods
        },
    }


def _samples(costs: Mapping[str, Any]) -> float | None:
    """Return the samples that are delivered for a click: 0 where nothing is learnt, None where it is learnt from other rows."""
    known: float | None = costs["duplication_factor"]
    return known if known is not None or costs.get("samples_learned") else 0.0


def paired_figure(summary: Mapping[str, Any], metrics: pa.Table, task: str) -> Figure | None:
    """Draw by how much each method's primary metric differs from a baseline's, stretch by stretch, with a band.

    The difference is paired: of the same segments, weighted by their rows. The band is the t-interval over the segments of the
    stretch. Stretches are days, or several where there are many.
    """
    metric, order = TASKS[task].primary, leading(summary, task)
    cells = _cells(metrics, task, metric)
    methods = [m for m in order if m in cells]
    if len(methods) < 2:
        return None
    clock = numbers.clock_of(summary)
    middle = next(iter(cells.values()))[0]
    local = middle if clock is None else clock.local(middle.astype(np.int64)).astype(np.float64)
    length = max(1, int(np.ptp(local) // DAY + 1) // _MOST_STRETCHES + 1) * DAY
    _, index = np.unique(local // length, return_inverse=True)
    x = [date(at, clock) for at in np.bincount(index, middle) / np.bincount(index)]
    views = {}
    for baseline in methods[:MOST_BASELINES]:
        found = [
            paired(cells[m][1] - cells[baseline][1], cells[m][2], index, summary["confidence"])
            for m in methods
        ]
        views[baseline] = {
            "y": [plain(mean) for mean, _ in found],
            "error_y.array": [plain(half) for _, half in found],
            "error_y.arrayminus": [plain(half) for _, half in found],
        }
    figure = canvas(440, [f"{numbers.title(metric)} less that of the baseline"])
    first = next(iter(views.values()))
    for m, y, half in zip(methods, first["y"], first["error_y.array"], strict=True):
        draw(figure, summary, m, x, y)
        figure.data[-1].error_y = {"type": "data", "symmetric": False, "array": half, "arrayminus": half}
    figure.add_hline(y=0, line={"color": "#94a3b8", "width": 1})
    over_time(figure, summary)
    few(figure, methods)
    buttons = [{"label": m, "method": "restyle", "args": [view]} for m, view in views.items()]
    figure.update_layout(updatemenus=[{"type": "dropdown", "name": "baseline:", "buttons": buttons}])
    return figure


def paired(difference: Float64, rows: Float64, index: Int64, confidence: float) -> tuple[Float64, Float64]:
    """Return the weighted mean of differences in each stretch, and half the width of its t-interval over segments.

    Parameters
    ----------
    difference : of each segment; NaN where it is not known.
    rows : what each segment weighs.
    index : of the stretch that each segment is in, from 0.
    """
    from scipy.special import stdtrit  # not at every start

    rows = np.where(np.isfinite(difference), rows, 0.0)
    difference = np.where(rows > 0, difference, 0.0)
    known = rows > 0
    count, weight = np.bincount(index, known), np.bincount(index, rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(index, rows * difference) / weight
        spread = np.bincount(index, (rows * (difference - np.nan_to_num(mean)[index])) ** 2)
        error = np.sqrt(spread * count / (count - 1)) / weight
    error[count < _FEWEST_SEGMENTS] = np.nan
    return mean, error * stdtrit(np.maximum(count - 1, 1), (1 + confidence) / 2)


def _cells(metrics: pa.Table, task: str, metric: str) -> dict[str, tuple[Float64, Float64, Float64]]:
    """Return each method's cells in order of time: their middle (micros), the metric, the rows that it is over."""
    rows = metrics.filter(pc.and_(pc.equal(metrics["task"], task), pc.equal(metrics["metric"], metric)))
    found = {}
    for method in pc.unique(rows["method"]).to_pylist():
        own = rows.filter(pc.equal(rows["method"], method)).sort_by([("start", "ascending")])
        middle = (own["start"].to_numpy() + own["end"].to_numpy()) / 2.0
        found[method] = (middle, own["value"].to_numpy().astype(np.float64), own["rows"].to_numpy() * 1.0)
    return found
