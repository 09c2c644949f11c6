"""Conformance of links, offsets and auxiliaries: what is served, or estimated, depends on the click alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from learners.auxiliary import Auxiliary, Estimator
from learners.kit.ground import (
    CALENDAR,
    KNOWN,
    OBSERVATION,
    WINDOWS,
    clicks_of,
    delivered,
    materials,
    trial_log,
)
from learners.offsets import Offset
from learners.serve import Link
from learners.start import Recipe
from simulator.conformance import Checks
from simulator.engine import Engine
from simulator.engine.batch import At
from simulator.engine.outbox import Outbox
from simulator.evaluation.tasks import TASKS
from simulator.learning import Advisor, Clicks, Question
from simulator.log.schema import Float64, Int64
from simulator.policies import Policy, policy_from
from simulator.randomness import generator
from simulator.units import DAY, Microseconds

ROWS = 200
Values = Mapping[str, Float64]


def links(link: Link) -> Checks:
    """Yield the checks of a link."""
    rng = generator(0, "kit", "link")
    given = {head: rng.normal(0, 3, ROWS) for head in link.heads}
    for values in given.values():
        values[:4] = (-30.0, 30.0, 0.0, -1.0)
    given |= {name: rng.random(ROWS) for name in link.estimates}
    order = rng.permutation(ROWS)
    yield "tasks", lambda: _named(link.serve(given), link.tasks, exactly=True)
    yield "shapes", lambda: _shaped(link.serve(given), ROWS)
    yield "range", lambda: _in_range(link.serve(given))
    yield (
        "row order",
        lambda: _moved(link.serve(given), link.serve({k: v[order] for k, v in given.items()}), order),
    )


def offsets(offset: Offset) -> Checks:
    """Yield the checks of an offset."""
    with TemporaryDirectory() as folder:
        known = offset.prepare(materials(Path(folder)))
        other = offset.prepare(materials(Path(folder), other_future=True))
        clicks = clicks_of(trial_log())
        order = generator(0, "kit", "offset").permutation(len(clicks))
        yield "heads", lambda: _named(known(clicks), offset.heads, exactly=True)
        yield "shapes", lambda: _shaped(known(clicks), len(clicks))
        yield "click alone", lambda: _moved(known(clicks), known(clicks[order]), order)
        yield "no future", lambda: _same(known(clicks), other(clicks))


def auxiliaries(auxiliary: Auxiliary) -> Checks:
    """Yield the checks of an auxiliary; of one that reads the truth of a world, that it says so."""
    if auxiliary.peeks:
        yield "declared", lambda: ""
        return
    with TemporaryDirectory() as folder:
        policy = policy_from("elapsed-time", {"window": Microseconds(OBSERVATION)})
        part = auxiliary.completed_for(policy, OBSERVATION)
        own = part.prepare(materials(Path(folder)))
        other = part.prepare(materials(Path(folder), other_future=True))
        yield from _answers(part, "samples", own.of_samples, other.of_samples, delivered(until=KNOWN))
        if not (isinstance(part, Recipe) and part.inputs):  # else it needs to know what only samples have
            yield from _answers(part, "clicks", own.of_clicks, other.of_clicks, clicks_of(trial_log()))
        if part.answers:
            yield from _questions(part, own, other)
        yield "state", lambda: _state(own)


def _answers(
    part: Auxiliary, what: str, ask: Callable[[Any], Values], twin: Callable[[Any], Values], asked: Any
) -> Checks:
    """Yield the checks of what is estimated for samples, or for clicks; nothing where others are asked for these."""
    try:
        names = tuple(ask(asked[np.arange(1)]))
    except NotImplementedError:
        return
    declared = part.estimates if what == "samples" else tuple(n for n in part.estimates if n in names)
    order = generator(0, "kit", "auxiliary").permutation(len(asked))
    yield f"{what}: estimates", lambda: _named(ask(asked), declared)
    yield f"{what}: shapes", lambda: _shaped(ask(asked), len(asked))
    yield f"{what}: row order", lambda: _moved(ask(asked), ask(asked[order]), order)
    yield f"{what}: no future", lambda: _same(ask(asked), twin(asked))


class _Told(dict[str, Float64]):
    """What an asker may know besides: some number of each journey, whatever it is called."""

    def __init__(self, clicks: Clicks) -> None:
        super().__init__()
        self._clicks = clicks

    def __missing__(self, name: str) -> Float64:
        return np.sin(self._clicks.row + len(name)) - 2.0


class _Answer(NamedTuple):
    rows: int
    first: Values
    again: Values


class _Asking(Advisor):
    """Puts every question of a policy to an estimator, twice, and keeps the answers."""

    def __init__(self, estimator: Estimator) -> None:
        self._estimator = estimator
        self.answers: list[_Answer] = []

    def ask(self, question: Question) -> Values:
        told = replace(question, known=_Told(question.clicks))
        first, second = (
            {name: np.array(values) for name, values in self._estimator.answer(told).items()}
            for _ in range(2)
        )
        self.answers.append(_Answer(len(question.clicks), first, second))
        return first

    def tell(self, clicks: Clicks, now: Int64, known: Values) -> None:
        """Nothing is told here."""


def _questions(part: Auxiliary, own: Estimator, other: Estimator) -> Checks:
    """Yield the checks of what a policy is answered at segments' ends."""
    for name in part.answers:
        found = _answered(name, own)
        yield f"{name}: shapes", partial(_first_fault, [(_shaped, a.first, a.rows) for a in found])
        yield (
            f"{name}: deterministic",
            partial(_first_fault, [(_same, a.first, a.again, "asked again") for a in found]),
        )
        pairs = zip(found, _answered(name, other), strict=True)
        yield f"{name}: no future", partial(_first_fault, [(_same, a.first, b.first) for a, b in pairs])


def _first_fault(checks: Sequence[tuple[Any, ...]]) -> str:
    return next((fault for check, *given in checks if (fault := check(*given))), "")


def _answered(name: str, estimator: Estimator) -> list[_Answer]:
    class Asks(Policy):
        asks = (name,)

        def on_segment(self, at: At, out: Outbox) -> None:
            at.ask(name)

    asking = _Asking(estimator)
    engine = Engine(
        trial_log(), WINDOWS, {"p": Asks()}, start=0, calendar=CALENDAR, features=True, advisors={"p": asking}
    )
    for day in range(1, KNOWN // DAY):
        engine.advance(day * DAY, segment_end=True)
    return asking.answers


def _state(estimator: Estimator) -> str:
    estimator.load_state_dict(estimator.state_dict())
    return ""


def _named(found: Values, names: tuple[str, ...], *, exactly: bool = False) -> str:
    missing = [name for name in names if name not in found]
    extra = [name for name in found if name not in names] if exactly else []
    told = f"gives {', '.join(found) or 'nothing'}; declared: {', '.join(names)}"
    return told if missing or extra else ""


def _shaped(found: Values, rows: int) -> str:
    for name, values in found.items():
        if np.shape(values) != (rows,):
            return f"{name!r} has shape {np.shape(values)}; it must be ({rows},), a value for each row"
        if not np.isfinite(values).all():
            return f"{name!r} is not finite in {np.count_nonzero(~np.isfinite(values))} of {rows} rows"
    return ""


def _in_range(found: Values) -> str:
    for task, values in found.items():
        binary = task not in TASKS or TASKS[task].binary
        if values.min() < 0 or (binary and values.max() > 1):
            allowed = "between 0 and 1" if binary else "at least 0"
            return f"{task!r} goes from {values.min():.6g} to {values.max():.6g}; allowed: {allowed}"
    return ""


def _moved(found: Values, moved: Values, order: Any) -> str:
    for name, values in found.items():
        if not np.allclose(values[order], moved[name], rtol=1e-5, atol=1e-6):
            return f"{name!r} of a row depends on the other rows, or on their order"
    return ""


def _same(found: Values, other: Values, when: str = "with another future") -> str:
    for name, values in found.items():
        if not np.array_equal(values, other[name]):
            row = int(np.flatnonzero(values != other[name])[0])
            return f"{name!r} of row {row} is {values[row]:.6g}, and {other[name][row]:.6g} {when}"
    return ""
