"""The seams of evaluation: what a task is, what a metric is, and how others bring theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.calendar import Calendar
from simulator.calls import calling
from simulator.errors import PartError
from simulator.log.schema import Bool, Float64, Int64, Labels
from simulator.plugins import Family
from simulator.ranking import of_two_classes

LOWER_IS_BETTER = frozenset(
    {"regret_nll", "regret_gamma", "ece_truth", "rmse_truth", "clipped", "max_weight"}
)
"""Of the metrics that need the truth; the others say it themselves."""

Truth = Mapping[str, Float64]
"""The true columns of a synthetic world: p_pay, p_refund given a pay, expected_gmv per click."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """What is known of clicks beside their labels: when each was made, the promotions, and in a world the truth."""

    time: Int64
    calendar: Calendar
    truth: Truth | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Final labels of the clicks a task is judged on (``kept``), and its true expectation if known."""

    kept: Bool
    label: Float64
    truth: Float64 | None
    again: Bool | None = None
    """Which clicks paid more than once (None: not known)."""
    late: Bool | None = None
    """Which clicks paid first later than a day after the click (None: not known)."""
    user: Int64 | None = None
    """Whose each row is (None: not asked for)."""
    worth: Float64 | None = None
    """What each row truly brings when it is acted on (None: not known)."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What one method reached on one task in one cell; the sums let cells be pooled."""

    rows: int
    positives: int
    sum_prediction: float
    sum_label: float
    values: dict[str, float]
    over: Mapping[str, int] = field(default_factory=dict)
    """How many rows a metric is over, where these are not all."""

    def rows_of(self, metric: str) -> int:
        """Return how many rows a metric is over."""
        return self.over.get(metric, self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is predicted, and how it is judged and shown.

    Parameters
    ----------
    title : heading of its tables.
    kept : the clicks it is judged on; ``of`` says what these are.
    label : the final label of every click.
    truth : the true expectation of the label on every click, None where the world does not say it.
    measure : metrics of predictions against the outcome of the same (kept) clicks; ``measured`` names them.
    primary : the metric that ranks methods and whose differences are tested: it sees calibration as well as order.
    regret : the metric that needs the truth.
    headline : the metric that leads the tables where the truth is known (elsewhere the primary one does).
    further : metrics that tables show beside headline, AUC and PCOC where there is room.
    binary : whether the label is 0 or 1.
    worth : what each row truly brings when it is acted on, None where the world does not say it.
    some : by metric, which of the kept clicks it is over; the others are over all.
    population : what it is judged on: the stream's clicks, or its impressions.
    reads : the served prediction that it judges; its own name unless given.
    hidden : whether only a world knows its label.
    needs : columns of the truth without which it is not judged.
    beside : the task in whose tables it stands, since it judges the same prediction on another population.
    on : the task as it is on an occasion, where clicks and labels depend on when each click was made, on the promotions or on
        the truth; None where they do not.
    scaled : whether methods compete on it, from a frozen model (0) to an oracle (100); not on a by-product.
    """

    title: str
    of: str
    kept: Callable[[Labels], Bool]
    label: Callable[[Labels], Float64]
    truth: Callable[[Truth], Float64 | None]
    measure: Callable[[Float64, Outcome], dict[str, float]]
    measured: tuple[str, ...]
    primary: str
    regret: str
    headline: str
    further: tuple[str, ...]
    binary: bool
    scaled: bool = True
    population: Literal["clicks", "impressions"] = "clicks"
    reads: str = ""
    hidden: bool = False
    needs: tuple[str, ...] = ()
    beside: str = ""
    on: Callable[[Occasion], Task] | None = None
    worth: Callable[[Truth], Float64 | None] = lambda _: None
    some: Callable[[Outcome], dict[str, Bool]] = lambda _: {}

    @property
    def short(self) -> str:
        """What the task is called in a sentence."""
        return self.title.partition(":")[0]

    @property
    def compared(self) -> tuple[str, ...]:
        """Metrics for which differences get an interval."""
        return (self.primary, "auc", "pcoc")

    @classmethod
    def measured_by(
        cls,
        metrics: Sequence[str],
        *,
        title: str,
        label: Callable[[Labels], Float64],
        of: str = "clicks",
        kept: Callable[[Labels], Bool] | None = None,
        binary: bool = False,
    ) -> Task:
        """Return a task that is measured by metrics of `METRICS`, by name; the first one ranks. AUC and PCOC stand beside."""
        first = metrics[0]
        names = tuple(dict.fromkeys((*metrics, "auc", "pcoc")))
        return cls(
            title=title,
            of=of,
            kept=every if kept is None else kept,
            label=label,
            truth=lambda _: None,
            measure=lambda served, judged: values_of(names, served, judged.label, judged.user),
            some=lambda judged: some_of(names, judged.label, judged.user),
            measured=names,
            primary=first,
            regret=first,
            headline=first,
            further=tuple(name for name in metrics[1:] if name not in ("auc", "pcoc")),
            binary=binary,
            scaled=False,
        )


def every(labels: Labels) -> Bool:
    """Keep all clicks."""
    return np.ones(len(labels), np.bool_)


TASKS: Family[Task] = Family("task", "tasks", "simulator.evaluation.tasks", Task)
"""Every task by name, in the order in which results show them. The names are those of a learner's predictions."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of predictions against final labels.

    Parameters
    ----------
    title : heading of its column.
    function : given predictions, labels and weights, each of shape (n,), returns the figure; NaN where it is undefined. Over
        several segments it is the mean of theirs, weighted by rows. Where it is no mean over rows (a root, a ratio, a rank),
        that is not the figure over all rows at once.
    lower : whether less is better.
    digits : with how many it is shown.
    by_user : whether it is a figure inside users. The function is then given whose each row is in place of weights, and only
        the rows of users who have labels above 0 and others; where users are not known it is NaN.
    """

    title: str
    function: Callable[[Float64, Float64, NDArray[Any]], float]
    lower: bool = True
    digits: int = 4
    by_user: bool = False


METRICS: Family[Metric] = Family("metric", "metrics", "simulator.evaluation.tasks", Metric)
"""Metrics by name, for tasks of one's own and for ``[evaluation] metrics``."""


def metric(
    name: str, title: str, *, lower: bool = True, digits: int = 4, by_user: bool = False
) -> Callable[[Callable[[Float64, Float64, NDArray[Any]], float]], Metric]:
    """Decorator: make a function of predictions, labels and weights (or users) a metric; see `Metric`."""

    def add(function: Callable[[Float64, Float64, NDArray[Any]], float]) -> Metric:
        made = Metric(title, function, lower, digits, by_user)
        METRICS.register(name, function.__module__)(made)
        return made

    return add


def lower_is_better(name: str) -> bool:
    """Tell whether less of a metric is better."""
    return name in LOWER_IS_BETTER or (name in METRICS and METRICS[name].lower)


def some_of(names: Sequence[str], label: Float64, user: Int64 | None) -> dict[str, Bool]:
    """Return the rows that metrics are over, for those that are not over all: figures inside users."""
    inside = [name for name in names if METRICS[name].by_user]
    if not inside:
        return {}
    return dict.fromkeys(
        inside, np.zeros(len(label), np.bool_) if user is None else of_two_classes(label, user)
    )


def values_of(
    names: Sequence[str], served: Float64, label: Float64, user: Int64 | None = None
) -> dict[str, float]:
    """Return metrics of predictions against final labels, by name; those inside users are NaN where users are not known.

    Raises
    ------
    PartError : a metric failed, or is no number.
    """
    found, weight = {}, np.ones(len(label))
    some, whose = some_of(names, label, user), weight if user is None else user
    for name in names:
        function, rows = METRICS[name].function, some.get(name, slice(None))
        with calling(function, "the metric", f"{len(label)} rows", f"metric {name!r}"):
            value = function(served[rows], label[rows], (whose if name in some else weight)[rows])
            if not isinstance(value, float | np.floating | int) or isinstance(value, bool):
                raise PartError(f"the metric returned a {type(value).__name__}; it must return one number")
        found[name] = float(value)
    return found
