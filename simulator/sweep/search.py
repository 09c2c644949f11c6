"""Points chosen by what earlier ones reached: an Optuna study, where Optuna is installed."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simulator.errors import RunError, ScenarioError
from simulator.evaluation.task import lower_is_better
from simulator.sweep.file import Search, Sweep


class Study:
    """Asks for points and is told what they reached; the same answers lead to the same points, so that it can be begun again.

    Raises
    ------
    ScenarioError : Optuna is not installed.
    """

    def __init__(self, sweep: Sweep, search: Search) -> None:
        try:
            import optuna
        except ImportError:
            raise ScenarioError(
                '[sweep.search] needs Optuna; install it with: pip install "afterclick[search]"'
            ) from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._values, self._search, self._left = sweep.set, search, search.trials
        metric = search.objective.split(":")[2]
        self._study = optuna.create_study(
            direction="minimize" if lower_is_better(metric) else "maximize",
            sampler=optuna.samplers.TPESampler(seed=sweep.draw),
        )

    def ask(self, most: int) -> list[tuple[Any, dict[str, Any]]]:
        """Return the next trials with their points, at most so many; none when all have been asked for."""
        count = min(most, self._left)
        self._left -= count
        trials = [self._study.ask() for _ in range(count)]
        return [(trial, {key: self._suggest(trial, key) for key in self._values}) for trial in trials]

    def _suggest(self, trial: Any, key: str) -> Any:
        values = self._values[key]
        if values.listed:
            return values.listed[trial.suggest_int(key, 0, len(values.listed) - 1)]
        if values.kind == "whole":
            return trial.suggest_int(key, int(values.low), int(values.high), log=values.log)
        return values.written(trial.suggest_float(key, values.low, values.high, log=values.log))

    def tell(self, trial: Any, runs: Sequence[Path]) -> None:
        """Take the runs of a trial; without any it has failed."""
        values = [self._reached(run) for run in runs]
        known = [value for value in values if math.isfinite(value)]
        self._study.tell(
            trial, sum(known) / len(known) if known else None, state=None if known else _failed()
        )

    def _reached(self, run: Path) -> float:
        method, task, metric = self._search.objective.split(":")
        methods = json.loads((run / "summary.json").read_text(encoding="utf-8"))["methods"]
        try:
            value = methods[method][task][metric]
        except KeyError as error:
            raise RunError(
                f'sweep.search.objective = "{self._search.objective}": {run} has no {error.args[0]!r}; '
                f"methods: {', '.join(methods)}; tasks: {', '.join(dict.fromkeys(t for m in methods.values() for t in m))}"
            ) from None
        return math.nan if value is None else float(value)

    @property
    def best(self) -> str:
        """The best point, in one line."""
        try:
            best = self._study.best_trial
        except ValueError:  # none has been told
            return ""
        at = ", ".join(f"{key} = {self._suggest(best, key)}" for key in self._values)
        return f"best {self._search.objective} = {best.value:.6g} at {at}"


def _failed() -> Any:
    import optuna

    return optuna.trial.TrialState.FAIL
