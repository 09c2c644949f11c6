"""The figures of the report as plain plotly descriptions (data and layout), ready for JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.clock import Clock
from simulator.evaluation.results import SUMS
from simulator.log.schema import Float64, Int64
from simulator.report import numbers
from simulator.report.beliefs import ALARM, audits
from simulator.units import DAY, HOUR

Figure = dict[str, Any]

PALETTE = (
    "#2563eb",
    "#e11d48",
    "#059669",
    "#d97706",
    "#7c3aed",
    "#0891b2",
    "#db2777",
    "#65a30d",
    "#ea580c",
    "#4f46e5",
)
_REFERENCE = ("#475569", "#94a3b8")
_SHADES = {"anticipation": "#fbbf24", "promotion": "#ef4444", "after": "#60a5fa"}
_FONT = {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 13, "color": "#1e293b"}
_GRID = "#e2e8f0"
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
    return _over_time(summary, metrics, task, [first, second], 640)


def calibration_figure(summary: Mapping[str, Any], metrics: pa.Table, task: str) -> Figure:
    """PCOC over time on a log scale, where over- and under-prediction by the same factor look alike."""
    figure = _over_time(summary, metrics, task, ["pcoc"], 420)
    values = [y for trace in figure["data"] for y in trace["y"] if y]
    wide = max(values, default=1.0) / min(values, default=1.0) > 2.5
    ticks = (
        [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.4, 2, 3, 5, 10]
        if wide
        else [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.6, 2]
    )
    figure["layout"]["yaxis"].update(type="log", tickvals=ticks, ticktext=[f"{t:g}" for t in ticks])
    figure["layout"]["shapes"].append(
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "yref": "y",
            "y0": 1,
            "y1": 1,
            "line": {"color": "#0f172a", "width": 1},
        }
    )
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
    hours = np.array(opening["hour"]) + 0.5
    length = (opening["end"] - opening["start"]) / HOUR
    data, ranking = [], summary["ranking"][task]
    for method in [*ranking["methods"], *ranking["references"]]:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.array(opening["methods"][method][task], np.float64) / expected
        trace = _trace(summary, method)
        data.append({**trace, "x": hours.tolist(), "y": _plain(np.where(expected > 0, ratio, np.nan))})
    layout = plain_layout(460, titled=True)
    ticks = [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.4, 2, 3, 5, 10]
    layout["yaxis"].update(type="log", tickvals=ticks, ticktext=[f"{t:g}" for t in ticks])
    layout["yaxis"]["title"] = {"text": "predicted / " + ("true" if truth else "observed")}
    layout["xaxis"]["title"] = {"text": f"hours since the opening of {opening['name']}"}
    layout["shapes"] += [
        {"type": "rect", "xref": "x", "yref": "paper", "x0": 0, "x1": length, "y0": 0, "y1": 1,
         "fillcolor": _SHADES["promotion"], "opacity": 0.08, "line": {"width": 0}, "layer": "below"},
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": 1, "y1": 1,
         "line": {"color": "#0f172a", "width": 1}},
    ]  # fmt: skip
    return {"data": data, "layout": layout}


def delay_figure(summary: Mapping[str, Any]) -> Figure | None:
    """How long after its click a sample is delivered: the share of samples against time, on a log axis."""
    cdf = {m: costs["delay_cdf"] for m, costs in summary["costs"].items() if costs["delay_cdf"]["seconds"]}
    if not cdf:
        return None
    last = max(*(points["seconds"][-1] for points in cdf.values()), 60.0)
    data = []
    for method, points in cdf.items():
        trace = _trace(summary, method)
        at_once = points["share"][0] if points["seconds"][0] <= 1.0 else 0.0
        x, y = [1.0, *points["seconds"], last], [at_once, *points["share"], 1.0]
        data.append({**trace, "x": x, "y": y, "line": {**trace["line"], "shape": "hv"}})
    layout = plain_layout(400, titled=True)
    layout["margin"]["t"] = 24
    layout["xaxis"].update(
        type="log",
        tickvals=list(_DELAY_TICKS.values()),
        ticktext=list(_DELAY_TICKS),
        title={"text": "time from the click to the delivery"},
    )
    layout["yaxis"].update(
        title={"text": "share of samples delivered"}, range=[-0.02, 1.02], tickformat=".0%"
    )
    return {"data": data, "layout": layout}


def correctness_figure(summary: Mapping[str, Any]) -> Figure | None:
    """Share of delivered labels that are final, and of zeros that turn into ones, by day of delivery."""
    data: list[dict[str, Any]] = []
    clock = numbers.clock_of(summary)
    for method, costs in summary["costs"].items():
        by_day = costs["by_day"]
        x = [_date(noon, clock) for noon in _noons(by_day["day"], clock)]
        for axis, key in (("y", "label_accuracy"), ("y2", "fake_negative_rate")):
            if any(value is not None for value in by_day[key]):
                trace = {**_trace(summary, method), "x": x, "y": by_day[key], "yaxis": axis}
                data.append({**trace, "showlegend": not any(t["name"] == method for t in data)})
    if not data:
        return None
    layout = plain_layout(520)
    _panels(layout, ["label accuracy", "fake negatives"])
    for axis in ("yaxis", "yaxis2"):
        layout[axis].update(tickformat=".0%")
    _shade(layout, summary, data)
    return {"data": data, "layout": layout}


def beliefs_figure(summary: Mapping[str, Any]) -> Figure | None:
    """What policies that settle beliefs pulled by, in standard deviations, segment by segment: a panel for each stage."""
    data: list[dict[str, Any]] = []
    found, clock = audits(summary), numbers.clock_of(summary)
    axes = ["y", *(f"y{k + 1}" for k in range(1, len(found)))]
    for axis, (_, parts) in zip(axes, found, strict=False):
        for method, audit in parts.items():
            cells = audit["cells"]
            x = [_date((cell["start"] + cell["end"]) / 2, clock) for cell in cells]
            trace = {**_trace(summary, method), "x": x, "y": [cell["z"] for cell in cells], "yaxis": axis}
            data.append({**trace, "showlegend": not any(t["name"] == method for t in data)})
    if not data:
        return None
    layout = plain_layout(240 + 180 * len(found))
    _panels(layout, [f"{stage.panel}: net push, sd" for stage, _ in found])
    layout["shapes"] += [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": axis, "y0": z, "y1": z,
         "line": {"color": "#94a3b8", "width": 1, "dash": "dot" if z else "solid"}}
        for axis, z in product(axes, (-ALARM, 0, ALARM))
    ]  # fmt: skip
    _shade(layout, summary, data)
    return {"data": data, "layout": layout}


def _over_time(
    summary: Mapping[str, Any], metrics: pa.Table, task: str, shown: Sequence[str], height: int
) -> Figure:
    ranking = summary["ranking"][task]
    clock = numbers.clock_of(summary)
    cells: list[dict[str, Any]] = []
    days: list[tuple[list[Any], list[Any]]] = []
    rows = metrics.filter(pc.equal(metrics["task"], task))
    for method in [*ranking["methods"], *ranking["references"]]:
        line = _line(rows.filter(pc.equal(rows["method"], method)), shown)
        if line is None:
            continue
        for panel, metric in enumerate(shown):
            trace = _trace(summary, method)
            x = [_date(t, clock) for t in line.middle]
            y = _plain(line.values[metric])
            cells.append(
                {
                    **trace,
                    "x": x,
                    "y": y,
                    "yaxis": "y" if not panel else f"y{panel + 1}",
                    "showlegend": not panel,
                }
            )
            middle, value = _by_day(line, metric, clock)
            days.append(([_date(t, clock) for t in middle], _plain(value)))
    layout = plain_layout(height)
    _panels(layout, [numbers.TITLES[metric] for metric in shown])
    _shade(layout, summary, cells)
    by_cell = {"x": [t["x"] for t in cells], "y": [t["y"] for t in cells], "line.width": [1.2] * len(cells)}
    by_day = {"x": [x for x, _ in days], "y": [y for _, y in days], "line.width": [2.2] * len(days)}
    for trace, (x, y) in zip(cells, days, strict=True):
        trace["x"], trace["y"] = x, y
    layout["updatemenus"] = [
        {
            "type": "buttons", "direction": "right", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom",
            "pad": {"b": 20}, "showactive": True, "bgcolor": "#f8fafc", "bordercolor": _GRID,
            "font": {"size": 12},
            "buttons": [
                {"label": "by day", "method": "restyle", "args": [by_day]},
                {"label": "by segment", "method": "restyle", "args": [by_cell]},
            ],
        }
    ]  # fmt: skip
    return {"data": cells, "layout": layout}


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


def _by_day(line: _Line, metric: str, clock: Clock | None) -> tuple[Float64, Float64]:
    """Pool cells by day as the tables do: PCOC sum over sum, the rest weighted by the rows that it is over."""
    middle = line.middle if clock is None else clock.local(line.middle.astype(np.int64))
    days, index = np.unique(middle // DAY, return_inverse=True)
    if metric == "pcoc":
        up, down = line.values["sum_prediction"], line.values["sum_label"]
    else:
        known = np.isfinite(line.values[metric])
        rows = line.rows[metric]
        up, down = np.where(known, line.values[metric], 0.0) * rows, known * rows
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = np.bincount(index, up) / np.bincount(index, down)
    return _noons(days, clock), pooled


def _trace(summary: Mapping[str, Any], method: str) -> dict[str, Any]:
    """Colour and name of a method, the same in every figure; the ends of the scale are grey, who peeks is dotted."""
    rankings = summary["ranking"].values()
    zeros, hundreds = ({ranking.get(end) for ranking in rankings} for end in ("pretrained", "oracle"))
    references = {name for ranking in rankings for name in ranking["references"]}
    line: dict[str, Any] = {"width": 2.2}
    if method in zeros | hundreds:
        line.update(color=_REFERENCE[method in zeros], dash="dash" if method in zeros else "dot")
    else:
        others = [name for name in summary["methods"] if name not in zeros | hundreds]
        turn, colour = divmod(others.index(method) if method in others else 0, len(PALETTE))
        line["color"] = PALETTE[colour]
        if method in references or turn:  # colours are used up: the next ten are dashed
            line["dash"] = "dot" if method in references else "dashdot"
    return {
        "type": "scatter",
        "mode": "lines",
        "name": method,
        "legendgroup": method,
        "line": line,
        "connectgaps": False,
    }


def plain_layout(height: int, *, titled: bool = False) -> dict[str, Any]:
    """Return the layout that all figures start from; ``titled`` leaves room for a title under the x axis."""
    below = 28 if titled else 0
    axis = {"gridcolor": _GRID, "zeroline": False, "linecolor": _GRID, "automargin": True}
    return {
        "height": height,
        "font": _FONT,
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "margin": {"l": 64, "r": 16, "t": 64, "b": 104 + below},
        "hovermode": "x unified",
        "legend": {"orientation": "h", "y": -(60 + below) / (height - 160 - below), "yanchor": "top", "x": 0},
        "xaxis": dict(axis),
        "yaxis": dict(axis),
        "shapes": [],
        "annotations": [],
    }


def _panels(layout: dict[str, Any], titles: Sequence[str]) -> None:
    """Stack panels over one time axis, the first on top."""
    axis, gap = dict(layout["yaxis"]), 0.06
    height = (1.0 - gap * (len(titles) - 1)) / len(titles)
    for i, title in enumerate(titles):
        top = 1.0 - i * (height + gap)
        name = "yaxis" if not i else f"yaxis{i + 1}"
        layout[name] = {**axis, "domain": [max(0.0, top - height), top], "title": {"text": title}}
    layout["xaxis"]["anchor"] = "y" if len(titles) == 1 else f"y{len(titles)}"


def _shade(layout: dict[str, Any], summary: Mapping[str, Any], traces: Sequence[Mapping[str, Any]]) -> None:
    """Shade the phases of the promotions over the time that the traces cover, and name each of them."""
    clock = numbers.clock_of(summary)
    points = [x for trace in traces for x in trace["x"]]
    if not points:
        return
    low, high = min(points), max(points)
    switches = summary["switches"]
    times = [min(max(_date(switch["time"], clock), low), high) for switch in switches]
    for switch, start, end in zip(switches, times, [*times[1:], high], strict=False):
        colour = _SHADES.get(switch["phase"])
        if colour is None or start >= end:
            continue
        layout["shapes"].append(
            {
                "type": "rect", "xref": "x", "yref": "paper", "x0": start, "x1": end, "y0": 0, "y1": 1,
                "fillcolor": colour, "opacity": 0.10, "line": {"width": 0}, "layer": "below",
            }
        )  # fmt: skip
        layout["annotations"].append(
            {
                "x": start, "xref": "x", "y": 1.0, "yref": "paper", "xanchor": "left", "yanchor": "bottom",
                "text": switch["phase"], "showarrow": False, "font": {"size": 11, "color": "#64748b"},
            }
        )  # fmt: skip
    if clock is None:
        layout["xaxis"]["title"] = {"text": "day of the log"}


def _date(micros: float, clock: Clock | None) -> Any:
    """Instant as a local date where the origin is known, as a day of the log otherwise."""
    if clock is None:
        return round(micros / DAY, 5)
    return clock.moment(round(micros)).isoformat(timespec="seconds")


def _noons(days: Any, clock: Clock | None) -> Float64:
    """Return the middle of local days of the log."""
    noons = np.asarray(days, np.float64) * DAY + DAY // 2
    return noons if clock is None else clock.instants(noons.astype(np.int64)).astype(np.float64)


def _plain(values: Float64) -> list[float | None]:
    return [round(float(v), 6) if math.isfinite(v) else None for v in values]
