"""The draft and the plan as a scenario: commented, nothing guessed in silence."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulator.log.guess.draft import Draft, Entry, Lacking
from simulator.log.guess.plan import Plan
from simulator.scenario.places import Place
from simulator.toml import key, toml
from simulator.units import format_duration

LINE = 118


def scenario_text(draft: Draft, plan: Plan, title: str, seen: str, faults: list[str], folder: Path) -> str:
    """Return the scenario file, whose paths are relative to ``folder``, in which it will lie."""
    lines = [*_head(draft, seen, faults), "", f"title = {toml(title)}", "", *_data(draft, folder)]
    lines += ["", "[windows]"]
    for name in ("attribution", "refund", "observation"):
        lines += _length(name, getattr(plan, name), plan)
    lines += ["", "[stream]"]
    for name in ("history", "gap", "segment"):
        lines += _length(name, getattr(plan, name), plan)
    if plan.learner:
        lines += ["", "[learner]                # small, as the log is"]
        lines += [f"{name} = {toml(value)}" for name, value in plan.learner.items()]
    for method, note in plan.methods.items():
        lines += ["", "[[method]]", f"method = {toml(method)}  # {note}"]
    return "\n".join(lines) + "\n"


def _head(draft: Draft, seen: str, faults: list[str]) -> list[str]:
    """Say what the file is, what must be filled in, and what was guessed."""
    lines = [f"# {line}" for line in _wrapped(f"Written by `sim.py init` from {seen}")]
    if draft.lacking or faults:
        lines += ["#", "# IT CANNOT RUN YET. What is to be done:"]
        lines += _bullets(
            [
                f"[data{'' if one.table == 'data' else '.' + one.table}] {one.key}: {one.why}"
                for one in draft.lacking
            ]
        )
        lines += _bullets(faults)
    if draft.unsure:
        lines += ["#", "# What was guessed, and could be otherwise (look at each; the keys are below):"]
        lines += _bullets(draft.unsure)
    return lines


def _data(draft: Draft, folder: Path) -> list[str]:
    """Write ``[data]`` and the tables below it."""
    lines = ["[data]"]
    for profile in draft.profiles:
        keys = ("clicks", "events") if draft.shape == "events" else (draft.shape,)
        name = keys[list(draft.profiles).index(profile)]
        written = [Place(pattern=True).move(pattern, Path(), folder) for pattern in profile.patterns]
        lines.append(f"{name} = {toml(written[0] if len(written) == 1 else written)}")
    lines += _table(draft.data, [one for one in draft.lacking if one.table == "data"])
    for name in ("read", "columns"):
        lacking = [one for one in draft.lacking if one.table == name]
        table = getattr(draft, name)
        if table or lacking:
            lines += ["", f"[data.{name}]", *_table(table, lacking)]
    if draft.format is None:
        lines += [
            "",
            "[data.features]          # what a model may know at the click: categorical, numeric, tags or hashed",
        ]
        lines += _table(draft.features, [])
        lines += [
            f"# {key(name)} = {toml(kind)}  # left out: {_inline(why)}" for name, kind, why in draft.left
        ]
    return lines


def _length(name: str, micros: int, plan: Plan) -> list[str]:
    return _line(name, format_duration(micros), plan.notes.get(name, ""))


def _table(entries: Mapping[str, Entry], lacking: list[Lacking]) -> list[str]:
    """Write keys, each with its note and what else it could be, then those that must be filled in."""
    lines = []
    for name, entry in entries.items():
        if entry.value is not None:
            lines += _line(name, entry.value, entry.note)
        lines += [
            f"# {key(other)} = {toml(value)}" + (f"  # or: {_inline(why)}" if why else "  # or this one")
            for other, value, why in entry.instead
        ]
    for one in lacking:
        lines += [
            f"# FILL IN: {line}" if k == 0 else f"#   {line}" for k, line in enumerate(_wrapped(one.why))
        ]
        lines.append(f"# {key(one.key)} = {toml(one.example)}")
    return lines


def _line(name: str, value: Any, note: str) -> list[str]:
    line = f"{key(name)} = {toml(value)}"
    if not note:
        return [line]
    if len(line) + len(note) + 4 <= LINE:
        return [f"{line}  # {_inline(note)}"]
    return [*(f"# {part}" for part in _wrapped(note)), line]


def _inline(text: str) -> str:
    """Write text as it can stand in a comment: control characters are not allowed there."""
    return "".join(char if char.isprintable() else " " for char in text)


def _bullets(texts: list[str]) -> list[str]:
    lines = []
    for text in texts:
        first, *rest = _wrapped(text, LINE - 4) or [""]
        lines += [f"# - {first}", *(f"#   {line}" for line in rest)]
    return lines


def _wrapped(text: str, width: int = LINE - 2) -> list[str]:
    return textwrap.wrap(_inline(text), width, break_long_words=False, break_on_hyphens=False)
