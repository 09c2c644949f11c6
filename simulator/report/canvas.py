"""What all figures of a report share: panels over one time axis, a line per method, shaded promotions."""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.clock import Clock
from simulator.log.schema import Float64
from simulator.report import numbers
from simulator.units import DAY

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

PALETTE = (
    "#3b82f6",
    "#e23d5c",
    "#0a9d6c",
    "#cc7a00",
    "#8b5cf6",
    "#0891b2",
    "#db2777",
    "#5f9a0c",
    "#b4632a",
    "#5b6ee8",
    "#a3870a",
    "#b04fd0",
)
"""Each of them has a contrast of 3 and more to a white page and to a dark one (WCAG 2.2, 1.4.11)."""
GRID = "#e2e8f0"
SHADES = {"anticipation": "#fbbf24", "promotion": "#ef4444", "after": "#60a5fa"}
MOST_SHOWN = 4
"""Of more lines some lie on each other: the rest can be shown by the legend."""
MOST_POINTS = 300
"""Of one line: more of them could not be told apart."""
_SALT = 11251
"""With it, what double11 compares has colours of its own."""
_ENDS = {"oracle": ("#64748b", "dot"), "pre": ("#7c8ba1", "dash")}
"""First words of the names of bounds and frozen models: they mark a scale, and are grey."""
_DASHES = ("solid", "dash", "dashdot", "longdash", "dot")
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


def colour(method: str) -> str:
    """Return the colour of a method, which follows from its name alone: it is the same on every page.

    >>> colour("oracle-single") == colour("oracle"), colour("es-dfm")
    (True, '#3b82f6')
    """
    end = _ENDS.get(method.partition("-")[0])
    return end[0] if end else PALETTE[zlib.crc32(f"{_SALT}{method}".encode()) % len(PALETTE)]


def looks(methods: Iterable[str], references: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """Return the line of each method of a page; those that share a colour there differ in their dashes."""
    found: dict[str, dict[str, Any]] = {}
    taken: set[tuple[str, str]] = set()
    for method in sorted(methods):
        end = _ENDS.get(method.partition("-")[0])
        first = end[1] if end else "dot" if method in references else "solid"
        free = [dash for dash in (first, *_DASHES) if (colour(method), dash) not in taken]
        dash = free[0] if free and not end else first
        taken.add((colour(method), dash))
        found[method] = {"color": colour(method), "width": 2.2, "dash": dash}
    return found


def _line_of(summary: Mapping[str, Any], method: str) -> dict[str, Any]:
    references = {name for ranking in summary["ranking"].values() for name in ranking["references"]}
    return looks({*summary["methods"], method}, references)[method]


def few(figure: Figure, first: Iterable[str]) -> None:
    """Show the lines of some names only, at most `MOST_SHOWN`, so that none hides another; the legend shows the rest."""
    drawn = dict.fromkeys(trace.name for trace in figure.data)
    known = [name for name in dict.fromkeys(first) if name in drawn]
    shown = set([*known, *(name for name in drawn if name not in known)][:MOST_SHOWN])
    if len(drawn) > MOST_SHOWN:
        figure.for_each_trace(
            lambda trace: trace.update(visible=True if trace.name in shown else "legendonly")
        )


def leading(summary: Mapping[str, Any], task: str) -> list[str]:
    """Return what a figure of a task begins with: the two best methods, the frozen model, the upper bound, then the rest."""
    ranking = summary["ranking"][task]
    ends = [ranking.get(end) for end in ("pretrained", "oracle") if ranking.get(end)]
    return [*ranking["methods"][:2], *(ends or ranking["references"]), *ranking["methods"][2:]]


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
    figure.update_xaxes(title_text=time_title(clock), row=panels)


def time_title(clock: Clock | None) -> str:
    """Name an axis of `date`: whose time it is."""
    return "day of the log" if clock is None else f"time, {clock.zone}"


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
