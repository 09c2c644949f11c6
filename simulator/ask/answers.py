"""From a question to a checked answer."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.ask.again import reproduce, what_if
from simulator.ask.asked import Answer, Runs
from simulator.ask.checker import check
from simulator.ask.question import Question
from simulator.ask.results import compare, lookup
from simulator.ask.scores import Missing
from simulator.ask.why import why

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


def _of(runs: Runs, asked: Question) -> Answer:
    try:
        chosen = runs if asked.intent == "what-if" else _of_seed(runs, asked)
        _check_entity(chosen, asked)
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


def _check_entity(runs: Runs, asked: Question) -> None:
    if asked.entity is not None and asked.intent != "what-if":
        raise Missing(
            f"These runs were not judged by the age of each {asked.entity}.",
            runs.again("--set", f"evaluation.entity={asked.entity}_id", "--out", "runs-ages"),
        )
