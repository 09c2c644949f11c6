"""Verbs of questions: `ask` of finished runs, and `instruct`, which makes instruction data of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from learners.session.verbs.frame import app
from simulator.commands.options import Replace, verb

if TYPE_CHECKING:
    from simulator.ask.endpoint import Endpoint

EndpointAt = Annotated[
    str | None,
    Parameter(help="A language model (OpenAI chat form), http://127.0.0.1:8080/v1: it may re-word, no more."),
]
Model = Annotated[str, Parameter(help="The model's name at the endpoint.")]
Remote = Annotated[bool, Parameter(negative=(), help="Let answers go to an endpoint elsewhere.")]


def _door(address: str | None, model: str, *, remote: bool) -> Endpoint | None:
    if address is None:
        return None
    from simulator.ask.endpoint import Endpoint

    return Endpoint.at(address, model=model, remote=remote)


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
    endpoint: EndpointAt = None,
    model: Model = "default",
    allow_remote: Remote = False,
) -> int:
    """Answer a question from the files of finished runs: every number with run, table and filter.

    Compare, look up, why, how to reproduce, what if; several seeds of a scenario are
    replicates. How things work is answered from the documents, and needs no run.
    A question that the files do not answer is refused (exit 1), with the
    command that would produce the answer.
    """
    from simulator.commands.ask import ask_runs, print_answers, print_json, print_with_model

    door = _door(endpoint, model, remote=allow_remote)
    answers = ask_runs(question, runs)
    told = print_json if json else print_answers
    code = print_with_model(answers, door) if door and not json else told(answers)
    if run and answers[0].command:
        return int(app([*answers[0].command]) or 0)
    return code


@verb(
    app,
    "instruct runs/double11/* --out instructions.jsonl",
    "instruct runs/double11/* --out i.jsonl --count 300 --seed 1",
)
def instruct(
    *runs: Path,
    out: Annotated[Path, Parameter(help="The file to write, one JSON a line.")],
    count: Annotated[int, Parameter(help="Lines.")] = 100,
    seed: Annotated[int, Parameter(help="Of the questions; equal seeds give equal files.")] = 0,
    endpoint: EndpointAt = None,
    model: Model = "default",
    allow_remote: Remote = False,
    replace: Replace = False,
) -> int:
    """Write instruction data about finished runs, for tuning a language model: every number is true.

    A user with a hidden goal asks two to four questions, imitated from real ones; what
    the goal needs and was not asked is added; one question and answer covers it all.
    A line has messages, conversation, documents, needs and facts.
    """
    from simulator.commands.ask import write_instructions

    write_instructions(runs, out, count, seed, _door(endpoint, model, remote=allow_remote), replace=replace)
    return 0
