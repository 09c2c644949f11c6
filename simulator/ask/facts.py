"""Numbers with where they are from: a cell of a run's file, by run, table and filter, and what is made of several cells."""

from __future__ import annotations

import glob
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import and_
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.errors import RunError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation, Expression

SUMMARY, MANIFEST, METRICS, PREDICTIONS = (
    "summary.json",
    "manifest.json",
    "metrics.parquet",
    "predictions.parquet",
)
QUOTED = "quoted"
"""The form of a sentence that stands in a file as it is shown."""
Filter = tuple[str, str, Any]
"""Column, one of ``=``, ``>=``, ``<``, and a value."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Where one number is: a JSON pointer (RFC 6901) into a JSON file, or an aggregate over filtered rows of a table.

    Parameters
    ----------
    run, table : the run directory, and the file in it.
    where : the pointer as one step each, or filters.
    what : of a table, how rows become a number (`_AGGREGATES`) and the columns that it reads.
    """

    run: Path
    table: str
    where: tuple[Any, ...]
    what: tuple[str, ...] = ()

    def shown(self) -> str:
        """Return table and filter as text."""
        if not self.what:
            steps = "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in self.where)
            return f"{self.table} /{steps}"
        filters = " and ".join(f"{column} {sign} {value}" for column, sign, value in self.where)
        return f"{self.table} {self.what[0]}({', '.join(self.what[1:])}) where {filters}"


@dataclass(frozen=True, slots=True)
class Fact:
    """A number: cells, and what is made of them (a name of `MADE`). ``form`` is how it is written (a name of `FORMS`); one that
    is `QUOTED` is the sentence of its one cell.
    """

    cells: tuple[Cell, ...]
    made: str = "value"
    form: str = "number"

    def shown(self, *, short: bool = False) -> str:
        """Return run, table and filter of each cell as text; ``short`` names runs by their folders."""
        runs: dict[str, list[str]] = {}
        for cell in self.cells:
            runs.setdefault(cell.shown(), []).append(cell.run.name if short else str(cell.run))
        places: dict[str, list[str]] = {}
        for place, of in runs.items():
            places.setdefault(", ".join(dict.fromkeys(of)), []).append(place)
        told = "; ".join(f"{of}: {', '.join(dict.fromkeys(found))}" for of, found in places.items())
        return told if self.made == "value" else f"{self.made} of {told}"


class Reader:
    """Reads cells of runs. Files are opened once; nothing in them is executed, every value of a filter is bound."""

    def __init__(self) -> None:
        self._json: dict[Path, Any] = {}
        self._connection: DuckDBPyConnection | None = None
        self._relations: dict[Path, DuckDBPyRelation] = {}
        self._cells: dict[Cell, float | None] = {}

    def json(self, run: Path, table: str = SUMMARY) -> Any:
        """Return a JSON file of a run.

        Raises
        ------
        RunError : there is none, or it is no JSON.
        """
        path = run / table
        if path not in self._json:
            try:
                self._json[path] = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise RunError(
                    f"{path}: cannot be read as JSON ({error}). Run the scenario again."
                ) from error
        return self._json[path]

    def columns(self, run: Path, table: str) -> list[str]:
        """Return the columns of a table of a run; none where there is no such file."""
        path = run / table
        return list(self._relation(path).columns) if path.is_file() else []

    def value(self, cell: Cell) -> float | None:
        """Return the number of a cell; None where there is none (null, no rows, no such key)."""
        if cell not in self._cells:
            self._cells[cell] = self._aggregate(cell) if cell.what else self._pointed(cell)
        return self._cells[cell]

    def of(self, fact: Fact) -> float | None:
        """Return the number of a fact; None where one of its cells has none."""
        values = [self.value(cell) for cell in fact.cells]
        known = [value for value in values if value is not None]
        if len(known) < len(values) or not known:
            return None
        made = MADE[fact.made](known)
        return made if math.isfinite(made) else None

    def written(self, fact: Fact) -> str | None:
        """Return a fact as it is written; None where its file has no such thing."""
        if fact.form == QUOTED:
            found = self._at(fact.cells[0])
            return found if isinstance(found, str) and found and found.isprintable() else None
        value = self.of(fact)
        return None if value is None else FORMS[fact.form](value)

    def _at(self, cell: Cell) -> Any:
        found = self.json(cell.run, cell.table)
        for step in cell.where:
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def _pointed(self, cell: Cell) -> float | None:
        found = self._at(cell)
        number = isinstance(found, (int, float)) and not isinstance(found, bool) and math.isfinite(found)
        return float(found) if number else None

    def _aggregate(self, cell: Cell) -> float | None:
        if not {*cell.what[1:], *(column for column, _, _ in cell.where)} <= {
            *self.columns(cell.run, cell.table)
        }:
            return None
        rows = self._relation(cell.run / cell.table)
        if cell.where:
            rows = rows.filter(reduce(and_, (_condition(*filters) for filters in cell.where)))
        ((found,),) = rows.aggregate([_AGGREGATES[cell.what[0]](*cell.what[1:])]).fetchall()
        return None if found is None or not math.isfinite(found) else float(found)

    def _relation(self, path: Path) -> DuckDBPyRelation:
        import duckdb

        if self._connection is None:
            self._connection = duckdb.connect(config={"threads": 1})
        if path not in self._relations:
            try:
                # A path is no pattern here, whatever characters a folder has in its name.
                self._relations[path] = self._connection.read_parquet(glob.escape(str(path)))
            except duckdb.Error as error:
                raise RunError(f"{path}: cannot be read as Parquet ({error})") from error
        return self._relations[path]


def _condition(column: str, sign: str, value: Any) -> Expression:
    from duckdb import ColumnExpression, ConstantExpression

    left, right = ColumnExpression(column), ConstantExpression(value)
    return {"=": left == right, ">=": left >= right, "<": left < right}[sign]


def _sum(expression: Any) -> Expression:
    from duckdb import FunctionExpression

    return FunctionExpression("sum", expression)


def _column(name: str) -> Expression:
    from duckdb import ColumnExpression

    return ColumnExpression(name)


def _number(name: str) -> Expression:
    return _column(name).cast("DOUBLE")


def _nll(prediction: str, label: str) -> Expression:
    """Mean of -(y ln p + (1 - y) ln(1 - p)), logarithms clamped as everywhere (`simulator.evaluation.metrics`)."""
    from duckdb import ConstantExpression as Constant
    from duckdb import FunctionExpression as Function

    one, y, p = Constant(1.0), _number(label), _number(prediction)
    tiny, floor = Constant(1e-300), Constant(-100.0)
    log_p, log_q = (
        Function("greatest", Function("ln", Function("greatest", q, tiny)), floor) for q in (p, one - p)
    )
    return Function("avg", -(y * log_p + (one - y) * log_q))


def _of_one(value: str) -> Expression:
    from duckdb import FunctionExpression

    return FunctionExpression("any_value", _column(value))


_AGGREGATES: Mapping[str, Callable[..., Any]] = {
    "only": _of_one,
    "weighted_mean": lambda value, rows: _sum(_column(value) * _column(rows)) / _sum(_column(rows)),
    "predicted_over_observed": lambda p, y: _sum(_number(p)) / _sum(_number(y)),
    "nll": _nll,
    "sum": lambda value: _sum(_number(value)),
}
"""How rows become a number."""


def _differences(values: Sequence[float]) -> list[float]:
    half = len(values) // 2
    return [a - b for a, b in zip(values[:half], values[half:], strict=True)]


def _interval(values: Sequence[float]) -> tuple[float, float]:
    from simulator.evaluation.intervals import combine_seeds

    found = combine_seeds(_differences(values))
    return found.low, found.high


MADE: Mapping[str, Callable[[Sequence[float]], float]] = {
    "value": lambda values: values[0],
    "mean": lambda values: sum(values) / len(values),
    "runs": len,
    "mean difference": lambda values: sum(_differences(values)) / (len(values) / 2),
    "lower end (95 % over seeds) of the difference": lambda values: _interval(values)[0],
    "upper end (95 % over seeds) of the difference": lambda values: _interval(values)[1],
    "minus": lambda values: -values[0],
    "share of": lambda values: values[0] / values[1] if values[1] else math.nan,
}
"""What is made of the numbers of cells. A difference has its first half of cells less its second, cell by cell."""
LOW, HIGH = (name for name in MADE if name.endswith("end (95 % over seeds) of the difference"))


@dataclass(frozen=True, slots=True)
class Shown:
    """A fact as it was written into an answer."""

    fact: Fact
    text: str


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _number_text(value: float) -> str:
    if value and abs(value) < 0.00005:
        return f"{value:.1e}"
    size = abs(value)
    return f"{value:.4f}" if size < 1 else f"{value:.3f}" if size < 100 else f"{value:,.1f}"


FORMS: Mapping[str, Callable[[float], str]] = {
    "number": _number_text,
    "signed": lambda value: ("+" if value >= 0 else "") + _number_text(value),
    "count": _count,
    "percent": lambda value: f"{100 * value:.1f} %",
    "hours": lambda value: f"{value / 3600:.2f} h",
}
"""How a number is written; "hours" is of seconds."""


@dataclass
class Draft:
    """An answer as it is put together: text, names that hold no numbers of their own, and facts with their marks."""

    reader: Reader
    pieces: list[str | Shown] = field(default_factory=list)

    def say(self, *pieces: str | Fact) -> None:
        """Add text and facts; a fact whose file has no number is written as "unknown"."""
        for piece in pieces:
            if isinstance(piece, Fact):
                text = self.reader.written(piece)
                self.pieces.append("unknown" if text is None else Shown(piece, text))
            else:
                self.pieces.append(piece)

    def known(self, fact: Fact) -> float | None:
        """Return the number of a fact."""
        return self.reader.of(fact)
