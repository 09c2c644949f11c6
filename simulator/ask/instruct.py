"""Instruction data with true numbers, after DeepThink (arXiv 2502.05497): imitated questions, a conversation with a user of a
hidden goal, the needs that it uncovers, and one refined question and answer that covers them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.ask.answers import answered, documented, is_of_documents
from simulator.ask.asked import Answer, Runs
from simulator.ask.goals import GOALS, HOURS, WINDOWS, Goal, Need, seeds
from simulator.ask.question import parse
from simulator.randomness import generator

TURNS = (2, 4)
"""Fewest and most questions of a conversation."""
Reworder = Callable[[Answer], "str | None"]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Which stages are at work; each can be left out to see what it is worth."""

    imitation: bool = True
    conversation: bool = True
    refinement: bool = True
    retrieval: bool = True


ALL = Pipeline()


@dataclass(frozen=True, slots=True)
class Simulated:
    """One conversation, and what came of it.

    Parameters
    ----------
    goal, slots : the hidden goal, and what its questions were filled with.
    turns : the questions of the user, with the assistant's answers.
    answers : those that the refined answer is made of.
    question : the refined question.
    """

    goal: Goal
    slots: Mapping[str, str]
    turns: tuple[tuple[str, Answer], ...]
    answers: tuple[Answer, ...]
    question: str

    def covered(self) -> list[tuple[Need, bool]]:
        """Return each need of the goal, and whether the refined answer covers it."""
        return [(need, need.covered(self.answers)) for need in self.goal.needs]


def simulate(group: Runs, count: int, seed: int, stages: Pipeline = ALL) -> Iterator[Simulated]:
    """Yield conversations about runs of one scenario; equal seeds give equal ones.

    Parameters
    ----------
    count : how many; goals come in turn.
    """
    listed = seeds()
    ranking = group.first["ranking"]
    task = "cvr" if "cvr" in ranking else next(iter(ranking))
    methods = [name for name in ranking[task]["methods"] if name in group.methods]
    for number in range(count):
        draw = generator(seed, f"instruct/{number}")
        goal = GOALS[number % len(GOALS)]
        slots = {
            "method": methods[int(draw.integers(len(methods)))],
            "window": WINDOWS[int(draw.integers(len(WINDOWS)))],
            "hours": HOURS[int(draw.integers(len(HOURS)))],
        }

        def asked(need: Need, slots: Mapping[str, str] = slots, draw: Any = draw) -> str:
            said = listed[need.name]
            pattern = said[int(draw.integers(len(said)))]
            return (pattern if stages.imitation else need.plain).format_map(slots)

        length = int(draw.integers(TURNS[0], TURNS[1] + 1)) if stages.conversation else 1
        order = [
            goal.needs[0],
            *(goal.needs[1 + int(place)] for place in draw.permutation(len(goal.needs) - 1)),
        ]
        turns = [(text, _answer(group, text, stages)) for text in map(asked, order[:length])]
        answers = [answer for _, answer in turns]
        question = turns[0][0]
        if stages.refinement:
            # What a conversation began is known of the goal: what it left open is asked for as well.
            open_needs = (
                [need for need in goal.needs if not need.covered(answers)] if stages.conversation else []
            )
            more = [asked(need) for need in open_needs]
            answers += [_answer(group, text, stages) for text in more]
            asks = " ".join(_sentence(text) for text in dict.fromkeys([*(text for text, _ in turns), *more]))
            question = f"{goal.said.format_map(slots)} {asks}" if stages.conversation else turns[0][0]
        else:
            answers = answers[-1:]  # what was said last stands for the answer
        yield Simulated(goal, slots, tuple(turns), tuple(answers), question)


def record(made: Simulated, reworded: Reworder | None = None) -> dict[str, Any]:
    """Return one line of instruction data: ``messages``, ``documents``, ``needs``, ``facts``; all lines have the same types.

    Parameters
    ----------
    reworded : gives other words for a checked answer, or None where there are none.
    """
    kept = [answer for answer in made.answers if not answer.refused]
    told = [_text(answer, reworded(answer) if reworded and answer.facts else None) for answer in kept]
    return {
        "messages": [
            {"role": "user", "content": made.question},
            {"role": "assistant", "content": "\n\n".join(dict.fromkeys(told)) or "These runs do not say."},
        ],
        "conversation": [
            {"role": role, "content": text}
            for question, answer in made.turns
            for role, text in (("user", question), ("assistant", _text(answer)))
        ],
        "documents": [
            {"place": passage.place, "heading": passage.heading, "text": passage.text}
            for answer in kept
            for passage in answer.passages
        ],
        "needs": [{"need": need.name, "covered": covered} for need, covered in made.covered()],
        "facts": [
            {"text": shown.text, "source": shown.fact.shown(short=True)}
            for answer in kept
            for shown in answer.facts
        ],
        "goal": made.goal.name,
    }


def _answer(group: Runs, text: str, stages: Pipeline) -> Answer:
    asked = parse(text, group.methods)
    if is_of_documents(asked):
        return (
            documented(asked)
            if stages.retrieval
            else group.refuse(asked, "No document was searched.", ("--help",))
        )
    return answered([group], asked)[0]


def _text(answer: Answer, words: str | None = None) -> str:
    """Return an answer with its sources, as it is shown; ``words`` are a model's for the same."""
    lines = [
        words or answer.marked,
        *(f"[{mark}] {shown.fact.shown(short=True)}" for mark, shown in answer.sources()),
    ]
    return "\n".join([*lines, *([f"Command: {answer.typed()}"] if answer.command else [])])


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + ("" if text.endswith(("?", ".")) else ".")


def lines(
    groups: Sequence[Runs], count: int, seed: int, reworded: Reworder | None = None
) -> Iterator[dict[str, Any]]:
    """Yield records of each group of runs, ``count`` in all."""
    for place, group in enumerate(groups):
        share = count // len(groups) + (place < count % len(groups))
        for made in simulate(group, share, seed):
            yield record(made, reworded)
