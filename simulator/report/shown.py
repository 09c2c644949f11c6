"""Results that show themselves: as text where there is only text, as HTML in a notebook."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console, RenderableType
from rich.text import Text

from simulator.errors import RunError, ScenarioError, unknown
from simulator.report.comparison import comparison_tables
from simulator.report.html import figures_of, read_run
from simulator.report.tables import phase_tables, ranked_table, summary_tables

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from simulator.evaluation.compare import Comparison

WIDTH = 120
"""Characters of a table."""
_PRE = '<pre style="white-space:pre;overflow-x:auto;line-height:1.3;font-family:monospace">{code}</pre>'


class Shown:
    """Tables, as the command line prints them.

    Parameters
    ----------
    make : lays the tables out for a width in characters.
    """

    def __init__(self, make: Callable[[int], Iterable[RenderableType]]) -> None:
        self._make = make

    def __repr__(self) -> str:
        return self._printed().export_text().rstrip()

    def _repr_html_(self) -> str:
        return self._printed().export_html(code_format=_PRE, inline_styles=True)

    def _printed(self) -> Console:
        console = Console(file=StringIO(), record=True, width=WIDTH, highlight=False, emoji=False)
        for number, table in enumerate(self._make(WIDTH)):
            if number:
                console.print()
            console.print(table)
        return console


class Figures(Mapping[str, "Figure"]):
    """Plotly figures by name; all of them below each other in a notebook, their names as text."""

    def __init__(self, figures: Mapping[str, Figure | None]) -> None:
        self._figures = {name: figure for name, figure in figures.items() if figure is not None}

    def __getitem__(self, name: str) -> Figure:
        if name not in self._figures:
            raise ScenarioError(unknown("figure", name, self._figures))
        return self._figures[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)

    def __repr__(self) -> str:
        return f"figures: {', '.join(self._figures)}"

    def _repr_html_(self) -> str:
        # The library goes in once, with the first: nothing is loaded from elsewhere.
        return "\n".join(
            figure.to_html(full_html=False, include_plotlyjs=number == 0)
            for number, figure in enumerate(self._figures.values())
        )


class Results:
    """A finished run, read from its directory.

    Parameters
    ----------
    path : the run directory.

    Attributes
    ----------
    summary : what ``summary.json`` holds: rankings, metrics by method, task and phase, intervals, costs.
    metrics : metrics by method, task and segment, as one long Arrow table.

    Raises
    ------
    RunError : it is not that of a finished run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.summary, self.metrics = read_run(path)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that the run's methods serve."""
        return tuple(self.summary["ranking"])

    def table(self, task: str) -> Shown:
        """Return a task's methods from best to worst.

        Raises
        ------
        ScenarioError : no method serves the task.
        """
        self._check(task)
        return Shown(lambda width: [ranked_table(self.summary, task, width)])

    def phases(self, task: str) -> Shown:
        """Return a task's methods by phase of the promotion.

        Raises
        ------
        ScenarioError : no method serves the task.
        """
        self._check(task)
        none = Text(f"{task}: the stream has one phase only ({', '.join(self.summary['phases'])})")
        return Shown(lambda width: list(phase_tables(self.summary, task, width)) or [none])

    def predictions(self) -> pa.Table:
        """Return what every method predicted for every served click.

        Raises
        ------
        RunError : the run wrote none.
        """
        path = self.path / "predictions.parquet"
        if not path.is_file():
            raise RunError(f"{path}: is not there; a run writes it with output.predictions = true")
        return pq.read_table(path)

    def figures(self) -> Figures:
        """Return the figures of the report by name, such as ``cvr-metrics``."""
        return Figures(figures_of(self.summary, self.metrics))

    def _check(self, task: str) -> None:
        if task not in self.tasks:
            raise ScenarioError(unknown("task", task, self.tasks))

    def _tables(self) -> Shown:
        return Shown(lambda width: summary_tables(self.summary, width))

    def __repr__(self) -> str:
        return f"{self._tables()}\n{self.path}"

    def _repr_html_(self) -> str:
        return f"{self._tables()._repr_html_()}<p>{html.escape(str(self.path))}</p>"


class Compared(Shown):
    """Finished runs side by side, seeds as replicates.

    Attributes
    ----------
    comparison : the numbers: scores and differences, over the runs of each group.
    """

    def __init__(self, comparison: Comparison) -> None:
        super().__init__(lambda width: comparison_tables(comparison, width))
        self.comparison = comparison
