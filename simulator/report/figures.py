"""The figures of the report, as plotly has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.clock import Clock
from simulator.evaluation.results import SUMS
from simulator.log.schema import Float64, Int64
from simulator.report import numbers
from simulator.report.canvas import (
    GRID,
    MOST_POINTS,
    SHADES,
    canvas,
    date,
    draw,
    few,
    leading,
    noons,
    over_time,
    plain,
    ratio_axis,
)
from simulator.units import DAY, HOUR

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_DELAY_TICKS = {
    "1 s": 1,
    "10 s": 10,
    "1 min": 60,
    "15 min": 900,
    "1 h": 3600,
    "6 h": 21_600,
    "1 d": 86_400,
    "3 d": 259_200,
    "7 d": 604_800,
    "30 d": 2_592_000,
}


@dataclass(frozen=True, slots=True)
class _Line:
    """Metrics of one method cell by cell: middle of each cell (micros), and by metric the rows it is over and its value."""

    middle: Float64
    rows: dict[str, Int64]
    values: dict[str, Float64]


def metric_figure(summary: Mapping[str, Any], metrics: pa.Table, task: str) -> Figure:
    """Ranking metrics over time: the primary one above, AUC below, per segment or by day."""
    first, second, _ = numbers.shown_metrics(summary, task)
    return _by_cell_or_day(summary, metrics, task, [first, second], 640)


def calibration_figure(summary: Mapping[str, Any], metrics: pa.Table, task: str) -> Figure:
    """PCOC over time on a log scale, where over- and under-prediction by the same factor look alike."""
    figure = _by_cell_or_day(summary, metrics, task, ["pcoc"], 420)
    values = [y for trace in figure.data for y in trace.y if y]
    ratio_axis(figure, wide=max(values, default=1.0) / min(values, default=1.0) > 2.5)
    return figure


def opening_figure(summary: Mapping[str, Any], task: str) -> Figure | None:
    """Predicted over expected by hour around the (last) opening, on a log scale: the averages of a day hide it.

    Expected is the world's truth where it is known, else the final labels.
    """
    openings = [o for o in summary.get("openings", ()) if task in o["tasks"]]
    if not openings:
        return None
    opening = openings[-1]
    sums = opening["tasks"][task]
    truth = sums.get("expected")
    expected = np.array(truth or sums["label"], np.float64)
    hours = (np.array(opening["hour"]) + 0.5).tolist()
    title = "predicted / " + ("true" if truth else "observed")
    clock = numbers.clock_of(summary)
    began = f" ({numbers.instant(opening['start'], clock)} {clock.zone})" if clock else ""
    figure = canvas(460, [title], f"hours since the opening of {opening['name']}{began}")
    ranking = summary["ranking"][task]
    for method in [*ranking["methods"], *ranking["references"]]:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.array(opening["methods"][method][task], np.float64) / expected
        draw(figure, summary, method, hours, plain(np.where(expected > 0, ratio, np.nan)))
    length = (opening["end"] - opening["start"]) / HOUR
    figure.add_vrect(
        x0=0, x1=length, fillcolor=SHADES["promotion"], opacity=0.08, line_width=0, layer="below"
    )
    figure.add_annotation(
        x=0, y=1.0, yref="paper", xanchor="left", yanchor="bottom", text="promotion", showarrow=False
    )
    ratio_axis(figure, wide=True)
    few(figure, leading(summary, task))
    return figure


def delay_figure(summary: Mapping[str, Any]) -> Figure | None:
    """How long after its click a sample is delivered: the share of samples against time, on a log axis."""
    cdf = {m: costs["delay_cdf"] for m, costs in summary["costs"].items() if costs["delay_cdf"]["seconds"]}
    if not cdf:
        return None
    last = max(*(points["seconds"][-1] for points in cdf.values()), 60.0)
    figure = canvas(400, ["share of samples delivered"], "time from the click to the delivery")
    for method, points in cdf.items():
        at_once = points["share"][0] if points["seconds"][0] <= 1.0 else 0.0
        x, y = [1.0, *points["seconds"], last], [at_once, *points["share"], 1.0]
        draw(figure, summary, method, x, y, shape="hv")
    few(figure, _best(summary))
    figure.update_layout(margin_t=24)
    figure.update_xaxes(type="log", tickvals=list(_DELAY_TICKS.values()), ticktext=list(_DELAY_TICKS))
    figure.update_yaxes(range=[-0.02, 1.02], tickformat=".0%")
    return figure


def correctness_figure(summary: Mapping[str, Any]) -> Figure | None:
    """Share of delivered labels that are final, and of zeros that turn into ones, by day of delivery."""
    clock = numbers.clock_of(summary)
    figure = canvas(520, ["label accuracy", "fake negatives"])
    for method, costs in summary["costs"].items():
        by_day = costs["by_day"]
        x = [date(noon, clock) for noon in noons(by_day["day"], clock)]
        for row, key in enumerate(("label_accuracy", "fake_negative_rate"), 1):
            if any(value is not None for value in by_day[key]):
                draw(figure, summary, method, x, by_day[key], row)
    if not figure.data:
        return None
    figure.update_yaxes(tickformat=".0%")
    over_time(figure, summary)
    few(figure, _best(summary))
    return figure


def section_figure(summary: Mapping[str, Any], section: Mapping[str, Any]) -> Figure | None:
    """Draw the panels of a section that describes itself (`simulator.evaluation.meters.Section`)."""
    panels, clock = section["panels"], numbers.clock_of(summary)
    if not panels:
        return None
    x_title = panels[0].get("x_title", "")
    figure = canvas(240 + 180 * len(panels), [panel["title"] for panel in panels], x_title)
    for row, panel in enumerate(panels, 1):
        for method, (instants, values) in panel["series"].items():
            x = instants if x_title else [date(instant, clock) for instant in instants]
            draw(figure, summary, method, x, values, row)
        for level in panel["levels"]:
            line = {"color": "#94a3b8", "width": 1, "dash": "dot" if level else "solid"}
            figure.add_hline(y=level, line=line, row=row, col=1)
        if panel.get("share"):
            figure.update_yaxes(tickformat=".0%", row=row)
    if not x_title:
        over_time(figure, summary)
    few(figure, _best(summary))
    return figure


def _by_cell_or_day(
    summary: Mapping[str, Any], metrics: pa.Table, task: str, shown: Sequence[str], height: int
) -> Figure:
    """Draw metrics by day, a panel each, with a button that shows every segment."""
    ranking = summary["ranking"][task]
    clock = numbers.clock_of(summary)
    figure = canvas(height, [numbers.title(metric) for metric in shown])
    by_cell: dict[str, list[Any]] = {"x": [], "y": [], "line.width": []}
    pooled = 1
    rows = metrics.filter(pc.equal(metrics["task"], task))
    for method in [*ranking["methods"], *ranking["references"]]:
        line = _line(rows.filter(pc.equal(rows["method"], method)), shown)
        if line is None:
            continue
        pooled = max(pooled, -(-len(line.middle) // MOST_POINTS))
        for panel, metric in enumerate(shown, 1):
            middle, value = _by_segment(line, metric)
            by_cell["x"].append([date(t, clock) for t in middle])
            by_cell["y"].append(plain(value))
            by_cell["line.width"].append(1.2)
            middle, value = _by_day(line, metric, clock)
            draw(figure, summary, method, [date(t, clock) for t in middle], plain(value), panel)
    by = "by segment" if pooled < 2 else f"by {pooled} segments"
    over_time(figure, summary, by_cell["x"])
    few(figure, leading(summary, task))
    by_day = {
        "x": [trace.x for trace in figure.data],
        "y": [trace.y for trace in figure.data],
        "line.width": [2.2] * len(figure.data),
    }
    figure.update_layout(
        updatemenus=[
            {
                "type": "buttons", "direction": "right", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom",
                "pad": {"b": 20}, "showactive": True, "bgcolor": "#f8fafc", "bordercolor": GRID,
                "font": {"size": 12},
                "buttons": [
                    {"label": "by day", "method": "restyle", "args": [by_day]},
                    {"label": by, "method": "restyle", "args": [by_cell]},
                ],
            }
        ]
    )  # fmt: skip
    return figure


def _line(rows: pa.Table, shown: Sequence[str]) -> _Line | None:
    """Pick one method's cells out of the long form, in order of time."""
    found: dict[str, pa.Table] = {}
    for metric in (*shown, *SUMS):
        found[metric] = rows.filter(pc.equal(rows["metric"], metric)).sort_by([("start", "ascending")])
    base = found[shown[0]]
    if not len(base):
        return None
    middle = (base["start"].to_numpy() + base["end"].to_numpy()) / 2.0
    values = {metric: table["value"].to_numpy().astype(np.float64) for metric, table in found.items()}
    return _Line(middle, {metric: table["rows"].to_numpy() for metric, table in found.items()}, values)


def _best(summary: Mapping[str, Any]) -> list[str]:
    """Return the methods of all tasks, the best of each first."""
    orders = [ranking["methods"] for ranking in summary["ranking"].values()]
    return [method for place in zip_longest(*orders) for method in place if method is not None]


def _by_day(line: _Line, metric: str, clock: Clock | None) -> tuple[Float64, Float64]:
    """Pool cells by local day; instants and values."""
    middle = line.middle if clock is None else clock.local(line.middle.astype(np.int64))
    days, index = np.unique(middle // DAY, return_inverse=True)
    return noons(days, clock), _pooled(line, metric, index)


def _by_segment(line: _Line, metric: str) -> tuple[Float64, Float64]:
    """Return cells as they are, or where they are too many to be told apart, those beside each other pooled."""
    count = len(line.middle)
    index = np.arange(count) * min(count, MOST_POINTS) // count
    return np.bincount(index, line.middle) / np.bincount(index), _pooled(line, metric, index)


def _pooled(line: _Line, metric: str, index: Int64) -> Float64:
    """Pool cells as the tables do: PCOC sum over sum, the rest weighted by the rows that it is over."""
    if metric == "pcoc":
        up, down = line.values["sum_prediction"], line.values["sum_label"]
    else:
        known = np.isfinite(line.values[metric])
        rows = line.rows[metric]
        up, down = np.where(known, line.values[metric], 0.0) * rows, known * rows
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Float64 = np.bincount(index, up) / np.bincount(index, down)
    return found
