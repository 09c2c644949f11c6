"""Checkpoints: a learner that can be stopped anywhere and go on to the same numbers.

A replay is cheap and exact, learning is neither. So a resumed run replays from the start, and each learner sits out
the calls that it had already answered before its checkpoint: what it predicted then is read back, and its weights are
those of the checkpoint. Nothing else of a run needs saving.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError  # what torch.load(weights_only=True) raises; nothing is unpickled here
from typing import Any

import numpy as np
import torch

from simulator.atomic import written_whole
from simulator.errors import RunError
from simulator.learning import PREDICTIONS, Clicks, Learner, Question
from simulator.log.schema import Float64, Int64
from simulator.samples import Samples


class Journal:
    """A learner with a journal in a directory: ``<name>.pt`` (state) and ``<name>.<part>.npz`` (its answers).

    Parameters
    ----------
    directory : where the journal is kept; None keeps none.
    resume : take up the journal that is there; a method without one starts from the beginning.

    Raises
    ------
    RunError : the journal is damaged.
    """

    def __init__(self, learner: Learner, directory: Path | None, name: str, *, resume: bool = False) -> None:
        self.tasks, self.adapts = learner.tasks, learner.adapts
        self._learner, self._directory, self._name = learner, directory, name
        self._calls = self._known = self._parts = 0
        self._answers: list[dict[str, Float64]] = []
        if resume and directory is not None and self._state_path().exists():
            self._take_up()

    def _state_path(self) -> Path:
        assert self._directory is not None
        return self._directory / f"{self._name}.pt"

    def _part_path(self, part: int) -> Path:
        assert self._directory is not None
        return self._directory / f"{self._name}.{part}.npz"

    def learn(self, samples: Samples) -> None:
        """Take a step, unless the checkpoint came after it."""
        if self._fresh():
            self._learner.learn(samples)

    def publish(self, now: int | None = None) -> None:
        """Publish, unless the checkpoint came after it."""
        if self._fresh():
            self._learner.publish(now)

    def ask(self, question: Question) -> Mapping[str, Float64]:
        """Ask, or repeat what was answered before the checkpoint; an auxiliary that does not adapt answers the same again."""
        if question.name != PREDICTIONS and not self.adapts:
            return self._learner.ask(question)
        if not self._fresh():
            return self._answers.pop(0)
        found = self._learner.ask(question)
        if self._directory is not None:
            self._answers.append({name: np.asarray(values) for name, values in found.items()})
        return found

    def tell(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64]) -> None:
        """Tell the learner, unless the checkpoint came after it."""
        if self._fresh():
            self._learner.tell(clicks, now, known)

    def _fresh(self) -> bool:
        self._calls += 1
        return self._calls > self._known

    def save(self) -> None:
        """Write a checkpoint: first the answers since the last one, then, as one rename, what refers to them."""
        if self._calls <= self._known or self._directory is None:
            return
        arrays = {f"{i}.{task}": v for i, answer in enumerate(self._answers) for task, v in answer.items()}
        np.savez(self._part_path(self._parts), **arrays)  # type: ignore[arg-type]
        state = {"calls": self._calls, "parts": self._parts + 1, "learner": self._learner.state_dict()}
        with written_whole(self._state_path()) as partial:
            torch.save(state, partial)
        self._parts += 1
        self._answers.clear()

    def _take_up(self) -> None:
        try:
            state = torch.load(self._state_path(), weights_only=True)
            for part in range(state["parts"]):
                with np.load(self._part_path(part), allow_pickle=False) as arrays:
                    self._answers += _answers(arrays)
            self._learner.load_state_dict(state["learner"])
        except (OSError, KeyError, ValueError, RuntimeError, EOFError, UnpicklingError) as error:
            why = str(error).partition("\n")[0]
            raise RunError(
                f"{self._state_path()}: the checkpoint of {self._name!r} is damaged ({why})"
            ) from error
        self._known, self._parts = state["calls"], state["parts"]

    def notes(self) -> Mapping[str, Any]:
        """Return what the learner found."""
        return self._learner.notes()

    def state_dict(self) -> dict[str, Any]:
        """Return the learner's state."""
        return self._learner.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the learner's state."""
        self._learner.load_state_dict(state)


def _answers(arrays: Mapping[str, Float64]) -> list[dict[str, Float64]]:
    answers: dict[int, dict[str, Float64]] = {}
    for key in arrays:
        place, _, task = key.partition(".")
        answers.setdefault(int(place), {})[task] = arrays[key]
    return [answers[place] for place in sorted(answers)]
