"""How results are written for people: names of metrics, digits, durations, intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from simulator.clock import Clock
from simulator.evaluation.task import lower_is_better
from simulator.evaluation.tasks import METRICS, TASKS
from simulator.units import DAY, HOUR, MINUTE, SECOND

TITLES = {
    "regret_nll": "NLL regret",
    "regret_gamma": "regret",
    "nll": "NLL",
    "auc": "AUC",
    "prauc": "PR-AUC",
    "pcoc": "PCOC",
    "ri_auc": "RI-AUC",
    "ri_prauc": "RI-PRAUC",
    "acc": "ACC@20%",
    "alpr": "ALPR",
    "log_mae": "log MAE",
    "gamma": "gamma loss",
    "rmse": "RMSE",
    "decile_error": "decile error",
    "ece": "ECE",
    "ece_truth": "ECE to the truth",
    "rmse_truth": "RMSE to the truth",
    "brier": "Brier score",
    "ks": "KS",
    "ess": "ESS of clicks",
    "clipped": "clipped clicks",
    "max_weight": "largest weight",
    "top_value": "value of top 10%",
    "bias": "bias",
    "bias_once": "bias, one pay",
    "bias_again": "bias, repurchases",
    "bias_late": "bias, late pays",
}
BY_SEGMENT = (
    "AUC, PR-AUC, RI, KS, GAUC, value of the top and metrics of one's own: means of the segments' own, weighted by rows; all "
    "else is over all rows"
)
"""What a table says of its figures (`simulator.evaluation.tasks.BY_SEGMENT`)."""
_BROKEN = {
    "regret_nll": "NLL\nregret",
    "ece_truth": "ECE to\nthe truth",
    "rmse_truth": "RMSE to\nthe truth",
    "ess": "ESS of\nclicks",
    "clipped": "clipped\nclicks",
    "max_weight": "largest\nweight",
    "top_value": "value of\ntop 10%",
}
_DIGITS = {
    "pcoc": 2,
    "ri_auc": 1,
    "ri_prauc": 1,
    "acc": 3,
    "alpr": 3,
    "rmse": 1,
    "decile_error": 3,
    "ess": 3,
    "clipped": 3,
    "max_weight": 1,
    "top_value": 3,
}
FEW_BLOCKS = 5
"""Below this many blocks of segments an interval rests on too little to be trusted; it is marked with ~."""


def title(metric: str) -> str:
    """Return the heading of a metric's column.

    >>> title("auc"), title("my_metric")
    ('AUC', 'my_metric')
    """
    return TITLES[metric] if metric in TITLES else METRICS[metric].title if metric in METRICS else metric


def heading(metric: str) -> str:
    """Return the heading of a metric's column where room is short: on two lines, if it is long.

    >>> heading("rmse_truth").splitlines(), heading("pcoc")
    (['RMSE to', 'the truth'], 'PCOC')
    """
    return _BROKEN.get(metric, title(metric))


def short(metric: str) -> str:
    """Return the least that tells a metric from those beside it in one table of what is measured against the truth.

    >>> short("regret_nll"), short("rmse_truth")
    ('regret', 'RMSE')
    """
    return title(metric).removeprefix("NLL ").removesuffix(" to the truth")


def number(metric: str, value: float | None, *, sign: bool = False) -> str:
    """Write a value of a metric with its digits; ``-`` where it is undefined.

    >>> number("pcoc", 0.98312), number("auc", None), number("nll", -0.0004, sign=True)
    ('0.98', '-', '-0.0004')
    """
    if value is None:
        return "-"
    own = METRICS.get(metric) if metric not in TITLES else None
    digits = _DIGITS.get(metric, 4) if own is None else own.digits
    if abs(value) >= 100:
        digits = min(digits, 1)
    value = round(value, digits) or 0.0  # no minus before what is written as zero
    return f"{value:{'+' if sign else ''}.{digits}f}"


def share(value: float | None) -> str:
    """Write a share as per cent."""
    return "-" if value is None else f"{100 * value:.1f}%"


def delivered(costs: Mapping[str, Any]) -> str:
    """Write how many samples a click a policy delivered.

    >>> delivered({"samples": 0, "duplication_factor": None}), delivered({"samples": 9, "duplication_factor": 1.5})
    ('none', '1.50')
    """
    return number("pcoc", costs["duplication_factor"]) if costs["samples"] else "none"


def duration(seconds: float | None) -> str:
    """Write a duration to two or three digits.

    >>> duration(864.0), duration(259_200.0), duration(0.0), duration(None)
    ('14.4m', '3.0d', '0s', '-')
    """
    if seconds is None:
        return "-"
    for unit, size in (("d", DAY // SECOND), ("h", HOUR // SECOND), ("m", MINUTE // SECOND)):
        if seconds >= size:
            return f"{seconds / size:.1f}{unit}"
    return f"{seconds:.0f}s"


def clock_of(summary: Mapping[str, Any]) -> Clock | None:
    """Return local time of the log of a run; None where its origin is not known."""
    origin = summary.get("origin")
    return (
        None if origin is None else Clock(datetime.fromisoformat(origin), summary.get("time_zone") or "UTC")
    )


def instant(micros: int, clock: Clock | None) -> str:
    """Write an instant as a local date where the origin of the log is known, otherwise as day and time of the log.

    >>> instant(36 * HOUR, None), instant(36 * HOUR, clock_of({"origin": "2024-11-10T00:00:00+00:00"}))
    ('day 1 12:00', '2024-11-11 12:00')
    """
    if clock is not None:
        return f"{clock.moment(micros):%Y-%m-%d %H:%M}"
    day, rest = divmod(micros, DAY)
    return f"day {day} {rest // HOUR:02d}:{rest % HOUR // MINUTE:02d}"


def zoned(said: str, clock: Clock | None) -> str:
    """Say whose time the instants below a heading are.

    >>> zoned("after each switch", clock_of({"origin": "2024-11-10T00:00:00+00:00"})), zoned("after each switch", None)
    ('after each switch (times in UTC)', 'after each switch')
    """
    return said if clock is None else f"{said} (times in {clock.zone})"


def find_interval(
    summary: Mapping[str, Any], method: str, task: str, metric: str, phase: str | None = None
) -> Mapping[str, Any] | None:
    """Return one interval of a summary, or None."""
    intervals: Iterable[Mapping[str, Any]] = summary.get("intervals", ())
    wanted = (method, task, metric, phase)
    for found in intervals:
        if (found["method"], found["task"], found["metric"], found["phase"]) == wanted:
            return found
    return None


def compared_with(summary: Mapping[str, Any], task: str) -> dict[str, str]:
    """Return what each method of a task is compared with over the whole stream."""
    return {
        i["method"]: i["baseline"] for i in summary["intervals"] if i["task"] == task and i["phase"] is None
    }


def common(against: Mapping[str, str]) -> str:
    """Return what most methods are compared with."""
    return max(sorted(set(against.values())), key=list(against.values()).count, default="")


def versus(summary: Mapping[str, Any], task: str) -> str:
    """Return what stands after "vs": "best" where that is what methods are compared with, else the baseline's name."""
    compared, metric = common(compared_with(summary, task)), TASKS[task].primary
    values = {
        method: tasks[task].get(metric) for method, tasks in summary["methods"].items() if task in tasks
    }
    own = values.pop(compared, None)
    bounds = {summary["ranking"][task]["oracle"], *summary.get("upper_bounds", ())}
    sign = 1.0 if lower_is_better(metric) else -1.0
    others = [sign * value for method, value in values.items() if value is not None and method not in bounds]
    return compared if own is None or (others and min(others) < sign * own) else "best"


def settled(interval: Mapping[str, Any] | None) -> bool:
    """Whether an interval excludes zero."""
    if interval is None or interval["low"] is None:
        return False
    return bool(interval["low"] > 0 or interval["high"] < 0)


def interval_text(interval: Mapping[str, Any] | None) -> str:
    """Write ``difference (low, high)``; ``*`` where zero is outside, ``~`` where there are few blocks."""
    if interval is None or interval["difference"] is None:
        return "-"
    metric = interval["metric"]
    low, high = (number(metric, interval[end], sign=True) for end in ("low", "high"))
    text = f"{number(metric, interval['difference'], sign=True)} ({low}, {high})"
    return text + ("~" if interval["blocks"] < FEW_BLOCKS else "*" if settled(interval) else " ")


def shown_metrics(summary: Mapping[str, Any], task: str) -> tuple[str, str, str]:
    """Return the three metrics that stand side by side: the primary one, AUC and PCOC."""
    return summary["ranking"][task]["metric"], "auc", "pcoc"
