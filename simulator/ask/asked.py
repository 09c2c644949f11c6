"""The runs that a question is about, and the answer to it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from simulator.ask.facts import PREDICTIONS, SUMMARY, Cell, Draft, Fact, Reader, Shown
from simulator.ask.question import Question
from simulator.errors import RunError
from simulator.program import program

_IS_NUMBER = re.compile(r"[-+.,\d%\s]*")


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a document: where it is, under which heading, and its text."""

    place: str
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What is shown.

    Parameters
    ----------
    pieces : text and facts.
    command : what would give what is missing, or what was asked for; as words after the program.
    refused : whether the question could not be answered.
    passages : of documents, best first.
    names : of methods and runs: digits in them are no numbers.
    words : a model's words for the same, checked and marked; None where there are none.
    """

    question: Question
    pieces: tuple[str | Shown, ...]
    command: tuple[str, ...] = ()
    refused: bool = False
    passages: tuple[Passage, ...] = ()
    names: tuple[str, ...] = ()
    words: str | None = None

    @property
    def facts(self) -> tuple[Shown, ...]:
        """The facts in the order in which they stand in the text."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Shown))

    @property
    def text(self) -> str:
        """The text without marks."""
        return "".join(piece if isinstance(piece, str) else piece.text for piece in self.pieces)

    @property
    def marked(self) -> str:
        """The text with a mark [a], [b], ... after each number."""
        marks = {shown.fact: mark for mark, shown in self.sources()}
        return "".join(
            piece if isinstance(piece, str) else f"{piece.text} [{marks[piece.fact]}]"
            for piece in self.pieces
        )

    def sources(self) -> list[tuple[str, Shown]]:
        """Return each fact once, with its mark."""
        once = {shown.fact: shown for shown in self.facts}
        return [(_mark(number), shown) for number, shown in enumerate(once.values())]

    def typed(self) -> str:
        """Return the command as it is typed."""
        return shlex.join([*program().split(), *self.command]) if self.command else ""


def _mark(number: int) -> str:
    letters = ""
    while number >= 0:
        letters = ascii_lowercase[number % 26] + letters
        number = number // 26 - 1
    return letters


@dataclass(frozen=True)
class Runs:
    """Finished runs of one scenario; other seeds are replicates."""

    paths: tuple[Path, ...]
    reader: Reader = field(default_factory=Reader)

    def __post_init__(self) -> None:
        for path in self.paths:
            if not isinstance(self.reader.json(path), dict) or "methods" not in self.reader.json(path):
                raise RunError(f"{path / SUMMARY}: has no 'methods'; it was not written by a run")

    @property
    def first(self) -> Any:
        """The summary of the first run."""
        return self.reader.json(self.paths[0])

    @property
    def methods(self) -> dict[str, tuple[str, ...]]:
        """Tasks of each method that all runs have."""
        found = {name: tuple(tasks) for name, tasks in self.first["methods"].items()}
        return {
            name: tasks
            for name, tasks in found.items()
            if all(name in self.reader.json(path)["methods"] for path in self.paths)
        }

    @property
    def names(self) -> tuple[str, ...]:
        """What may stand in an answer and have digits in it that are no numbers."""
        listed = [*self.methods, str(self.first.get("name", "")), *self.first["phases"]]
        for path in self.paths:
            listed += [str(path), path.name]
        return tuple(dict.fromkeys(name for name in listed if not _IS_NUMBER.fullmatch(name)))

    def of_seed(self, seed: int) -> Runs:
        """Return the runs of a seed."""
        return Runs(
            tuple(path for path in self.paths if self.reader.json(path).get("seed") == seed), self.reader
        )

    def at(self, *pointer: Any, form: str = "number") -> Fact:
        """Return the number at a pointer into the summaries: its mean over the runs."""
        return self.mean([Cell(path, SUMMARY, tuple(pointer)) for path in self.paths], form)

    def of_one(self, *pointer: Any, form: str = "count") -> Fact:
        """Return the number at a pointer into the summary of the first run."""
        return Fact((Cell(self.paths[0], SUMMARY, tuple(pointer)),), form=form)

    def mean(self, cells: Sequence[Cell], form: str = "number") -> Fact:
        """Return the mean of one cell a run."""
        return Fact(tuple(cells), "value" if len(cells) == 1 else "mean", form)

    def scope(self) -> tuple[str | Fact, ...]:
        """Say over how many runs a number is a mean; nothing where there is one."""
        if len(self.paths) == 1:
            return ()
        cells = tuple(Cell(path, SUMMARY, ("stream", "segment")) for path in self.paths)
        return (" (mean of ", Fact(cells, "runs", "count"), " runs)")

    def again(self, *more: str) -> tuple[str, ...]:
        """Return the words that run the scenario again, with something changed."""
        run = self.paths[0]
        return (str(run / "scenario.resolved.toml"), "--seed", str(self.first.get("seed", 0)), *more)

    def has_predictions(self) -> bool:
        """Tell whether all runs kept their predictions."""
        return all((path / PREDICTIONS).is_file() for path in self.paths)

    def draft(self) -> Draft:
        """Begin an answer."""
        return Draft(self.reader)

    def answer(
        self, question: Question, draft: Draft, command: tuple[str, ...] = (), *, refused: bool = False
    ) -> Answer:
        """End an answer."""
        return Answer(question, tuple(draft.pieces), command, refused, names=self.names)

    def refuse(self, question: Question, why: str, command: tuple[str, ...]) -> Answer:
        """Refuse a question, with the command that would produce what is missing."""
        return Answer(question, (why,), command, refused=True, names=(*self.names, *question.methods, why))


def groups(paths: Sequence[Path]) -> list[Runs]:
    """Put runs of one scenario together.

    Raises
    ------
    RunError : one is no run, or was given twice.
    """
    reader = Reader()
    found: dict[tuple[Any, Any], list[Path]] = {}
    for path in paths:
        summary = reader.json(path)
        if not isinstance(summary, dict):
            raise RunError(f"{path / SUMMARY}: was not written by a run")
        same = found.setdefault((summary.get("name"), summary.get("config_hash")), [])
        if path.resolve() in [other.resolve() for other in same]:
            raise RunError(f"{path}: was given twice; each run is one replicate")
        same.append(path)
    return [Runs(tuple(same), reader) for same in found.values()]
