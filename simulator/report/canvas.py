"""What all figures of a report share: panels over one time axis, a line per method, shaded promotions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.clock import Clock
from simulator.log.schema import Float64
from simulator.report import numbers
from simulator.units import DAY

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

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
GRID = "#e2e8f0"
SHADES = {"anticipation": "#fbbf24", "promotion": "#ef4444", "after": "#60a5fa"}
_REFERENCE = ("#475569", "#94a3b8")
_FONT = {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 13, "color": "#1e293b"}
_ONE = {"color": "#0f172a", "width": 1}


def canvas(height: int, panels: Sequence[str] = ("",), x_title: str = "") -> Figure:
    """Return an empty figure of panels, named by their y axes, stacked over one x axis."""
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=len(panels), shared_xaxes=True, vertical_spacing=0.06)
    below = 28 if x_title else 0
    figure.update_layout(
        template=None,
        height=height,
        font=_FONT,
        paper_bgcolor="white",
        plot_bgcolor="white",
        margin={"l": 64, "r": 16, "t": 64, "b": 104 + below},
        hovermode="x unified",
        legend={"orientation": "h", "y": -(60 + below) / (height - 160 - below), "yanchor": "top", "x": 0},
    )
    axis = {"gridcolor": GRID, "zeroline": False, "linecolor": GRID, "automargin": True}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    for row, title in enumerate(panels, 1):
        figure.update_yaxes(title_text=title or None, row=row)
    if x_title:
        figure.update_xaxes(title_text=x_title, row=len(panels))
    return figure


def draw(
    figure: Figure, summary: Mapping[str, Any], method: str, x: Any, y: Any, row: int = 1, **line: Any
) -> None:
    """Draw a method's line in a panel (the first is 1); it is in the legend once."""
    known = any(trace.name == method for trace in figure.data)
    figure.add_scatter(
        mode="lines", name=method, legendgroup=method, showlegend=not known, x=x, y=y, connectgaps=False,
        line=_line_of(summary, method) | line, row=row, col=1,
    )  # fmt: skip


def _line_of(summary: Mapping[str, Any], method: str) -> dict[str, Any]:
    """Return a method's line, the same in every figure; the ends of the scale are grey, who peeks is dotted."""
    rankings = summary["ranking"].values()
    zeros, hundreds = ({ranking.get(end) for ranking in rankings} for end in ("pretrained", "oracle"))
    references = {name for ranking in rankings for name in ranking["references"]}
    line: dict[str, Any] = {"width": 2.2}
    if method in zeros | hundreds:
        line.update(color=_REFERENCE[method in zeros], dash="dash" if method in zeros else "dot")
        return line
    others = [name for name in summary["methods"] if name not in zeros | hundreds]
    turn, colour = divmod(others.index(method) if method in others else 0, len(PALETTE))
    line["color"] = PALETTE[colour]
    if method in references or turn:  # colours are used up: the next ten are dashed
        line["dash"] = "dot" if method in references else "dashdot"
    return line


def ratio_axis(figure: Figure, *, wide: bool) -> None:
    """Make the y axis that of ratios: on a log scale, where twice and half look alike, with a line at 1."""
    ticks = (
        [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.4, 2, 3, 5, 10]
        if wide
        else [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.6, 2]
    )
    figure.update_yaxes(type="log", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    figure.add_hline(y=1, line=_ONE)


def over_time(figure: Figure, summary: Mapping[str, Any], drawn: Sequence[Sequence[Any]] = ()) -> None:
    """Make one time axis of all panels, and shade and name the phases of promotions over the time that is ``drawn``
    (by default, that of the lines).
    """
    clock = numbers.clock_of(summary)
    panels = sum(1 for _ in figure.select_yaxes())
    axis = "x" if panels == 1 else f"x{panels}"  # the lowest panel's, so that hovering reads all of them
    lines = [x for x in drawn or [trace.x for trace in figure.data] if len(x)]
    if lines:
        low, high = min(map(min, lines)), max(map(max, lines))
        switches = summary["switches"]
        times = [min(max(date(switch["time"], clock), low), high) for switch in switches]
        for switch, start, end in zip(switches, times, [*times[1:], high], strict=False):
            colour = SHADES.get(switch["phase"])
            if colour is None or start >= end:
                continue
            figure.add_vrect(x0=start, x1=end, fillcolor=colour, opacity=0.10, line_width=0, layer="below")
            figure.add_annotation(
                x=start, xref=axis, y=1.0, yref="paper", xanchor="left", yanchor="bottom",
                text=switch["phase"], showarrow=False, font={"size": 11, "color": "#64748b"},
            )  # fmt: skip
    figure.update_traces(xaxis=axis)
    figure.update_shapes(xref=axis, selector={"type": "rect"})
    # A line across hangs on the same axis: one that holds no trace would begin the time of all of them in 1970.
    figure.update_shapes(xref=f"{axis} domain", selector={"type": "line"})
    if clock is None:
        figure.update_xaxes(title_text="day of the log", row=panels)


def date(micros: float, clock: Clock | None) -> Any:
    """Return an instant as a local date where the origin is known, as a day of the log otherwise."""
    if clock is None:
        return round(micros / DAY, 5)
    return clock.moment(round(micros)).isoformat(timespec="seconds")


def noons(days: Any, clock: Clock | None) -> Float64:
    """Return the middle of local days of the log."""
    found = np.asarray(days, np.float64) * DAY + DAY // 2
    return found if clock is None else clock.instants(found.astype(np.int64)).astype(np.float64)


def plain(values: Float64) -> list[float | None]:
    """Return values as JSON has them: six decimals, null for what is not finite."""
    return [round(float(v), 6) if math.isfinite(v) else None for v in values]
