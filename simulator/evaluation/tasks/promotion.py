"""The tasks of a sale that is coming: what the clicks of its pre-promotion window do on their own day, and inside it.

They are judged on these clicks alone (`simulator.prepromotion.PrePromotion` says which), so on none where the stream holds no
anticipation. ``delayed`` is told apart by days to the sale, by cart or none, and by whether the item takes part in the sale.
``takes_part`` alone is judged on the clicks of the sale: whether a world's item takes part in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simulator.calendar import PHASES
from simulator.evaluation import metrics
from simulator.evaluation.task import TASKS, Occasion, Outcome, Task, Truth
from simulator.evaluation.tasks.binary import CHANCE, binary, chance
from simulator.log.schema import Bool, Float64, Labels
from simulator.prepromotion import PrePromotion
from simulator.units import DAY

Among = Callable[[Occasion, Labels], Bool]
"""Which of the clicks of pre-promotion windows a task is judged on."""
Reached = Callable[[PrePromotion, Occasion, Labels], Bool]


def _direct(windows: PrePromotion, occasion: Occasion, labels: Labels) -> Bool:
    return windows.direct(occasion.time, labels.first_pay)


def _delayed(windows: PrePromotion, occasion: Occasion, labels: Labels) -> Bool:
    return windows.delayed(occasion.time, labels.first_pay)


def _either(windows: PrePromotion, occasion: Occasion, labels: Labels) -> Bool:
    return _direct(windows, occasion, labels) | _delayed(windows, occasion, labels)


def _known(*columns: str) -> Callable[[Truth], Float64 | None]:
    def sum_of(truth: Truth) -> Float64 | None:
        if not {*columns} <= truth.keys():
            return None
        total: Float64 = np.sum([truth[name] for name in columns], axis=0)
        return total

    return sum_of


def _squared(served: Float64, judged: Outcome) -> dict[str, float]:
    return {**chance(served, judged), "brier": metrics.brier(served, judged.label)}


def _task(
    title: str,
    of: str,
    reached: Reached,
    truth: Callable[[Truth], Float64 | None],
    among: Among | None = None,
) -> Task:
    def nothing(labels: Labels) -> Float64:
        return np.zeros(len(labels))

    def nobody(labels: Labels) -> Bool:
        return np.zeros(len(labels), np.bool_)

    plain = replace(
        binary(title, of, nobody, nothing, truth, scaled=False),
        measure=_squared,
        measured=(*CHANCE, "brier"),
        further=("nll", "ece", "brier", "prauc", "rmse_truth", "ece_truth", "ks"),
    )

    def on(occasion: Occasion) -> Task:
        windows = PrePromotion(occasion.calendar)
        inside = windows.inside(occasion.time)
        return replace(
            plain,
            kept=lambda labels: inside if among is None else inside & among(occasion, labels),
            label=lambda labels: reached(windows, occasion, labels).astype(np.float64),
        )

    return replace(plain, on=on)


def _days(low: float, high: float) -> Among:
    """Clicks whose sale starts in more than ``low`` and at most ``high`` days."""

    def near(occasion: Occasion, labels: Labels) -> Bool:
        del labels  # the time alone says it
        days = (PrePromotion(occasion.calendar).opening(occasion.time) - occasion.time) / DAY
        return (days > low) & (days <= high)

    return near


def _carted(occasion: Occasion, labels: Labels) -> Bool:
    return PrePromotion(occasion.calendar).carted(occasion.time, labels.first_cart)


def _participating(occasion: Occasion, labels: Labels) -> Bool:
    truth = occasion.truth or {}
    return truth.get("participating", np.zeros(len(labels))) > 0


def _not(among: Among) -> Among:
    return lambda occasion, labels: ~among(occasion, labels)


BEFORE = "clicks before the sale"
TASKS.register("direct")(
    _task("Direct: a first pay on the day of the click", BEFORE, _direct, _known("p_direct"))
)
TASKS.register("delayed")(
    _task(
        "Delayed: a first pay in the coming sale, none on the day of the click",
        BEFORE,
        _delayed,
        _known("p_delayed"),
    )
)
TASKS.register("all")(
    _task("All: a first pay on the day of the click or in the coming sale", BEFORE, _either, _known("p_direct", "p_delayed"))
)  # fmt: skip

for name, of, among, needs in (
    ("last_day", "a day before it or less", _days(-np.inf, 1), ()),
    ("1_to_3_days", "1 to 3 days before it", _days(1, 3), ()),
    ("earlier", "more than 3 days before it", _days(3, np.inf), ()),
    ("carted", "with a cart that day", _carted, ()),
    ("uncarted", "without a cart that day", _not(_carted), ()),
    ("participating", "items that take part", _participating, ("participating",)),
    ("others", "items that do not take part", _not(_participating), ("participating",)),
):
    cut = _task(f"Delayed, {of}", of, _delayed, _known("p_delayed"), among)
    TASKS.register(f"delayed_{name}")(replace(cut, reads="delayed", beside="delayed", needs=needs))


def _in_a_sale(occasion: Occasion) -> Task:
    """Judge on the clicks of sales whether their items take part."""

    def inside(labels: Labels) -> Bool:
        del labels  # the time alone says it
        within: Bool = occasion.calendar.phase(occasion.time) == PHASES.index("promotion")
        return within

    def label(labels: Labels) -> Float64:
        return _participating(occasion, labels).astype(np.float64)

    return replace(TAKES_PART, kept=inside, label=label)


TAKES_PART = replace(
    binary(
        "Taking part: whether the item of a click in a sale takes part in it",
        "clicks in a sale",
        lambda labels: np.zeros(len(labels), np.bool_),
        lambda labels: np.zeros(len(labels)),
        lambda _: None,
        scaled=False,
    ),
    needs=("participating",),
    on=_in_a_sale,
)
TASKS.register("takes_part")(TAKES_PART)
