"""Result tables for the terminal: ranked, with intervals, per phase, after each switch, and the costs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from rich.console import Console, Group, RenderableType
from rich.text import Text

from simulator.evaluation.tasks import TASKS
from simulator.report import numbers
from simulator.report.layout import Column, lay_out, matrices
from simulator.report.notes import ranks as rank_texts
from simulator.report.populations import impression_tables, own_tables
from simulator.report.reading import agreement_sentences
from simulator.terminal import PlainConsole


def make_console(stream: TextIO | None = None, width: int | None = None) -> Console:
    """Return a console for results: plain text unless the stream is a terminal, whatever FORCE_COLOR says."""
    stream = sys.stdout if stream is None else stream
    terminal = stream.isatty()
    if width is None and not terminal and not os.environ.get("COLUMNS"):
        width = 100
    return PlainConsole(
        file=stream, width=width, force_terminal=terminal, no_color=not terminal, highlight=False, emoji=False
    )


def print_summary(summary: Mapping[str, Any], console: Console | None = None) -> None:
    """Print every table of a summary."""
    console = make_console() if console is None else console
    for table in summary_tables(summary, console.width):
        console.print(table)
        console.print()


def summary_tables(summary: Mapping[str, Any], width: int) -> Iterator[RenderableType]:
    """Yield the tables of a summary, made for a width in characters."""
    for task in own_tables(summary):
        yield ranked_table(summary, task, width)
        yield from phase_tables(summary, task, width)
        if summary["after_switch"]:
            clock = numbers.clock_of(summary)
            columns = [
                (f"{cell['phase']}\n{numbers.instant(cell['start'], clock)}", cell["methods"])
                for cell in summary["after_switch"]
            ]
            what = numbers.zoned("first segment after each switch", clock)
            yield from _matrices(summary, task, what, columns, width)
    yield from impression_tables(summary, width)
    if summary["ranking"]:
        yield Text(f"{numbers.BY_SEGMENT}.", "dim")
    yield from map(Text, agreement_sentences(summary))
    if summary["costs"]:
        yield costs_table(summary, width)
    yield from section_tables(summary, width)


def phase_tables(summary: Mapping[str, Any], task: str, width: int) -> Iterator[RenderableType]:
    """Yield a task's methods by phase of the promotion; nothing where there is one phase only."""
    if len(summary["phases"]) > 1:
        yield from _matrices(
            summary, task, "by phase of the promotion", list(summary["phases"].items()), width
        )


def ranked_table(summary: Mapping[str, Any], task: str, width: int) -> RenderableType:
    """Return a task's methods from best to worst; pre-trained and oracle apart, since they do not compete."""
    ranking = summary["ranking"][task]
    methods = [*ranking["methods"], *ranking["references"]]
    values = {method: summary["methods"][method][task] for method in methods}

    def column(metric: str, drop: int) -> Column:
        cells = [numbers.number(metric, values[m].get(metric)) for m in methods]
        return Column(numbers.heading(metric), cells, drop)

    def intervals(metric: str, drop: int) -> Column:
        cells = [numbers.interval_text(numbers.find_interval(summary, m, task, metric)) for m in methods]
        versus = numbers.versus(summary, task)
        return Column(f"{numbers.title(metric)} vs {versus} ({summary['confidence']:.0%})", cells, drop)

    first, second, third = numbers.shown_metrics(summary, task)
    ranks = list(rank_texts(summary, task).values()) + ["ref"] * len(ranking["references"])
    asked = dict.fromkeys((*TASKS[task].further, *summary.get("metrics", ())))
    extra = [metric for metric in asked if metric not in (first, second, third)]
    columns = [
        Column("#", ranks, 0),
        Column("method", methods, 0, left=True),
        column(first, 0),
        column(second, 0),
        column(third, 0),
        column("ri_auc", 3),
        *(column(metric, 5 + i) for i, metric in enumerate(extra)),
        intervals(TASKS[task].primary, 1),
        intervals("auc", 4),
    ]
    columns = [c for c in columns if not c.drop or any(cell != "-" for cell in c.cells)]
    title = f"{TASKS[task].title} ({_size(summary, task)})"
    references = range(len(ranking["methods"]), len(methods))
    laid = lay_out(columns, width, title, dim=references, note=_note(summary, task))
    return Group(laid, *(Text(f"{said}.") for said in summary.get("notes", {}).get(task, ())))


def costs_table(summary: Mapping[str, Any], width: int) -> RenderableType:
    """Return what each policy delivered, how late and how true."""
    costs: Mapping[str, Mapping[str, Any]] = summary["costs"]

    def column(title: str, texts: list[str], drop: int = 0) -> Column:
        return Column(title, texts, drop)

    rows = list(costs.values())
    columns = [
        Column("method", list(costs), left=True),
        column("samples\na click", [numbers.delivered(c) for c in rows]),
        column("label\naccuracy", [numbers.share(c["label_accuracy"]) for c in rows]),
        column("fake\nnegatives", [numbers.share(c["fake_negative_rate"]) for c in rows]),
        column("age at first\nuse (median)", [numbers.duration(c["label_age_s"]["p50"]) for c in rows], 1),
        column("correction\nlag (median)", [numbers.duration(c["correction_lag_s"]["p50"]) for c in rows], 2),
    ]
    if any("steps" in c for c in rows):
        columns.append(column("steps", [f"{c.get('steps') or 0:,}" for c in rows], 4))
    if any(c.get("staleness") is not None for c in rows):
        columns.append(column("staleness\n(mean)", [numbers.duration(c.get("staleness")) for c in rows], 3))
    sums = [
        Text(f"{name}: the sum of {' + '.join(cost['members'])}.")
        for name, cost in costs.items()
        if "members" in cost
    ]
    return Group(lay_out(columns, width, "What the delay policies cost"), *sums)


def section_tables(summary: Mapping[str, Any], width: int) -> Iterator[RenderableType]:
    """Yield the tables of sections that describe themselves (`simulator.evaluation.meters.Section`)."""
    for table in (table for section in summary.get("sections", ()) for table in section["tables"]):
        columns = [Column("method", list(table["rows"]), left=True)]
        for place, column in enumerate(table["columns"]):
            cells = [[cell["text"] for cell in row[place]] for row in table["rows"].values()]
            wide = [max(map(len, texts)) for texts in zip(*cells, strict=True)]
            heads, *lines = [
                " ".join(text.rjust(n) for text, n in zip(texts, wide, strict=True))
                for texts in (column["heads"], *cells)
            ]
            columns.append(Column(f"{column['title']}\n{heads}", lines, column["drop"]))
        hint = f" ({table['hint']})" if table["hint"] else ""
        yield lay_out(columns, width, table["title"] + hint)


def _size(summary: Mapping[str, Any], task: str) -> str:
    rows = summary["rows"][task]
    share = f", {rows['positives'] / max(rows['rows'], 1):.2%} positive" if TASKS[task].binary else ""
    return f"{rows['rows']:,} {TASKS[task].of}{share}"


def _note(summary: Mapping[str, Any], task: str) -> str:
    """Say what the interval columns compare, and what their marks mean."""
    against = numbers.compared_with(summary, task)
    common = numbers.common(against)
    own = [f"; that of {method} to {other}" for method, other in against.items() if other != common]
    return (
        f"vs {numbers.versus(summary, task)}: difference to {common}{''.join(own)}. * zero outside; ~ few segments, not "
        "to be trusted"
    )


def _matrices(
    summary: Mapping[str, Any],
    task: str,
    what: str,
    columns: Sequence[tuple[str, Mapping[str, Any]]],
    width: int,
) -> Iterator[RenderableType]:
    """Yield method by phase (or switch): three metrics in each."""
    heads = [
        (head, {method: tasks[task] for method, tasks in values.items() if task in tasks})
        for head, values in columns
    ]
    metrics = numbers.shown_metrics(summary, task)
    yield from matrices(summary["ranking"][task], metrics, f"{TASKS[task].short} {what}", heads, width)
