"""Why a method stands where it stands: what was measured of it, put in order by rules on the numbers."""

from __future__ import annotations

from simulator.ask.asked import Answer, Runs
from simulator.ask.facts import QUOTED, Draft, Fact
from simulator.ask.question import Question
from simulator.ask.results import ahead_of, candidates, checked, ordered
from simulator.ask.scores import PHASES, Score

NEAR = 0.1
"""PCOC this near to 1 counts as calibrated."""
MUCH = 1.25
"""A rate this many times another one is told as higher."""


def why(runs: Runs, asked: Question) -> Answer:
    """Give the measured reasons: calibration by phase, fake negatives, label age, staleness, what is not fed at all; and what
    the verdict says of a stretch.
    """
    stretch = {"promotion": "day"}.get(asked.phase or "", asked.phase)
    phase = "promotion" if asked.phase == "opening" else asked.phase
    asked = Question(asked.text, asked.intent, asked.methods, asked.metric, task=asked.task, phase=phase)
    score = Score(runs, asked)
    methods = list(asked.methods) or ordered(runs, score, candidates(runs, score))[:1]
    draft = runs.draft()
    for number, method in enumerate(methods):
        checked(runs, score, method)
        if number:
            draft.say("\n")
        draft.say(
            f"{method}: {score.title} of {score.task} {score.stretch} is ",
            score.fact(method),
            *runs.scope(),
            ".",
        )
        _calibration(draft, runs, score, method)
        _labels(draft, runs, score, method)
    if len(methods) > 1:
        ahead = ahead_of(draft, score, methods[0], methods[1])
        draft.say(f"\n{ahead} is ahead." if ahead else "\nThey are equal.")
    _verdict(draft, runs, score.task, stretch, methods)
    return runs.answer(asked, draft)


def _verdict(draft: Draft, runs: Runs, task: str, stretch: str | None, methods: list[str]) -> None:
    """Quote why the verdict's best of a stretch is ahead, where it is a reason about these methods; a run's own verdict."""
    told = [
        (number, place, one)
        for number, of in enumerate(runs.first.get("verdict", ()) if len(runs.paths) == 1 else ())
        for place, one in enumerate(of["stretches"])
        if of["task"] == task and one["name"] == stretch
    ]
    for number, place, one in told:
        margins = [margin for margin in (one["runner_up"], one["nothing"]) if margin and margin["settled"]]
        if one["why"] and margins and {*methods} <= {one["best"], margins[0]["method"]}:
            reason = runs.of_one("verdict", number, "stretches", place, "why", form=QUOTED)
            draft.say(f"\nThe verdict's best there is {one['best']}: ", reason)


def _calibration(draft: Draft, runs: Runs, score: Score, method: str) -> None:
    """Say where predictions are farthest from what came."""
    by_phase = {
        phase: runs.at("phases", phase, method, score.task, "pcoc")
        for phase in runs.first["phases"]
        if score.asked.phase in (None, phase)
    }
    known = {phase: value for phase, fact in by_phase.items() if (value := draft.known(fact)) is not None}
    if not known:
        return
    phase = max(known, key=lambda name: abs(known[name] - 1))
    value = known[phase]
    if abs(value - 1) <= NEAR:
        draft.say(" It is calibrated there: PCOC ", by_phase[phase], ".")
        return
    way = "less" if value < 1 else "more"
    draft.say(f" It predicts {way} than what comes {PHASES.get(phase, phase)}: PCOC ", by_phase[phase], ".")


def _labels(draft: Draft, runs: Runs, score: Score, method: str) -> None:
    """Say what its labels were like."""
    samples = runs.at("costs", method, "samples", form="count")
    if draft.known(samples) == 0:
        draft.say(
            " Its policy delivered ",
            samples,
            " samples: nothing of the stream was learned, so no label could mislead it.",
        )
        return
    rates = {phase: _fakes(runs, method, phase) for phase in ("before", "anticipation", "promotion", "after")}
    known = {name: value for name, fact in rates.items() if fact and (value := draft.known(fact)) is not None}
    phase = score.asked.phase or ("anticipation" if "anticipation" in known else None)
    usual, here = rates.get("before"), rates.get(phase or "")
    if usual and here and phase != "before" and "before" in known and phase in known:
        more = known[phase] > MUCH * known["before"]
        draft.say(
            " Of its negative labels ",
            here,
            f" were fake {PHASES[phase]}, against ",
            usual,
            " before the anticipation",
        )
        draft.say(
            ": silence was taken for no, while buyers waited."
            if more
            else ": fake negatives do not explain it."
        )
    elif here or usual:
        chosen = here if here and phase in known else usual
        if chosen and draft.known(chosen) is not None:
            draft.say(" Of its negative labels ", chosen, " were fake.")
    age = runs.at("costs", method, "delivery_delay_s", "mean", form="hours")
    stale = runs.at("costs", method, "staleness", form="hours")
    if draft.known(age) is not None:
        draft.say(" Its samples came ", age, " after the click on average")
        draft.say(
            *((", and the model that served was ", stale, " old") if draft.known(stale) is not None else ()),
            ".",
        )


def _fakes(runs: Runs, method: str, phase: str) -> Fact | None:
    asked = Question("", "lookup", (method,), cost="fake_negative_rate", phase=phase)
    fact = Score(runs, asked).fact(method)
    return fact if fact.cells else None
