"""The report's section on how near a world comes to the published facts of its preset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simulator.report.canvas import PALETTE, canvas

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_AGES = {"1 min": 1 / 60, "15 min": 0.25, "1 h": 1, "6 h": 6, "1 d": 24, "3 d": 72, "7 d": 168}
_PUBLISHED = "#475569"


def likeness_figures(summary: Mapping[str, Any]) -> dict[str, Figure]:
    """Draw each curve of ``summary["likeness"]`` over the published one; none where the run has no such part."""
    likeness = summary.get("likeness") or {"curves": []}
    return {f"likeness-{curve['name']}": _figure(curve) for curve in likeness["curves"]}


def _figure(curve: Mapping[str, Any]) -> Figure:
    figure = canvas(340, [curve["y_title"]], curve["x_title"])
    for name, key, colour, dash in (
        ("published", "target", _PUBLISHED, "dot"),
        ("this world", "realised", PALETTE[0], "solid"),
    ):
        figure.add_scatter(
            mode="lines+markers", name=name, x=curve["x"], y=curve[key],
            line={"width": 2.2, "color": colour, "dash": dash}, marker={"size": 5},
        )  # fmt: skip
    figure.update_layout(margin={"t": 16, "b": 84})
    figure.update_yaxes(rangemode="tozero")
    if curve["log_x"]:
        figure.update_xaxes(type="log", tickvals=list(_AGES.values()), ticktext=list(_AGES))
    return figure
