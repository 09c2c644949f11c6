"""A small synthetic log with known probabilities, and samples made of plain columns."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from learners.catalog import resolve_all
from simulator.log.schema import ClickBatch, EventBatch, Feature, Kind, Labels, Meta
from simulator.samples import Samples
from simulator.scenario.model import LearnerBlock, MethodBlock, Scenario
from simulator.units import DAY, HOUR
from simulator.windows import Windows

FEATURES = (Feature("segment", 12), Feature("item", 200), Feature("noise", 50), Feature("page", 6))


class FakeLog:
    """Clicks at regular times; pay and GMV depend on segment, item and page; delays are exponential."""

    def __init__(self, clicks: int = 12_000, days: int = 10, seed: int = 3, batch: int = 5_000) -> None:
        rng = np.random.default_rng(seed)
        self.features = FEATURES
        self.meta = Meta(
            "fake",
            datetime(2026, 1, 1, tzinfo=UTC),
            FEATURES,
            clicks,
            0,
            0,
            0,
            (days + 7) * DAY,
            f"fake-{seed}-{clicks}",
        )
        self.batch = batch
        self.reads = 0
        self.time = np.arange(clicks, dtype=np.int64) * (days * DAY // clicks)
        ids = np.stack([rng.integers(0, f.cardinality, clicks) for f in FEATURES], axis=1)
        self.ids = np.ascontiguousarray(ids, np.int32)
        effects = [
            rng.normal(0, sd, f.cardinality) for f, sd in zip(FEATURES, (1.0, 0.4, 0.0, 0.7), strict=True)
        ]
        eta = sum(effect[ids[:, k]] for k, effect in enumerate(effects))
        self.p = 1 / (1 + np.exp(1.8 - eta))
        self.converted = rng.random(clicks) < self.p
        self.delay = np.minimum(rng.exponential(10 * HOUR, clicks).astype(np.int64), 3 * DAY)
        self.mean_log_gmv = 3.5 + 0.8 * effects[0][ids[:, 0]]
        self.gmv = np.where(self.converted, np.exp(self.mean_log_gmv + rng.normal(0, 0.4, clicks)), 0.0)
        self.refund_delay = np.minimum(rng.exponential(5 * HOUR, clicks).astype(np.int64), 3 * DAY)
        self.refunded = self.converted & (rng.random(clicks) < 0.3)
        self.again = self.converted & (rng.random(clicks) < np.where(ids[:, 0] < 6, 0.7, 0.2))

    def labelled(self, windows, start, end, *, features=True):
        self.reads += 1
        low, high = np.searchsorted(self.time, (start, end))
        for begin in range(low, high, self.batch):
            part = slice(begin, min(begin + self.batch, high))
            n = part.stop - part.start
            ids = self.ids[part] if features else np.empty((n, 0), np.int32)
            first = np.where(self.converted[part], self.time[part] + self.delay[part], -1)
            refund = np.where(self.refunded[part], first + self.refund_delay[part], -1)
            yield (
                ClickBatch(begin, np.arange(part.start, part.stop), self.time[part], ids),
                Labels(
                    self.converted[part], self.refunded[part], self.gmv[part],
                    self.gmv[part] * self.refunded[part],
                    (self.converted[part] * 1 + self.again[part]).astype(np.int32), first, refund,
                ),
            )  # fmt: skip

    def events(self, start, end):
        """The pays alone: whoever pays again does so an hour later, with a quarter of the amount."""
        once, twice = np.flatnonzero(self.converted), np.flatnonzero(self.again)
        row = np.concatenate([once, twice])
        time = self.time[row] + self.delay[row]
        time[len(once) :] += HOUR
        share = np.where(self.again[row], 0.75, 1.0)
        share[len(once) :] = 0.25
        order = np.lexsort((row, time))
        order = order[(time[order] >= start) & (time[order] < end)]
        row, time, amount = row[order], time[order], (share * self.gmv[row])[order]
        yield EventBatch(row, np.arange(len(row)), time, np.full(len(row), Kind.PAY, np.uint8), amount)


def make_samples(n: int, **columns) -> Samples:
    """Samples with the given columns; the rest is what a policy that sets nothing else delivers."""
    defaults = {"weight": 1.0, "converted": np.nan, "refunded": np.nan, "gmv": np.nan}
    empty = Samples.empty()
    values = {}
    for column in fields(Samples):
        kind = getattr(empty, column.name).dtype
        given = columns.pop(column.name, defaults.get(column.name, 0))
        values[column.name] = np.broadcast_to(np.asarray(given, kind), n).copy()
    assert not columns, columns
    return Samples(**values)


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
        return resolve_all(Scenario(world={}, method=[MethodBlock(**t) for t in tables], **blocks))

    return build


@pytest.fixture
def one(resolved):
    return SimpleNamespace(method=lambda *a, **k: resolved(*a, **k)[0])
