"""Answers from results: lookup and compare."""

from __future__ import annotations

from simulator.ask.asked import Answer, Runs
from simulator.ask.facts import HIGH, LOW, SUMMARY, Cell, Draft, Fact
from simulator.ask.question import Question, occurs
from simulator.ask.scores import Missing, Score

SHOWN = 6
"""Methods in a ranking that names none; the others are in the table of the run."""


def lookup(runs: Runs, asked: Question) -> Answer:
    """Say the number of each method asked for, or of the log."""
    draft = runs.draft()
    if asked.count and not asked.methods and not asked.metric:
        return _counted(runs, asked, draft)
    score = Score(runs, asked)
    methods = list(asked.methods) or ([_frozen(runs, score)] if asked.frozen else [])
    if not methods:
        return compare(runs, asked)
    for number, method in enumerate(methods):
        if number:
            draft.say("\n")
        checked(runs, score, method)
        draft.say(f"{method}: {score.title} of {score.task} {score.stretch} is ", score.fact(method))
        draft.say(*runs.scope(), ".")
        if score.metric == "pcoc" and (value := draft.known(score.fact(method))) is not None:
            draft.say(f" It predicts {'more' if value > 1 else 'less'} than what came.")
    return runs.answer(asked, draft)


def _counted(runs: Runs, asked: Question, draft: Draft) -> Answer:
    task = asked.task or next(iter(runs.first["rows"]))
    if task not in runs.first["rows"]:
        task = next(iter(runs.first["rows"]))
    pointer = str(asked.count).format(task=task).strip("/").split("/")
    fact = runs.at(*pointer, form="count")
    if draft.known(fact) is None:
        raise Missing("These runs do not say that.", runs.again("--out", "runs-again"))
    draft.say(
        f"{' '.join(dict.fromkeys(pointer)).replace('_', ' ')} of {runs.first['name']}: ",
        fact,
        *runs.scope(),
        ".",
    )
    return runs.answer(asked, draft)


def compare(runs: Runs, asked: Question) -> Answer:
    """Say which method is better, by how much, and whether the difference is settled."""
    score = Score(runs, asked)
    methods = list(asked.methods)
    for method in methods:
        checked(runs, score, method)
    if asked.frozen and (frozen := _frozen(runs, score)) not in methods:
        methods.append(frozen)
    draft = runs.draft()
    if len(methods) < 2:
        order = ordered(runs, score, candidates(runs, score))
        if not order:
            raise Missing("No method has this number.", ("ls", "methods"))
        if not methods:
            return _ranked(runs, asked, score, order)
        best = next((name for name in order if name != methods[0]), methods[0])
        methods.append(best)
    first, *others = methods
    draft.say(f"{score.title} of {score.task} {score.stretch}", *runs.scope(), ": ")
    for number, other in enumerate(others):
        if number:
            draft.say("\n")
        _paired(draft, runs, score, first, other)
    return runs.answer(asked, draft, _more(runs, asked))


def _ranked(runs: Runs, asked: Question, score: Score, order: list[str]) -> Answer:
    draft = runs.draft()
    direction = {True: "lowest", False: "highest", None: "nearest to what came"}[score.lower]
    draft.say(f"{score.title} of {score.task} {score.stretch}, {direction} first")
    draft.say(*runs.scope(), ": ")
    for number, method in enumerate(order[:SHOWN]):
        draft.say(", " if number else "", f"{method} ", score.fact(method))
    draft.say(".")
    if len(order) > 1:
        draft.say("\n")
        _paired(draft, runs, score, order[0], order[1])
        frozen = runs.first["ranking"].get(score.task, {}).get("pretrained")
        if frozen in order and frozen not in order[:2]:
            draft.say("\n")
            _paired(draft, runs, score, order[0], frozen)
    return runs.answer(asked, draft, _more(runs, asked))


def _paired(draft: Draft, runs: Runs, score: Score, first: str, second: str) -> None:
    """Say two numbers and their difference, with an interval where there is one."""
    one, two = score.fact(first), score.fact(second)
    draft.say(f"{first} ", one, f" against {second} ", two)
    ahead = ahead_of(draft, score, first, second)
    if ahead is None:
        draft.say(": equal." if draft.known(one) == draft.known(two) else ".")
        return
    difference, low, high = _difference(runs, score, first, second)
    if difference is None:
        draft.say(f": {ahead} is ahead.")
        return
    draft.say(": difference ", difference)
    if low is None or high is None:
        draft.say(f"; {ahead} is ahead, but one run has no interval for this pair.")
        return
    draft.say(" (", low, " to ", high, ")")
    ends = draft.known(low), draft.known(high)
    settled = ends[0] is not None and ends[1] is not None and ends[0] * ends[1] > 0
    if score.lower is None:
        draft.say(f"; {ahead} is nearer to what came.")
    else:
        draft.say(f"; {ahead} is better, settled." if settled else f"; {ahead} is ahead, not settled.")


def ahead_of(draft: Draft, score: Score, first: str, second: str) -> str | None:
    """Return which of two methods is ahead; None where their numbers are equal or unknown."""
    one, two = (draft.known(score.fact(method)) for method in (first, second))
    if one is None or two is None or one == two:
        return None
    return first if score.distance(one) < score.distance(two) else second


def _difference(
    runs: Runs, score: Score, first: str, second: str
) -> tuple[Fact | None, Fact | None, Fact | None]:
    """Return the difference first - second and the ends of its interval: over seeds, else over the blocks of the one run."""
    if score.asked.cost:
        return None, None, None
    if len(runs.paths) > 1:
        cells = (*score.cells(first), *score.cells(second))
        return (
            Fact(cells, "mean difference", "signed"),
            Fact(cells, LOW, "signed"),
            Fact(cells, HIGH, "signed"),
        )
    phase = None if score.hours else score.asked.phase
    metric = {"regret_nll": "nll"}.get(
        score.metric, score.metric
    )  # equal differences: the truth's part cancels
    for place, entry in enumerate(runs.first.get("intervals", ()) if not score.hours else ()):
        if (entry["task"], entry["metric"], entry["phase"]) != (score.task, metric, phase):
            continue
        pair, run = (entry["method"], entry["baseline"]), runs.paths[0]
        cells = tuple(
            Cell(run, SUMMARY, ("intervals", place, name)) for name in ("difference", "low", "high")
        )
        if pair == (first, second):
            return (
                Fact(cells[:1], form="signed"),
                Fact(cells[1:2], form="signed"),
                Fact(cells[2:], form="signed"),
            )
        if pair == (second, first):
            turned = [Fact((cells[place],), "minus", "signed") for place in (0, 2, 1)]
            return turned[0], turned[1], turned[2]
    cells = (*score.cells(first), *score.cells(second))
    return Fact(cells, "mean difference", "signed"), None, None


def candidates(runs: Runs, score: Score) -> list[str]:
    """Return what can be served: all methods but those that read the truth or the future; the frozen model is one."""
    ranking = runs.first["ranking"].get(score.task, {})
    bounds = {*runs.first.get("upper_bounds", ()), ranking.get("oracle")} - {ranking.get("pretrained")}
    return [name for name in score.methods() if name not in bounds]


def ordered(runs: Runs, score: Score, methods: list[str]) -> list[str]:
    """Return methods by their number, best first; those without one are left out."""
    values = {name: runs.reader.of(score.fact(name)) for name in methods}
    known = {name: value for name, value in values.items() if value is not None}
    return sorted(known, key=lambda name: score.distance(known[name]))


def _frozen(runs: Runs, score: Score) -> str:
    found = runs.first["ranking"].get(score.task, {}).get("pretrained")
    if found is None:
        raise Missing("No method of these runs is never updated.", ("ls", "methods"))
    return str(found)


def checked(runs: Runs, score: Score, method: str) -> None:
    """Refuse a method that the runs do not have, or a number that it does not have.

    Raises
    ------
    Missing : so it is.
    """
    if method not in runs.methods:
        raise Missing(
            f'{method} is not in these runs; they have {", ".join(runs.methods)}. Add [[method]] with method = "{method}" to a '
            "scenario that extends theirs.",
            ("cp", "double11"),
        )
    if score.task not in runs.methods[method]:
        raise Missing(f"{method} does not predict {score.task}.", ("ls", "methods"))
    if score.runs.reader.of(score.fact(method)) is None:
        why = f"These runs hold no {score.title} of {method} {score.stretch}."
        finer = runs.again("--set", "stream.segment=1h", "--out", "runs-hours")
        raise Missing(why, finer if score.hours else ("report", str(runs.paths[0])))


def _more(runs: Runs, asked: Question) -> tuple[str, ...]:
    """Return the words that say more: the verdict on what to serve; of one run, seeds for an interval."""
    if occurs("serve", asked.text) >= 0:
        return ("verdict", *(str(path) for path in runs.paths))
    if len(runs.paths) > 1:
        return ()
    return (str(runs.paths[0] / "scenario.resolved.toml"), "--seeds", "0..3", "--out", "runs-seeds")
