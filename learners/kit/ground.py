"""The ground on which parts are tried: a small random log, what a policy delivers on it, materials made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from learners.catalog import ResolvedMethod, resolve_all
from learners.history import History
from learners.materials import Materials
from learners.model import Model
from learners.networks.mlp import MLP
from learners.objectives import OBJECTIVES
from learners.serve import LINKS
from simulator.audit.futures import scrambled
from simulator.beside import folders
from simulator.calendar import Calendar, Promotion
from simulator.engine import Engine
from simulator.learning import Clicks
from simulator.log.impressions import Which
from simulator.log.memory import MemoryLog, random_log
from simulator.log.meta import Meta
from simulator.log.schema import (
    ClickBatch,
    EventBatch,
    Feature,
    Float64,
    ImpressionBatch,
    ImpressionLabels,
    Int64,
    Labels,
)
from simulator.policies import policy_from
from simulator.randomness import generator
from simulator.samples import Samples
from simulator.scenario.learner import LearnerBlock
from simulator.scenario.model import Scenario
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows

WINDOWS = Windows(DAY, DAY)
CLICKS, DAYS = 1500, 8
HISTORY = (0, 4 * DAY)
KNOWN = 7 * DAY
"""Labels of the history are complete by then."""
OBSERVATION = HOUR
LEARNER = LearnerBlock(embedding_dim=4, hidden=(8, 8), pretrain_batch_size=256)
CALENDAR = Calendar((Promotion("sale", 2 * DAY, 3 * DAY, DAY),))


@dataclass(frozen=True, slots=True)
class TrialLog:
    """A log in memory as pre-training reads it (`learners.history.LabelledLog`); nothing is known of its truth."""

    log: MemoryLog
    name: str

    @property
    def features(self) -> tuple[Feature, ...]:
        """The feature columns."""
        return self.log.features

    @property
    def meta(self) -> Meta:
        """What it says of itself."""
        origin = datetime(2026, 1, 1, tzinfo=UTC)
        return Meta("trial", origin, self.features, CLICKS, 0, 0, 0, (DAYS + 9) * DAY, self.name)

    def clicks(self, start: int, end: int, *, features: bool = True) -> Iterable[ClickBatch]:
        """Yield clicks."""
        return self.log.clicks(start, end, features=features)

    def ids(self) -> Iterator[tuple[int, dict[str, Int64]]]:
        """Yield users and items, of which there are few."""
        row = np.arange(CLICKS, dtype=np.int64)
        yield 0, {"user_id": row * 7 % 211, "item_id": row % 50}

    def labelled(
        self, windows: Windows, start: int, end: int, *, features: bool = True
    ) -> Iterable[tuple[ClickBatch, Labels]]:
        """Yield clicks with their final labels."""
        return self.log.labelled(windows, start, end, features=features)

    def exposed(
        self, windows: Windows, start: int, end: int, *, features: bool = True
    ) -> Iterable[tuple[ImpressionBatch, ImpressionLabels]]:
        """Yield impressions with their final labels."""
        return self.log.exposed(windows, start, end, features=features)

    def impressions(
        self, start: int, end: int, *, features: bool = True, which: Which = "all"
    ) -> Iterable[ImpressionBatch]:
        """Yield impressions."""
        return self.log.impressions(start, end, features=features, which=which)

    def exposure(self, start: int, end: int | None = None) -> Iterator[tuple[int, dict[str, Float64]]]:
        """Yield nothing."""
        return iter(())

    def events(self, start: int, end: int) -> Iterable[EventBatch]:
        """Yield events."""
        return self.log.events(start, end)

    def truth(self, start: int, end: int | None = None) -> Iterator[tuple[int, dict[str, Float64]]]:
        """Yield nothing."""
        return iter(())


@cache
def trial_log() -> MemoryLog:
    """Return the log that all parts are tried on: what was shown, of which every third was clicked."""
    log = random_log(generator(0, "kit"), CLICKS, WINDOWS, days=DAYS)
    log.impression = _shown(log)
    return log


def _shown(log: MemoryLog) -> ImpressionBatch:
    """Return an impression a minute before each click, and two that nobody clicked with it."""
    assert log.feature_matrix is not None, "random logs have features"
    n = 3 * len(log.click_time)
    clicked = np.arange(n) % 3 == 0
    features = np.repeat(log.feature_matrix, 3, axis=0)
    features[~clicked] = features[~clicked][::-1]
    place = np.arange(n, dtype=np.int64)
    none = np.full(n, -1, np.int8)
    return ImpressionBatch(
        place,
        place,
        np.repeat(log.click_time, 3) - MINUTE,
        np.where(clicked, place // 3, -1),
        np.where(clicked, np.repeat(log.click_time, 3), -1),
        none,
        none,
        features,
    )


def materials(cache: Path, *, other_future: bool = False) -> Materials:
    """Return what auxiliaries and offsets are made from; with another future, once the history's labels are complete."""
    log = trial_log()
    if other_future:
        log = scrambled(log, KNOWN, (DAYS + 9) * DAY, seed=1)
    name = "kit-other" if other_future else "kit"
    trained = [head for part in OBJECTIVES.values() for head in part.heads]
    heads = dict.fromkeys([*trained, *(head for link in LINKS.values() for head in link.heads)])

    def start() -> Model:
        return Model(MLP().completed(LEARNER), tuple(heads), log.features, LEARNER, seed=3)

    history = History(TrialLog(log, name), WINDOWS, *HISTORY, CALENDAR)
    return Materials(history, OBSERVATION, LEARNER, 5, cache / name, start)


@cache
def delivered(policy: str = "elapsed-time", until: int = DAYS * DAY) -> Samples:
    """Return what a policy delivers on the log."""
    engine = Engine(
        trial_log(), WINDOWS, {"p": policy_from(policy, {"window": "1h"})}, start=0, features=True
    )
    return engine.advance(until).samples["p"]


def resolved(**method: Any) -> ResolvedMethod:
    """Return a method as a scenario on the log would have it."""
    windows = {"attribution": "1d", "refund": "1d", "observation": "1h"}
    block = {"learner": LEARNER.model_dump(mode="json"), **method}
    # The folders where modules are looked for stay as they are: the part may come from there.
    scenario = {
        "world": {"impressions": True},
        "windows": windows,
        "method": [block],
        "module_path": folders(),
    }
    (found,) = resolve_all(Scenario.model_validate(scenario))
    return found


def clicks_of(log: MemoryLog, rows: int = 200) -> Clicks:
    """Return clicks that are served."""
    assert log.feature_matrix is not None, "random logs have features"
    row = np.arange(len(log.click_time) - rows, len(log.click_time))
    return Clicks(row, log.click_time[row], log.feature_matrix[row])
