"""How a table is laid out in a width in characters: what is worth least goes below, names wrap, nothing is left out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import Box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.report import numbers

_RULES = Box("    \n    \n -- \n    \n -- \n -- \n    \n    \n", ascii=True)
_GAP = 2
_LEAST = 6
_NAME = 28


@dataclass(frozen=True, slots=True)
class Column:
    """A column and what it is worth: where room is short, those with the greatest ``drop`` go first, into a table below."""

    title: str
    cells: list[str]
    drop: int = 0
    left: bool = False

    @property
    def width(self) -> int:
        """Characters the column needs; a very long name wraps rather than push numbers out."""
        natural = max(len(line) for cell in [self.title, *self.cells] for line in cell.split("\n"))
        return min(natural, _NAME) if self.left else natural


def lay_out(
    columns: Sequence[Column],
    width: int,
    title: str,
    *,
    dim: Collection[int] = (),
    rules: Collection[int] | None = None,
    note: str = "",
) -> RenderableType:
    """Lay columns out within a width. Names wrap where they must; columns without room beside the others stand in further
    tables below them; nothing is ever cut off.

    ``dim`` are the rows that only mark the scale; a rule is drawn before the first of them, or after the
    ``rules``.
    """
    kept = list(range(len(columns)))
    while sum(columns[i].width + _GAP for i in kept) - _GAP > width and any(columns[i].drop for i in kept):
        kept.remove(max(kept, key=lambda i: columns[i].drop))
    below = [column for i, column in enumerate(columns) if i not in kept]
    named = [column for column in columns if column.left][:1]
    room = width - sum(column.width + _GAP for column in named)
    ruled = rules if rules is not None else [min(dim) - 1] if dim else []
    parts: list[RenderableType] = [Text(title, "bold"), _table([columns[i] for i in kept], dim, ruled)]
    for part in _chunks(below, room) if below else ():
        parts += [Text(""), _table([*named, *part], dim, ruled)]
    if note and any(" vs " in column.title for column in columns):
        parts.append(Text(note, "dim"))
    return Group(*parts)


def _table(columns: Sequence[Column], dim: Collection[int], ruled: Collection[int]) -> Table:
    table = Table(box=_RULES, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(
            Text(column.title, justify="left" if column.left else "right"),
            justify="left" if column.left else "right",
            vertical="bottom",
            overflow="fold",
            no_wrap=not column.left,
            min_width=None if column.left else column.width,
        )
    for i in range(len(columns[0].cells)):
        table.add_row(
            *(column.cells[i] for column in columns), style="dim" if i in dim else "", end_section=i in ruled
        )
    return table


def matrices(
    ranking: Mapping[str, Any],
    metrics: Sequence[str],
    title: str,
    columns: Sequence[tuple[str, Mapping[str, Any]]],
    width: int,
) -> Iterator[RenderableType]:
    """Yield method by column: metrics side by side, as many as there is room for; the first three stacked where there is none
    for these.

    Parameters
    ----------
    ranking : methods and references, in the order of the rows.
    columns : headings, and metrics by method.
    """
    methods = [*ranking["methods"], *ranking["references"]]
    name = Column("method", methods, left=True)
    references = range(len(ranking["methods"]), len(methods))
    for count in range(len(metrics), 2, -1):
        beside = [_beside(head, metrics[:count], values, methods) for head, values in columns]
        if name.width + sum(column.width + _GAP for column in beside) <= width:
            yield lay_out([name, *beside], width, title, dim=references)
            return
    size = len(methods) + 1
    titles = [numbers.short(metric) for metric in metrics[:3]]
    name = Column("method", [text for t in titles for text in (f"- {t} -", *methods)], left=True)
    body = [
        Column(
            head.replace(" ", "\n"),
            [
                text
                for metric in metrics[:3]
                for text in ("", *(numbers.number(metric, values.get(m, {}).get(metric)) for m in methods))
            ],
        )
        for head, values in columns
    ]
    dim = [block * size + 1 + i for block in range(3) for i in references]
    for part in _chunks(body, width - name.width):
        yield lay_out([name, *part], width, title, dim=dim, rules=range(size - 1, len(name.cells), size))


def _beside(head: str, metrics: Sequence[str], values: Mapping[str, Any], methods: Sequence[str]) -> Column:
    """Return one column that holds several metrics of each method, aligned."""
    rows = [
        [numbers.short(metric) for metric in metrics],
        *([numbers.number(metric, values.get(m, {}).get(metric)) for metric in metrics] for m in methods),
    ]
    wide = [max(_LEAST, *map(len, texts)) for texts in zip(*rows, strict=True)]
    heads, *lines = [" ".join(f"{text:>{n}}" for text, n in zip(row, wide, strict=True)) for row in rows]
    return Column(f"{head}\n{heads}", lines)


def _chunks(columns: Sequence[Column], width: int) -> Iterator[list[Column]]:
    """Cut columns into runs that fit a width (at least one column each)."""
    run: list[Column] = []
    for column in columns:
        if run and sum(c.width + _GAP for c in [*run, column]) > width:
            yield run
            run = []
        run.append(column)
    yield run
