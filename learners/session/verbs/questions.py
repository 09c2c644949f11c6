"""Verbs of questions: `ask` of finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from learners.session.verbs.frame import app
from simulator.commands.options import verb


@verb(
    app,
    'ask "which method is best before the sale?" runs/double11/*',
    'ask "why is the pcoc of es-dfm so low in the anticipation?" runs/double11/0a1b2c3d-s0',
    'ask "how is calibration measured?"',
    'ask "what if the observation window were 1h?" runs/double11/0a1b2c3d-s0 --run',
)
def ask(
    question: str,
    /,
    *runs: Path,
    json: Annotated[bool, Parameter(negative=(), help="Print the answer as JSON.")] = False,
    run: Annotated[bool, Parameter(negative=(), help="Start the command that would tell.")] = False,
) -> int:
    """Answer a question from the files of finished runs: every number with run, table and filter.

    Compare, look up, why, how to reproduce, what if; several seeds of a scenario are
    replicates. How things work is answered from the documents, and needs no run.
    A question that the files do not answer is refused (exit 1), with the
    command that would produce the answer.
    """
    from simulator.commands.ask import ask_runs, print_answers, print_json

    answers = ask_runs(question, runs)
    code = (print_json if json else print_answers)(answers)
    if run and answers[0].command:
        return int(app([*answers[0].command]) or 0)
    return code
