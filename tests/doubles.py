"""What stands in for learners, listeners and logs in the tests: type-checked, so that they follow their protocols."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from learners.history import LabelledLog
from simulator.learning import PREDICTIONS, Advisor, Clicks, Learner, Predictions, Question
from simulator.log.impressions import Which, chosen
from simulator.log.meta import Meta
from simulator.log.schema import (
    ClickBatch,
    EventBatch,
    Feature,
    Float64,
    ImpressionBatch,
    ImpressionLabels,
    Int64,
    Kind,
    Labels,
)
from simulator.pipeline.audience import Audience
from simulator.pipeline.shown import Final
from simulator.samples import Samples
from simulator.units import DAY, HOUR
from simulator.windows import Windows


class Diary:
    """A learner that writes down what happens to it; its model is the number of samples that it has learned."""

    tasks: tuple[str, ...] = ("cvr",)
    adapts = False

    def __init__(self) -> None:
        self.learned: list[Samples] = []
        self.served = 0
        self.published: list[int] = []

    def learn(self, samples: Samples) -> None:
        assert len(samples) == len(samples.features)
        self.learned.append(samples)

    def notes(self) -> Mapping[str, Any]:
        return {}

    def publish(self, now: int | None = None) -> None:
        self.served = sum(len(s) for s in self.learned)
        self.published.append(self.served)

    def ask(self, question: Question) -> Mapping[str, Float64]:
        assert question.name == PREDICTIONS, "it was asked, though nothing of its method asks"
        return {"cvr": np.full(len(question.clicks), float(self.served))}

    def tell(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64]) -> None:
        raise AssertionError("it was told, though it does not adapt")

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        pass


class Listener(Diary):
    """Serves how often it was told something; asked for evidence, it knows none."""

    adapts = True

    def __init__(self) -> None:
        super().__init__()
        self.heard = 0
        self.asked: list[Int64] = []

    def ask(self, question: Question) -> Mapping[str, Float64]:
        nothing = np.zeros(len(question.clicks))
        if question.name != PREDICTIONS:
            return {
                "evidence": nothing,
                "start": nothing,
                "network": nothing,
                "prior": question.known["logit"],
            }
        self.asked.append(question.clicks.row)
        return {"cvr": nothing + (1 + self.heard) / 100}

    def tell(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64]) -> None:
        assert len(clicks)
        self.heard += 1


class Adder:
    """Predicts the published sum of everything it has learned, and estimates from all that it was told, too."""

    tasks: tuple[str, ...] = ("cvr",)
    adapts = True

    def __init__(self) -> None:
        self.total = torch.zeros(1, dtype=torch.float64)
        self.served = torch.zeros(1, dtype=torch.float64)
        self.learned = 0

    def learn(self, samples: Samples) -> None:
        self.learned += 1
        self.total = self.total + float(samples.features.sum())

    def notes(self) -> Mapping[str, Any]:
        return {}

    def publish(self, now: int | None = None) -> None:
        self.served = self.total.clone()

    def ask(self, question: Question) -> Mapping[str, Float64]:
        total = question.clicks.features.sum(axis=1)
        if question.name != PREDICTIONS:
            return {"evidence": total - self.total.item()}
        return {"cvr": total + self.served.item()}

    def tell(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64]) -> None:
        self.total = self.total + float(clicks.features.max())

    def state_dict(self) -> dict[str, Any]:
        return {"total": self.total, "served": self.served}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.total, self.served = state["total"].clone(), state["served"].clone()


class Guestbook:
    """Keeps all that a listener of the pipeline is told."""

    def __init__(self) -> None:
        self.served: list[tuple[int, Int64]] = []
        self.predicted: dict[str, list[tuple[int, Float64]]] = {}
        self.deliveries: dict[str, list[Samples]] = {}
        self.meals: dict[str, list[Samples]] = {}
        self.finals: list[tuple[int, Labels, Mapping[str, Float64] | None]] = []
        self.times: list[int] = []
        self.shown: list[tuple[int, Int64]] = []
        self.foreseen: dict[str, list[tuple[int, Float64]]] = {}
        self.exposed: list[Final] = []

    def serve(self, row: int, click_id: Int64, time: Int64) -> None:
        self.served.append((row, time))

    def predict(self, method: str, row: int, predictions: Predictions) -> None:
        self.predicted.setdefault(method, []).append((row, predictions["cvr"]))

    def delivered(self, policy: str, samples: Samples) -> None:
        self.deliveries.setdefault(policy, []).append(samples)

    def fed(self, method: str, samples: Samples) -> None:
        self.meals.setdefault(method, []).append(samples)

    def finalise(self, row: int, labels: Labels, truth: Mapping[str, Float64] | None) -> None:
        self.finals.append((row, labels, truth))

    def show(self, place: int, impression_id: Int64, time: Int64) -> None:
        self.shown.append((place, time))

    def predict_shown(self, method: str, place: int, predictions: Predictions) -> None:
        self.foreseen.setdefault(method, []).append((place, predictions["cvr"]))

    def finalise_shown(self, final: Final) -> None:
        self.exposed.append(final)

    def advance(self, time: int, items: int) -> None:
        self.times.append(time)


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

    def clicks(self, start: int, end: int, *, features: bool = True) -> Iterator[ClickBatch]:
        for clicks, _ in self.labelled(Windows(), start, end, features=features):
            yield clicks

    def labelled(
        self, windows: Windows, start: int, end: int, *, features: bool = True
    ) -> Iterator[tuple[ClickBatch, Labels]]:
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
                    (self.converted[part] * 1 + self.again[part]).astype(np.int32), first, refund, np.full(n, -1),
                ),
            )  # fmt: skip

    def exposed(
        self, windows: Windows, start: int, end: int, *, features: bool = True
    ) -> Iterator[tuple[ImpressionBatch, ImpressionLabels]]:
        """Each click was shown when it was clicked, and with it something else that nobody clicked."""
        for clicks, labels in self.labelled(windows, start, end, features=features):
            n = 2 * len(clicks)
            clicked = np.arange(n) % 2 == 0
            ids = np.repeat(clicks.features, 2, axis=0)
            ids[~clicked] = ids[~clicked][::-1]
            place = np.arange(2 * clicks.row, 2 * clicks.row + n)
            time = np.repeat(clicks.time, 2)
            none = np.full(n, -1, np.int8)
            row, when = np.where(clicked, place // 2, -1), np.where(clicked, time, -1)
            of = {name: np.repeat(values, 2) for name, values in labels.arrays().items()}
            for name, values in of.items():
                values[~clicked] = -1 if name.startswith("first_") else 0
            yield (
                ImpressionBatch(place, place, time, row, when, none, none, ids),
                ImpressionLabels(**of, clicked=clicked),
            )

    def impressions(
        self, start: int, end: int, *, features: bool = True, which: Which = "all"
    ) -> Iterator[ImpressionBatch]:
        """Those of `exposed`; no coin was flipped."""
        for shown, _ in self.exposed(Windows(), start, end, features=features) if which != "slice" else ():
            yield shown[chosen(shown, which)]

    def exposure(self, start: int, end: int | None = None) -> Iterator[tuple[int, dict[str, Float64]]]:
        """Every fourth impression would have come to a conversion, had it been clicked."""
        first = 2 * int(np.searchsorted(self.time, start))
        yield first, {"would_pay": (np.arange(first, 2 * len(self.time)) % 4 == 1).astype(float)}

    def events(self, start: int, end: int) -> Iterator[EventBatch]:
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

    def truth(self, start: int, end: int | None = None) -> Iterator[tuple[int, dict[str, Float64]]]:
        """What is true of these clicks is told by ``p``; nothing is written beside them."""
        yield from ()


if TYPE_CHECKING:
    # Where a double falls behind its protocol, the type checker says so here.
    LEARNERS: tuple[Learner, ...] = (Diary(), Listener(), Adder())
    ADVISORS: tuple[Advisor, ...] = (Listener(), Adder())
    AUDIENCES: tuple[Audience, ...] = (Guestbook(),)
    LOGS: tuple[LabelledLog, ...] = (FakeLog(),)
