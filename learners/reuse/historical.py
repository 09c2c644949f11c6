"""HDR: past days that resemble a sale's first hours are learnt again, by a copy that is served while the sale lasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt

from learners.auxiliary.base import AUXILIARIES, Auxiliary, Estimator
from learners.finals import of_clicks
from learners.foreseen import calendar_of
from learners.history import batches
from learners.past import UNKNOWN, Past
from learners.reuse.days import day_vectors
from learners.reuse.shift import Shift
from simulator.calendar import Promotion
from simulator.errors import RunError, unknown
from simulator.learning import Clicks
from simulator.log.schema import Bool, ClickBatch, Feature, Float64, Int64
from simulator.logistic import expit
from simulator.randomness import generator
from simulator.samples import Samples
from simulator.scenario.timeline import stream_start
from simulator.units import DAY, Duration, format_duration

if TYPE_CHECKING:
    from learners.materials import Materials
    from learners.model import Model
    from learners.reuse.tuned import TunedCopy
    from simulator.scenario.model import Scenario

OWN = ("reused_cvr", "reuses")
"""What the copy says of a click, and whether it is served for it (1) or not (0)."""
CATEGORY = "category"


@AUXILIARIES.register("historical-data-reuse")
class HistoricalDataReuse(Auxiliary):
    """A copy of the published model, fine-tuned in a sale on the past days that resemble it most (HDR, KDD 2023).

    On each day of a sale, when its first hours are over, three things happen. The days of the past whose labels are final
    are compared with it: by the conversion rate of the three days before, as far as pays were known then, and by the shares
    of categories in the first hours. The share of conversions in the sale's first hours is estimated from the scores of the
    published model alone, against those of the retrieved first hours, whose labels are known (`learners.reuse.shift`).
    Then the copy learns the retrieved days once more, with positives re-weighted by the ratio of both shares, and a
    transition block on its last hidden layer: p' = clip(p + w' (1 - p) + b, 0, 1). It is served until the next such
    decision, or until the sale is over, and then dropped; the method itself goes on learning as if nothing were.

    A day is 24 hours from the opening of the sale, or so many days before it. Nothing happens in a sale that no model is
    published in after its first hours. How near days are, what limits the weight, how embeddings are slowed down and where w
    starts if it can only raise the rate is not published: ours.
    """

    estimates = OWN

    after: Duration = "10h"  # type: ignore[assignment]
    """Length of the first hours: from a sale's opening, and from each day after it, to the decision."""
    days: PositiveInt = 3
    """How many past days are retrieved."""
    category: str | None = None
    """Feature whose shares are compared; unless given the one called category, or else that with fewest values."""
    ridge: Annotated[float, Field(ge=0)] = 1e-4
    """Of the estimate of the share of conversions. The demonstration code has 1, which is so strong that at the rates of
    clicks the correction says less where more is true."""
    correction: Literal["label-shift", "none"] = "label-shift"
    """Whether positives are re-weighted."""
    most: Annotated[float, Field(gt=1)] = 10.0
    """The weight of positives stays between one over this and this."""
    transition: Literal["signed", "raising", "plain", "none"] = "signed"
    """w' = 2 sigmoid(w) - 1; or sigmoid(w), which can only raise the rate; or w itself; or no block, p' = p."""
    rate: PositiveFloat = 1e-5
    """Of Adam, for the copied layers; the article that tells of it has 1e-6."""
    block_rate: PositiveFloat = 1e-3
    """Of Adam, for the transition block."""
    epochs: PositiveInt = 1
    """Passes over the retrieved days."""

    def doubt(self, scenario: Scenario) -> str:
        begin, length = stream_start(scenario, 0), scenario.stream.length
        end = UNKNOWN if length is None else begin + length
        every = scenario.engine.publish_every or scenario.stream.segment
        on = [sale for sale in calendar_of(scenario).promotions if sale.start < end and begin < sale.end]
        if not on:
            return (
                "no sale is on in the stream, so that there is nothing to reuse past days for; take it out."
            )
        idle = [sale.name for sale in on if not self._decides(sale, begin, end, every)]
        if not idle:
            return ""
        return (
            f"no model is published in {' and '.join(map(repr, idle))} once the first {format_duration(self.after)} are over "
            f"(one comes every {format_duration(every)}), so that no past day is reused there; lower [stream] segment, "
            "engine.publish_every, or after of this auxiliary."
        )

    def _decides(self, sale: Promotion, begin: int, end: int, every: int) -> bool:
        """Tell whether some model is published between a sale's first hours and its end, with clicks still to be served."""
        first = max(sale.start + self.after, begin)
        published = begin + -(-(first - begin) // every) * every
        return published < min(sale.end, end)

    def prepare(self, materials: Materials) -> Estimator:
        return ReusedDays(self, materials)

    def column(self, features: Sequence[Feature]) -> tuple[int, int]:
        """Return the column of the category, and how many values it has.

        Raises
        ------
        RunError : the log has no such feature.
        """
        names = [feature.name for feature in features if not feature.tags]
        name = self.category
        if name is None:
            name = CATEGORY
            if name not in names:
                name = min((f for f in features if not f.tags), key=lambda f: f.cardinality).name
        if name not in names:
            raise RunError(f"{self.kind!r}, category: {unknown('feature', name, names)}")
        place = next(k for k, feature in enumerate(features) if feature.name == name)
        return sum(feature.width for feature in features[:place]), features[place].cardinality


class ReusedDays(Estimator):
    """Watches the calendar, and has the copy made and dropped."""

    def __init__(self, part: HistoricalDataReuse, materials: Materials) -> None:
        self._part, self._materials = part, materials
        self._column = part.column(materials.history.log.features)
        self._copy: TunedCopy | None = None
        self._span = (0, 0)
        self._decided = -1
        self._found: list[dict[str, Any]] = []

    def of_samples(self, samples: Samples) -> Mapping[str, Float64]:
        """Say nothing of samples: the copy learns from the log, and is served alone."""
        return {name: np.zeros(len(samples)) for name in OWN}

    def of_clicks(self, clicks: Clicks) -> Mapping[str, Float64]:
        start, end = self._span
        on = (clicks.time >= start) & (clicks.time < end)
        said = np.zeros(len(clicks))
        if self._copy is not None and on.any():
            said[on] = self._copy.predict(clicks[on], self._offset)
        return {"reused_cvr": said, "reuses": on.astype(float)}

    def _offset(self, clicks: Clicks) -> Mapping[str, Float64]:
        return {} if self._materials.offset is None else self._materials.offset(clicks)

    def published(self, model: Model, now: int) -> None:
        if now >= self._span[1]:
            self._copy, self._span = None, (0, 0)
        sale = next((p for p in self._materials.history.calendar.promotions if p.start <= now < p.end), None)
        if sale is None or now < sale.start + self._part.after:
            return
        day = now - (now - sale.start - self._part.after) % DAY - self._part.after
        if day > self._decided:
            self._decided = day
            self._decide(model, sale, day, now)

    def _decide(self, model: Model, sale: Promotion, day: int, now: int) -> None:
        """Retrieve days like that which started at ``day``, and have a copy learn them."""
        part, history = self._part, self._materials.history
        past = Past(self._materials.seen, history.windows, now)
        vectors = day_vectors(past, history.start, day, part.after, *self._column)
        if len(vectors.start) < 2 or vectors.start[-1] != day:
            return
        days = vectors.start[vectors.nearest(part.days)]
        shift = self._shift(model, past, day, days)
        from learners.reuse.tuned import TunedCopy

        learner = self._materials.learner
        copy = TunedCopy(model, learner, part.transition, part.rate, part.block_rate)
        rng = generator(self._materials.seed, "learners", "reuse", day)
        weight = shift.weight if part.correction == "label-shift" else 1.0
        steps = sum(
            copy.fit(batches(self._samples(past, days), learner.batch_size, rng), weight, self._offset)
            for _ in range(part.epochs)
        )
        if not steps:
            return
        self._copy, self._span = copy, (now, sale.end)
        self._found.append(
            {
                "sale": sale.name,
                "at": format_duration(now),
                "days": [format_duration(int(start)) for start in days],
                "steps": steps,
                **asdict(shift),
            }
        )

    def _samples(self, past: Past, days: Int64) -> Iterator[Samples]:
        for start in days:
            for clicks, labels in past.finals(int(start), int(start) + DAY):
                if len(clicks):
                    yield of_clicks(clicks, labels, past.windows)

    def _shift(self, model: Model, past: Past, day: int, days: Int64) -> Shift:
        after = self._part.after
        scores, paid = [np.empty(0)], [np.empty(0, np.bool_)]
        for start in days:
            for clicks, labels in past.finals(int(start), int(start) + after):
                scores.append(self._scores(model, clicks))
                paid.append(labels.converted)
        target = [self._scores(model, clicks) for clicks in past.clicks(day, day + after)]
        labels_: Bool = np.concatenate(paid)
        return Shift.of(
            np.concatenate(scores),
            labels_,
            np.concatenate(target or [np.empty(0)]),
            self._part.ridge,
            self._part.most,
        )

    def _scores(self, model: Model, batch: ClickBatch) -> Float64:
        from learners.serve.probability import HEAD

        clicks = Clicks(np.arange(batch.row, batch.row + len(batch)), batch.time, batch.features)
        logit = model.outputs(batch.features)[HEAD]
        return expit(logit + self._offset(clicks).get(HEAD, 0.0))

    def notes(self) -> Mapping[str, Any]:
        return {"reuse": [dict(entry) for entry in self._found]} if self._found else {}

    def state_dict(self) -> dict[str, Any]:
        return {
            "copy": None if self._copy is None else self._copy.state_dict(),
            "span": list(self._span),
            "decided": self._decided,
            "found": [dict(entry) for entry in self._found],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        begin, end = state["span"]
        self._span, self._decided = (begin, end), state["decided"]
        self._found = [dict(entry) for entry in state["found"]]
        self._copy = None
        if state["copy"] is not None:
            from learners.reuse.tuned import TunedCopy

            part, materials = self._part, self._materials
            rates = (part.rate, part.block_rate)
            self._copy = TunedCopy(materials.start(), materials.learner, part.transition, *rates)
            self._copy.load_state_dict(state["copy"])
