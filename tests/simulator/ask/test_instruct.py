"""Instruction data: equal seeds give equal files, loaders can read them, and what they say is true."""

import json

import pyarrow.json
import pytest

from simulator.ask.asked import groups
from simulator.ask.goals import GOALS, HOURS, WINDOWS, seeds
from simulator.ask.instruct import ALL as WHOLE
from simulator.ask.instruct import TURNS, _answer, simulate
from tests.benchmarks.questions import ablated, held_out, judged
from tests.commands import sim_here
from tests.simulator.ask.made import make_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    base = tmp_path_factory.mktemp("runs")
    return [make_run(base, seed) for seed in range(3)]


def written(runs, out, *options):
    sim_here("instruct", *runs, "--out", out, "--count", "12", *options)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def test_equal_seeds_give_equal_files_and_other_seeds_others(runs, tmp_path):
    first = written(runs, tmp_path / "a.jsonl")
    assert first == written(runs, tmp_path / "b.jsonl")
    assert first != written(runs, tmp_path / "c.jsonl", "--seed", "1")
    assert len(first) == 12
    assert "exists" in sim_here("instruct", *runs, "--out", tmp_path / "a.jsonl", code=2).stderr


def test_a_line_is_what_loaders_of_conversations_take(runs, tmp_path):
    """``messages`` of role and content, user first and assistant last, one type a column (as `datasets` asks)."""
    lines = written(runs, tmp_path / "a.jsonl")
    for line in lines:
        for name in ("messages", "conversation"):
            roles = [message["role"] for message in line[name]]
            assert roles == ["user", "assistant"] * (len(roles) // 2)
            assert all(message["content"].strip() for message in line[name])
        assert TURNS[0] <= len(line["conversation"]) // 2 <= TURNS[1]
    table = pyarrow.json.read_json(tmp_path / "a.jsonl")
    assert table.num_rows == 12
    assert table.column_names == ["messages", "conversation", "documents", "needs", "facts", "goal"]


def test_every_fact_stands_in_the_answer_with_its_source(runs, tmp_path):
    for line in written(runs, tmp_path / "a.jsonl"):
        answer = line["messages"][1]["content"]
        assert line["facts"]
        assert all(f"{fact['text']} [" in answer and fact["source"] in answer for fact in line["facts"])
        assert all(need["covered"] for need in line["needs"])


def test_every_seed_question_answers_its_need(runs):
    (group,) = groups(runs)
    listed = seeds()
    needs = {need.name: need for goal in GOALS for need in goal.needs}
    assert set(listed) == set(needs)
    for name, questions in listed.items():
        for question in (*questions, needs[name].plain):
            text = question.format(method="fnw", window=WINDOWS[0], hours=HOURS[-1])
            assert needs[name].covered([_answer(group, text, WHOLE)]), text


def test_needs_that_were_not_asked_for_are_uncovered_and_then_covered(runs):
    (group,) = groups(runs)
    made = list(simulate(group, 12, seed=0))
    assert any(
        not all(need.covered([answer for _, answer in one.turns]) for need in one.goal.needs) for one in made
    )
    assert all(covered for one in made for _, covered in one.covered())


def test_a_model_may_reword_and_lies_are_dropped(runs, tmp_path, server):
    door = ("--endpoint", f"http://127.0.0.1:{server.server_port}/v1")
    plain = written(runs, tmp_path / "a.jsonl")
    server.mode = lambda text: text.replace("0.", "0.9")
    assert written(runs, tmp_path / "b.jsonl", *door) == plain
    server.mode = lambda text: "Well: " + text
    assert "Well: " in written(runs, tmp_path / "c.jsonl", *door)[0]["messages"][1]["content"]


def test_a_hundred_held_out_questions_have_true_answers(runs):
    assert len(held_out(runs)) == 100
    found = judged(runs)
    assert found["exact"] >= 0.98
    assert found["cited"] == 1.0
    assert found["refused"] >= 0.95
    assert found["wrongly refused"] <= 0.02


def test_each_stage_is_worth_something(runs):
    found = ablated(runs, count=12)
    assert found["whole"]["needs covered"] == 1.0
    assert all(
        found[name]["needs covered"] < 0.9 for name in ("no conversation", "no refinement", "no retrieval")
    )
    assert found["no imitation"]["likeness"] < found["whole"]["likeness"]
    assert found["no retrieval"]["with documents"] == 0


@pytest.mark.parametrize(
    ("words", "said"), [(["--count", "0"], "at least 1"), (["--seed", "-1"], "at least 0")]
)
def test_numbers_below_their_least_are_refused(runs, tmp_path, words, said):
    assert said in sim_here("instruct", runs[0], "--out", tmp_path / "x.jsonl", *words, code=2).stderr
