"""A small synthetic log with known probabilities, and samples made of plain columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from learners.catalog import resolve_all
from simulator.samples import Samples
from simulator.scenario.learner import LearnerBlock
from simulator.scenario.model import MethodBlock, Scenario
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.doubles import FakeLog

CARRIED = {
    "evidence", "previous_evidence", "prior", "clicked", "carted", "horizon", "paid_from", "carted_from", "delay",
    "direct", "delayed", "same_day_cart",
}  # fmt: skip


def make_samples(n: int, **columns) -> Samples:
    """Samples with the given columns, roles by name and ``elapsed`` in place of the click's time; the rest is what a policy
    that sets nothing else delivers.
    """
    defaults = {"weight": 1.0, "converted": np.nan, "refunded": np.nan, "gmv": np.nan, "role": "label"}
    features = np.asarray(columns.pop("features", np.empty((n, 0))), np.int32)
    elapsed = columns.pop("elapsed", 0)
    samples = Samples.blank(n, features.shape[1], dict.fromkeys(set(columns) & CARRIED, "float64"))
    samples.roles = tuple(dict.fromkeys(np.ravel(columns.get("role", "label")).tolist()))
    samples.features[:] = features
    for name in {*Samples.types(), *samples.carried} - {"features"}:
        given = columns.pop(name, defaults.get(name, 0))
        if name == "role":
            given = [samples.roles.index(role) for role in np.ravel(given).tolist()]
        samples.column(name)[:] = given
    samples.click_time = samples.event_time - elapsed
    assert not columns, columns
    return samples


@dataclass(frozen=True)
class Ground:
    """What `build_learner` needs beside the method."""

    log: FakeLog
    cache: object
    windows: Windows = field(default_factory=Windows)
    history: tuple[int, int] = (0, 8 * DAY)
    observation: int = 6 * HOUR
    seed: int = 5

    def arguments(self, **other):
        own = {"log": self.log, "windows": self.windows, "history": self.history, "cache": self.cache}
        return {**own, "observation": self.observation, "seed": self.seed, **other}


SMALL = LearnerBlock(embedding_dim=8, hidden=(32, 16), batch_size=256, pretrain_batch_size=256)


@pytest.fixture
def fake_log():
    return FakeLog


@pytest.fixture(scope="session")
def samples():
    return make_samples


@pytest.fixture
def small():
    return SMALL


@pytest.fixture
def ground(tmp_path):
    return Ground(FakeLog(), tmp_path)


@pytest.fixture
def resolved():
    """Resolve methods of a scenario: names, or tables of ``[[method]]``."""

    def build(*methods, **blocks):
        tables = [{"method": m} if isinstance(m, str) else m for m in methods]
        return resolve_all(
            Scenario(world={"impressions": True}, method=[MethodBlock(**t) for t in tables], **blocks)
        )

    return build


@pytest.fixture
def one(resolved):
    return SimpleNamespace(method=lambda *a, **k: resolved(*a, **k)[0])
