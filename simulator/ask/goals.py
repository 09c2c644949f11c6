"""Users with a hidden goal: what they want in the end, and the needs that they do not say at first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simulator.ask.asked import Answer

WINDOWS = ("30m", "1h", "2h", "6h")
HOURS = ("1", "2", "3", "6")
_SEEDS = Path(__file__).with_name("seeds.txt")


@dataclass(frozen=True, slots=True)
class Need:
    """Something that has to be known for a goal.

    Parameters
    ----------
    name : which lines of ``seeds.txt`` ask for it.
    plain : the question as a form would have it, imitating nobody.
    found : what an answer to it holds: a step or column of a fact's cell, a word of the command, or a word of a passage.
    """

    name: str
    plain: str
    found: tuple[str, ...]
    kind: str = "fact"

    def covered(self, answers: Sequence[Answer]) -> bool:
        """Tell whether answers hold what is needed."""
        return any(self._in(answer) for answer in answers if not answer.refused)

    def _in(self, answer: Answer) -> bool:
        if self.kind == "command":
            return any(word in part for part in answer.command for word in self.found)
        if self.kind == "document":
            return any(word in passage.text.casefold() for passage in answer.passages for word in self.found)
        cells = [cell for shown in answer.facts for cell in shown.fact.cells]
        steps = [{*cell.what, *map(str, cell.where)} for cell in cells]
        return any({*self.found} <= found for found in steps)


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal: what the refined question says of it, and its needs, in the order in which they come to mind."""

    name: str
    said: str
    needs: tuple[Need, ...]


GOALS = (
    Goal(
        "window",
        "I have to choose an observation window for {method} under a budget of samples.",
        (
            Need("samples", "samples per click {method}", ("duplication_factor",)),
            Need("fakes", "fake negative rate {method} anticipation", ("fake_negative_rate",)),
            Need("regret", "nll regret {method}", ("regret_nll",)),
            Need("window", "what if observation window {window}", ("windows.observation",), "command"),
            Need("key", "what is observation window", ("observation",), "document"),
        ),
    ),
    Goal(
        "opening",
        "I have to explain what {method} did when the sale opened.",
        (
            Need("opening", "pcoc {method} first {hours} hours", ("predicted_over_observed",)),
            Need("loss", "nll {method} first {hours} hours", ("nll",)),
            Need("why", "why {method} anticipation", ("pcoc", "anticipation")),
            Need("silence", "what is fake negative", ("fake negative", "silence"), "document"),
        ),
    ),
    Goal(
        "defence",
        "I have to defend the choice of {method} to a manager.",
        (
            Need("frozen", "compare {method} frozen anticipation", ("anticipation",)),
            Need("best", "rank promotion day", ("promotion",)),
            Need("again", "reproduce", ("runs-again",), "command"),
            Need("interval", "what is interval", ("interval", "intervals"), "document"),
        ),
    ),
)


def seeds() -> dict[str, tuple[str, ...]]:
    """Return the shipped questions that are imitated, by need."""
    found: dict[str, list[str]] = {}
    for line in _SEEDS.read_text(encoding="utf-8").splitlines():
        name, question = line.split(maxsplit=1)
        found.setdefault(name, []).append(question)
    return {name: tuple(listed) for name, listed in found.items()}
