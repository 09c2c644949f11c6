"""Documents: passages that answer stand among the first three."""

import re

import pytest

from simulator.ask.documents import passages, search
from tests.simulator.ask import questions_held_out, questions_shared


@pytest.fixture(scope="module")
def corpus():
    return passages()


def missed(questions, corpus, **options):
    return [
        question
        for question, words in questions
        if not any(
            holds(passage.text + "\n" + passage.heading, words)
            for passage in search(question, corpus, **options)
        )
    ]


def holds(text, words):
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) for word in words)


def test_questions_in_peoples_own_words_are_answered_among_the_first_three(corpus):
    assert len(missed(questions_shared.QUESTIONS, corpus)) <= 2


def test_so_are_questions_that_nothing_was_tuned_by(corpus):
    assert len(questions_held_out.QUESTIONS) == 40
    assert len(missed(questions_held_out.QUESTIONS, corpus)) <= 8
