"""``sweep.html``: figures of metrics against the swept keys, differences paired by seed, and the runs that failed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.evaluation.intervals import Combined
from simulator.evaluation.tasks import TASKS
from simulator.report import numbers
from simulator.report.canvas import canvas, few, looks
from simulator.report.page import write_page
from simulator.sweep.effects import Effect
from simulator.toml import toml

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST_LEVELS = 8
"""Of more values of a key no table is made, but the figure: of values that were drawn hardly two runs make a pair."""


def write_sweep_page(path: Path, name: str, account: Mapping[str, Any], found: Sequence[Effect]) -> None:
    """Write the page."""
    runs = account["runs"]
    write_page(
        path,
        "sweep.html.j2",
        {f"effect-{i}": effect_figure(effect) for i, effect in enumerate(found)},
        name=name,
        runs=len(runs),
        finished=sum(run["run"] is not None for run in runs),
        failed=[run for run in runs if run["status"] == "failed"],
        effects=[_shown(i, effect) for i, effect in enumerate(found)],
    )


def effect_figure(effect: Effect) -> Figure:
    """Draw a metric against a key, a line a method, with t-intervals over seeds where there are several."""
    figure = canvas(460, [numbers.title(effect.metric)], effect.key)
    numeric = all(isinstance(level, int | float) for level in effect.levels)
    x = [level if numeric else written(level) for level in effect.levels]
    lines = looks(effect.means)
    for method, means in effect.means.items():
        up = [_or_zero(one.high - one.mean) for one in means]
        down = [_or_zero(one.mean - one.low) for one in means]
        figure.add_scatter(
            mode="lines+markers", name=method, x=x, y=[_or_none(one.mean) for one in means],
            error_y={"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1},
            line=lines[method],
        )  # fmt: skip
    few(figure, effect.means)
    if not numeric:
        figure.update_xaxes(type="category")
    return figure


def paired_cells(effect: Effect, method: str) -> list[str]:
    """Write what each level after the first changes, with its interval; * where zero is outside."""
    return [paired_text(effect.metric, one) for one in effect.paired[method][1:]]


def paired_text(metric: str, one: Combined) -> str:
    """Write a paired difference."""
    if math.isnan(one.mean):
        return "-"
    text = numbers.number(metric, one.mean, sign=True)
    if math.isnan(one.low):
        return text
    low, high = (numbers.number(metric, end, sign=True) for end in (one.low, one.high))
    return f"{text} ({low}, {high})" + ("*" if one.low > 0 or one.high < 0 else "")


def written(level: Any) -> str:
    """Write a value of a key."""
    return level if isinstance(level, str) else toml(level)


def _shown(place: int, effect: Effect) -> dict[str, Any]:
    return {
        "id": f"effect-{place}",
        "title": f"{TASKS[effect.task].title}: {numbers.title(effect.metric)} against {effect.key}",
        "first": written(effect.levels[0]),
        "levels": [written(level) for level in effect.levels[1:]],
        "rows": [
            {
                "name": method,
                "mean": numbers.number(effect.metric, _or_none(means[0].mean)),
                "cells": paired_cells(effect, method),
            }
            for method, means in effect.means.items()
            if len(effect.levels) <= MOST_LEVELS
        ],
    }


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value
