"""Answers on new entities: how long a method takes to be calibrated on them, and what that costs."""

from __future__ import annotations

from simulator.ask.asked import Answer, Runs
from simulator.ask.question import Question
from simulator.ask.scores import Missing

_IDS = {"item": "item_id", "user": "user_id"}


def aged(runs: Runs, asked: Question) -> Answer:
    """Say days until calibrated, share that never is, and money until then, of each method asked for or of all.

    Raises
    ------
    Missing : the runs were not judged by the age of that entity.
    """
    name = str(asked.entity)
    found = runs.first.get("ageing") or {}
    if not str(found.get("entity", "")).startswith(name):
        raise Missing(
            f"These runs were not judged by the age of each {name}.",
            runs.again("--set", f"evaluation.entity={_IDS.get(name, name)}", "--out", "runs-ages"),
        )
    task = asked.task or next(iter(found["tasks"]))
    known = found["tasks"].get(task, {}).get("methods", {})
    methods = [method for method in asked.methods if method in known] or (
        [] if asked.methods else list(known)
    )
    if not methods:
        raise Missing(f"These runs say nothing of that method on a new {name} for {task}.", ("ls", "methods"))
    draft = runs.draft()
    draft.say(
        "New by ",
        str(found["entity"]),
        ", calibrated within a share of ",
        runs.of_one("ageing", "within", form="number"),
    )
    draft.say(" for ", runs.of_one("ageing", "days"), " days", *runs.scope(), ":")
    for method in methods:
        where = ("ageing", "tasks", task, "methods", method)
        draft.say(
            f"\n{method}: median days ",
            runs.at(*where, "median"),
            ", never ",
            runs.at(*where, "never", form="percent"),
        )
        draft.say(", money until then ", runs.at(*where, "money"), " each")
    return runs.answer(asked, draft)
