"""From a question to a checked answer."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.ask.again import reproduce, what_if
from simulator.ask.ages import aged
from simulator.ask.asked import Answer, Runs
from simulator.ask.checker import check
from simulator.ask.question import Question
from simulator.ask.results import compare, lookup
from simulator.ask.scores import Missing
from simulator.ask.why import why

QUOTED = 900
"""Characters of the first passage that an answer shows; the others are named."""
_ANSWERS = {"compare": compare, "why": why, "reproduce": reproduce, "what-if": what_if}


def answered(groups: Sequence[Runs], asked: Question) -> list[Answer]:
    """Answer a question of each group of runs; every number was read twice.

    Raises
    ------
    RunError : a number changed on the way, or is in no file.
    """
    found = [_of(runs, asked) for runs in groups]
    for answer in found:
        check(answer.pieces, answer.names)
    return found


def is_of_documents(asked: Question) -> bool:
    """Tell whether a question is of how things work, not of what came out."""
    named = (
        asked.methods or asked.phase or asked.hours or asked.seed is not None or asked.frozen or asked.entity
    )
    if asked.intent == "why":
        return not named and not asked.count
    if asked.intent == "what-is":
        return not (named and (asked.metric or asked.cost)) and not asked.count
    return asked.intent == "lookup" and not asked.of_results and not asked.phase


def documented(asked: Question) -> Answer:
    """Answer from the documents: the passage that fits best, and where else to read. A quotation is not checked."""
    from simulator.ask.documents import passages, search

    found = search(asked.text, passages())
    if not found:
        return Answer(asked, ("No document says a word of that.",), ("--help",), refused=True)
    first = found[0]
    text = first.text if len(first.text) <= QUOTED else first.text[:QUOTED].rsplit("\n", 1)[0] + "\n..."
    others = "".join(f"\n{passage.place}: {passage.heading}" for passage in found[1:])
    said = f"{first.place}: {first.heading}\n\n{text}" + (f"\n\nSee also{others}" if others else "")
    return Answer(asked, (said,), passages=tuple(found))


def _of(runs: Runs, asked: Question) -> Answer:
    try:
        chosen = runs if asked.intent == "what-if" else _of_seed(runs, asked)
        if asked.entity is not None and asked.intent != "what-if":
            return aged(chosen, asked)
        return _ANSWERS.get(asked.intent, lookup)(chosen, asked)
    except Missing as missing:
        return runs.refuse(asked, missing.why, missing.command)


def _of_seed(runs: Runs, asked: Question) -> Runs:
    if asked.seed is None:
        return runs
    chosen = runs.of_seed(asked.seed)
    if not chosen.paths:
        again = runs.again()
        raise Missing("None of these runs has that seed.", (again[0], "--seed", str(asked.seed)))
    return chosen
