"""`ask`: a question in words, answered from the files of finished runs or from the documents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.atomic import written_whole
from simulator.commands.console import stdout, warn
from simulator.errors import ScenarioError, UsageError
from simulator.rundir import is_finished

if TYPE_CHECKING:
    from simulator.ask.asked import Answer
    from simulator.ask.endpoint import Endpoint

REFUSED = 1
"""Exit code where no question was answered."""


def ask_runs(question: str, runs: Sequence[Path]) -> list[Answer]:
    """Answer a question of finished runs, or of how things work: the latter needs none.

    Raises
    ------
    ScenarioError : the question is empty, a run is no finished run, or numbers are asked for and no run is named.
    """
    from simulator.ask.answers import answered, documented, is_of_documents
    from simulator.ask.asked import groups
    from simulator.ask.question import parse

    if not question.strip():
        raise ScenarioError(
            'ask: the question is empty; such as: ask "which method is best before the sale?" RUN'
        )
    _check_finished(runs)
    found = groups(runs)
    asked = parse(question, [name for group in found for name in group.methods])
    if is_of_documents(asked) or (asked.intent == "why" and not runs):
        return [documented(asked)]
    if not runs:
        raise ScenarioError(
            "ask: name one finished run or more, such as runs/double11/*, whose numbers are asked for"
        )
    return answered(found, asked)


def write_instructions(
    runs: Sequence[Path], out: Path, count: int, seed: int, endpoint: Endpoint | None, *, replace: bool
) -> None:
    """Write ``count`` lines of instruction data about finished runs.

    Raises
    ------
    ScenarioError : no run is named, one is not finished, or a number is below its least.
    UsageError : the file exists, and ``replace`` does not allow that.
    """
    from simulator.ask.asked import groups
    from simulator.ask.endpoint import EndpointError, reworded
    from simulator.ask.instruct import lines

    if not runs:
        raise ScenarioError("instruct: name one finished run or more, such as runs/double11/*")
    if count < 1 or seed < 0:
        raise ScenarioError(f"instruct: --count {count} must be at least 1, --seed {seed} at least 0")
    _check_finished(runs)
    if out.exists() and not replace:
        raise UsageError(f"{out} exists; name another file with --out, or give --replace")

    def other_words(answer: Answer) -> str | None:
        try:
            return reworded(answer, endpoint) if endpoint else None
        except EndpointError:
            return None  # the checked answer stands

    with written_whole(out) as path, path.open("w", encoding="utf-8") as file:
        for line in lines(groups(runs), count, seed, other_words):
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    stdout().print(f"{out}: {count} lines", soft_wrap=True)


def _check_finished(runs: Sequence[Path]) -> None:
    faults: list[str] = []
    for run in runs:
        if not is_finished(run):
            from simulator.commands.scenarios import run_directory

            try:
                run_directory(run)
            except ScenarioError as error:
                faults.extend(error.faults)
    if faults:
        raise ScenarioError(faults)


def print_answers(answers: Sequence[Answer]) -> int:
    """Print answers with what each number was read from; return the exit code."""
    console = stdout()
    for answer in answers:
        console.print(answer.words or answer.marked, soft_wrap=True)
        for mark, shown in answer.sources():
            console.print(f"  [{mark}] {shown.fact.shown(short=True)}", soft_wrap=True)
        for run in dict.fromkeys(str(cell.run) for shown in answer.facts for cell in shown.fact.cells):
            console.print(f"  {Path(run).name} = {run}", soft_wrap=True)
        if answer.command:
            word = "This would produce it" if answer.refused else "Command"
            console.print(f"{word}: {answer.typed()}", soft_wrap=True)
    return REFUSED if all(answer.refused for answer in answers) else 0


def print_with_model(answers: Sequence[Answer], endpoint: Endpoint) -> int:
    """Print answers in a model's words where these say the same, then questions that it proposes; return the exit code.

    A model that fails, or changes a number, costs a warning: the checked answer is shown.
    """
    from simulator.ask.endpoint import EndpointError, further, reworded

    told: list[Answer] = []
    proposed: dict[str, None] = {}
    for answer in answers:
        words = None
        if answer.facts:
            try:
                words = reworded(answer, endpoint)
                if words is None:
                    warn(["the model's words did not say what the files say; they are not shown"])
                proposed |= dict.fromkeys(further(answer, endpoint, answer.names))
            except EndpointError as error:
                warn([f"the model did not answer ({error}); the checked answer is shown without it"])
        told.append(replace(answer, words=words))
    code = print_answers(told)
    for question in proposed:
        stdout().print(f"Ask next: {question}", soft_wrap=True)
    return code


def print_json(answers: Sequence[Answer]) -> int:
    """Print answers as one JSON list; return the exit code."""
    print(json.dumps([as_json(answer) for answer in answers], ensure_ascii=True, indent=2))
    return REFUSED if all(answer.refused for answer in answers) else 0


def as_json(answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON has it."""
    return {
        "question": answer.question.text,
        "intent": answer.question.intent,
        "answer": answer.text,
        "refused": answer.refused,
        "command": answer.typed() or None,
        "facts": [
            {
                "text": shown.text,
                "made": shown.fact.made,
                "cells": [
                    {"run": str(cell.run), "table": cell.table, "filter": cell.shown()}
                    for cell in shown.fact.cells
                ],
            }
            for shown in answer.facts
        ],
        "documents": [{"place": passage.place, "heading": passage.heading} for passage in answer.passages],
    }
