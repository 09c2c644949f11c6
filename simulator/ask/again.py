"""Answers that are commands: how a run is made again, and what would happen if something were different."""

from __future__ import annotations

from simulator.ask.asked import Answer, Runs
from simulator.ask.facts import MANIFEST, Cell, Fact
from simulator.ask.question import Question
from simulator.ask.scores import Missing


def reproduce(runs: Runs, asked: Question) -> Answer:
    """Say the command that gives the same numbers, and what has to be equal for that."""
    run = runs.paths[0]
    manifest = runs.reader.json(run, MANIFEST)
    draft = runs.draft()
    draft.say(
        "The scenario with every key filled in lies beside the results. With seed ", runs.of_one("seed")
    )
    draft.say(" and ", Fact((Cell(run, MANIFEST, ("threads",)),), form="count"))
    draft.say(
        " thread, the same package versions (manifest.json) and the same data, it gives the same numbers to the bit."
    )
    if len(runs.paths) > 1:
        draft.say(" Each of the other runs: the same with its own seed.")
    if manifest.get("afterclick") is None:
        draft.say(" The manifest does not say its version.")
    return runs.answer(asked, draft, runs.again("--out", "runs-again"))


def what_if(runs: Runs, asked: Question) -> Answer:
    """Say the command that would tell: the run's scenario with one key changed. Nothing is predicted without it."""
    draft = runs.draft()
    draft.say("No file of these runs says that, and it is not guessed. ")
    if asked.seed is not None or asked.seeds is not None or asked.key == "seed":
        new = _new_seeds(runs, asked)
        draft.say("This runs the scenario with other seeds; name the new runs beside these to compare.")
        return runs.answer(asked, draft, (runs.again()[0], *new, "--out", "runs-what-if"))
    if asked.key is None:
        raise Missing(
            "What should change was not understood: name a key of the scenario and a value, such as 'what if the observation "
            "window were 1h'. All keys are in docs/reference.md; describe shows those of the run.",
            ("describe", runs.again()[0], "--no-data"),
        )
    value = asked.value or _scaled(runs, asked)
    if value is None:
        raise Missing(
            f"To what {asked.key} should change was not said: give a value, such as 'what if {asked.key} were ...'.",
            ("describe", runs.again()[0], "--no-data"),
        )
    draft.say(
        "This runs the same scenario and seed with that one key changed; compare the new run with this one."
    )
    return runs.answer(asked, draft, runs.again("--set", f"{asked.key}={value}", "--out", "runs-what-if"))


def _new_seeds(runs: Runs, asked: Question) -> tuple[str, ...]:
    if asked.seed is not None:
        return ("--seed", str(asked.seed))
    taken = [int(runs.reader.json(path).get("seed", 0)) for path in runs.paths]
    first, more = max(taken) + 1, asked.seeds or 1
    return ("--seed", str(first)) if more == 1 else ("--seeds", f"{first}..{first + more - 1}")


def _scaled(runs: Runs, asked: Question) -> str | None:
    """Return the key's value in the run, times what was said, as ``--set`` takes it."""
    if asked.factor is None or asked.key is None:
        return None
    import re
    import tomllib

    found = tomllib.loads((runs.paths[0] / "scenario.resolved.toml").read_text(encoding="utf-8"))
    value: object = found
    for step in asked.key.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str):
        match = re.fullmatch(r"([\d.]+)(ms|s|m|h|d)", value)
        return f"{float(match[1]) * asked.factor:g}{match[2]}" if match else None
    scaled = value * asked.factor
    return str(round(scaled)) if isinstance(value, int) else f"{scaled:g}"
