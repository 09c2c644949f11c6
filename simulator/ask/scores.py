"""Where the number of a method is that a question asks for: its metric or cost, in a phase, in hours around the opening."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simulator.ask.asked import Runs
from simulator.ask.facts import METRICS, PREDICTIONS, Cell, Fact
from simulator.ask.question import Question
from simulator.evaluation.task import LOWER_IS_BETTER
from simulator.units import HOUR

LABELS = {"cvr": "converted", "gmv": "gmv"}
"""The column of ``predictions.parquet`` that a task is judged on, where one column says it."""
PHASES = {
    "before": "before the anticipation",
    "anticipation": "in the anticipation",
    "promotion": "on the day of the sale",
    "after": "after the sale",
}
OPENING = (0.0, 6.0)
"""The opening hours where a question says no other."""
COSTS = {
    "duplication_factor": ("samples per click", "number"),
    "samples": ("samples delivered", "count"),
    "fake_negative_rate": ("fake negative rate", "percent"),
    "label_accuracy": ("label accuracy", "percent"),
    "label_age_s": ("mean label age", "hours"),
    "delivery_delay_s": ("mean delivery delay", "hours"),
    "correction_lag_s": ("mean correction lag", "hours"),
    "uncorrected_rate": ("uncorrected rate", "percent"),
    "staleness": ("mean staleness", "hours"),
    "steps": ("learning steps", "count"),
    "samples_learned": ("samples learned", "count"),
    "retractions": ("retractions", "count"),
}
"""Name and form of each number of costs; durations are in seconds there, staleness too."""
LOWER = LOWER_IS_BETTER | {"nll", "alpr", "log_mae", "gamma", "rmse", "ece", "brier", "decile_error"}
HIGHER = frozenset({"auc", "prauc", "acc", "ks", "gauc", "ri_auc", "ri_prauc", "top_value"})
_SPREAD = ("label_age_s", "delivery_delay_s", "correction_lag_s")


class Missing(Exception):  # noqa: N818 - it is no error of the program
    """What was asked for is in no file: why, and the words of the command that would produce it."""

    def __init__(self, why: str, command: tuple[str, ...]) -> None:
        super().__init__(why)
        self.why, self.command = why, command


class Score:
    """One number of every method: a metric of a task in a stretch of time, or a cost."""

    def __init__(self, runs: Runs, asked: Question) -> None:
        self.runs, self.asked = runs, asked
        self.task = self._task()
        self.metric = asked.cost or asked.metric or str(runs.first["ranking"][self.task]["metric"])
        self.hours = asked.hours or (OPENING if asked.phase == "opening" else None)
        if asked.cost is None:
            self._check_metric()
        elif (asked.phase or self.hours) and asked.cost not in ("fake_negative_rate", "label_accuracy"):
            raise Missing(
                f"Costs are summed over the whole stream; {COSTS[asked.cost][0]} is not kept by phase or hour. With dumped "
                "samples it can be counted.",
                runs.again("--dump-samples", "--out", "runs-samples"),
            )

    def _task(self) -> str:
        if self.asked.task:
            return self._served(self.asked.task)
        named = [task for method in self.asked.methods for task in self.runs.methods.get(method, ())]
        of_metric = [
            task
            for tasks in self.runs.first["methods"].values()
            for task, metrics in tasks.items()
            if self.asked.metric in metrics
        ]
        for candidates in ([task for task in named if not of_metric or task in of_metric], named, of_metric):
            if candidates:
                return candidates[0]
        return str(next(iter(self.runs.first["ranking"])))

    def _served(self, task: str) -> str:
        if task in self.runs.first["ranking"]:
            return task
        known = ", ".join(self.runs.first["ranking"])
        raise Missing(
            f"No method of these runs predicts {task}; they predict {known}. A method that does must be in the scenario.",
            ("ls", "methods"),
        )

    def _check_metric(self) -> None:
        held = {name for tasks in self.runs.first["methods"].values() for name in tasks.get(self.task, {})}
        if self.metric not in held:
            raise Missing(
                f"{self.metric} is not among the metrics of {self.task} in these runs: {', '.join(sorted(held))}.",
                self.runs.again("--set", f'evaluation.metrics=["{self.metric}"]', "--out", "runs-metrics"),
            )

    @property
    def lower(self) -> bool | None:
        """Whether less is better; None where it is nearness to 1, or neither."""
        if self.asked.cost:
            return self.asked.cost != "label_accuracy" if self.asked.cost in COSTS else None
        if self.metric == "pcoc" or self.metric.startswith("bias"):
            return None
        if self.metric in LOWER or self.metric in HIGHER:
            return self.metric in LOWER
        from simulator.evaluation.task import METRICS as KNOWN  # loads all parts that are installed

        return KNOWN[self.metric].lower if self.metric in KNOWN else False

    @property
    def title(self) -> str:
        """Name of the number as tables have it."""
        from simulator.report.numbers import TITLES

        return COSTS[self.metric][0] if self.asked.cost else TITLES.get(self.metric, self.metric)

    @property
    def stretch(self) -> str:
        """Say of which stretch it is."""
        if self.hours:
            return "in the hours asked for around the opening" if self.asked.hours else "in the opening hours"
        if self.asked.phase in PHASES:
            return PHASES[self.asked.phase]
        return "over the whole stream"

    def methods(self) -> list[str]:
        """Return all methods that have the number."""
        return [name for name, tasks in self.runs.methods.items() if self.task in tasks and self._known(name)]

    def _known(self, method: str) -> bool:
        return self.runs.reader.of(self.fact(method)) is not None

    def distance(self, value: float) -> float:
        """Return how far a value is from the best there could be, for an order: less is better."""
        if self.lower is None:
            return abs(value - 1) if self.metric == "pcoc" else abs(value)
        return value if self.lower else -value

    def fact(self, method: str) -> Fact:
        """Return the number of a method, a mean over the runs."""
        if self.asked.cost and (self.asked.phase or self.hours):
            return self._by_day(method)
        form = COSTS[self.metric][1] if self.asked.cost else "number"
        return self.runs.mean(self.cells(method), form)

    def cells(self, method: str) -> list[Cell]:
        """Return the number's cell in each run."""
        if self.asked.cost:
            last = ("mean",) if self.asked.cost in _SPREAD else ()
            where: tuple[Any, ...] = ("costs", method, self.asked.cost, *last)
        elif self.hours:
            return self._in_hours(method)
        elif self.asked.phase in PHASES:
            where = ("phases", self.asked.phase, method, self.task, self.metric)
        else:
            where = ("methods", method, self.task, self.metric)
        return [Cell(path, "summary.json", where) for path in self.runs.paths]

    def _by_day(self, method: str) -> Fact:
        """Return the mean over the days of a phase; a day counts for a phase when most of it is in it."""
        cells = [
            Cell(path, "summary.json", ("costs", method, "by_day", self.metric, place))
            for path in self.runs.paths
            for place in days_of(self.runs, path, method, self.asked.phase or "promotion")
        ]
        return self.runs.mean(cells, "percent")

    def _in_hours(self, method: str) -> list[Cell]:
        opening = opening_of(self.runs)
        first, end = (int(opening + hour * HOUR) for hour in self.hours or OPENING)
        label = LABELS.get(self.task)
        if self.metric in ("pcoc", "nll") and label:
            if not self.runs.has_predictions():
                raise Missing(
                    "These runs kept no predictions, so single hours cannot be judged.",
                    self.runs.again("--set", "output.predictions=true", "--out", "runs-predictions"),
                )
            what = "nll" if self.metric == "nll" else "predicted_over_observed"
            where: list[tuple[str, str, Any]] = [("time", ">=", first), ("time", "<", end)]
            if self.task == "gmv":
                where.append(("converted", "=", True))
            aggregate = (what, f"{method}.{self.task}", label)
            return [Cell(path, PREDICTIONS, tuple(where), aggregate) for path in self.runs.paths]
        if self.metric.startswith("ri_"):
            raise Missing(
                f"{self.metric} is not defined for single hours; ask for a phase.",
                ("report", str(self.runs.paths[0])),
            )
        chosen = (
            ("method", "=", method),
            ("task", "=", self.task),
            ("metric", "=", self.metric),
            ("start", ">=", first),
            ("start", "<", end),
        )
        return [Cell(path, METRICS, chosen, ("weighted_mean", "value", "rows")) for path in self.runs.paths]


def opening_of(runs: Runs) -> int:
    """Return when the sale opens, in microseconds from the log's origin."""
    promotions = runs.first.get("promotions") or ()
    if not promotions:
        raise Missing(
            "These runs have no promotion, so there is no opening.",
            ("scenarios/double11.toml",),
        )
    return int(promotions[-1]["start"])


def days_of(runs: Runs, run: Any, method: str, phase: str) -> list[int]:
    """Return the places, in ``costs.METHOD.by_day``, of the days that lie in a phase."""
    summary = runs.reader.json(run)
    days: Iterable[int] = summary["costs"][method].get("by_day", {}).get("day", ())
    day = 24 * HOUR
    switches = [(switch["time"], switch["phase"]) for switch in summary.get("switches", ())]

    def at(time: int) -> str:
        return next((name for start, name in reversed(switches) if start <= time), "before")

    wanted = "promotion" if phase == "opening" else phase
    return [place for place, number in enumerate(days) if at(number * day + day // 2) == wanted]
