"""Parts that each break one rule of their kit."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from learners.auxiliary import Auxiliary, Estimator
from learners.heads import PROBABILITY
from learners.networks.mlp import MLP
from learners.objectives import Objective
from learners.offsets import Offset
from learners.serve import Link
from learners.start import Recipe

CALLS = [0]


class Cross(Objective):
    """Right: a cross-entropy, broken in one way by each below."""

    heads: ClassVar[tuple[str, ...]] = ("cvr",)
    targets: ClassVar[tuple[str, ...]] = ("converted",)

    def loss(self, batch, outputs):
        return batch.target("converted").cross_entropy(outputs["cvr"])


class NoScalar(Cross):
    def loss(self, batch, outputs):
        return super().loss(batch, outputs) * torch.ones(2)


class Overflows(Cross):
    def loss(self, batch, outputs):
        return super().loss(batch, outputs) + (outputs["cvr"].exp() ** 60).mean() * 0


class OwnSlope(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values):
        return values * 1

    @staticmethod
    def backward(ctx, slope):
        return slope * 2


class WrongSlope(Cross):
    def loss(self, batch, outputs):
        return batch.target("converted").cross_entropy(OwnSlope.apply(outputs["cvr"]))


class ByPlace(Cross):
    def loss(self, batch, outputs):
        place = torch.arange(len(batch), dtype=torch.float64) / len(batch)
        return batch.target("converted").cross_entropy(outputs["cvr"], 1 + place)


class TakesNulls(Cross):
    def loss(self, batch, outputs):
        return super().loss(batch, outputs) + outputs["cvr"].square().mean()


class NeedsLabels(Cross):
    def loss(self, batch, outputs):
        target = batch.target("converted")
        return target.cross_entropy(outputs["cvr"]) * len(batch) / (target.weight != 0).sum()


class Counts(Cross):
    def loss(self, batch, outputs):
        CALLS[0] += 1
        return super().loss(batch, outputs) * CALLS[0]


class Wide(MLP):
    def forward(self, layers, embedded, inputs=None):
        return {head: output[:, None] for head, output in super().forward(layers, embedded, inputs).items()}


class Headless(MLP):
    def build(self, width, heads, generator, inputs=0):
        layers = super().build(width, heads, generator, inputs)
        for head in layers["heads"].values():
            head.bias = None
        return layers


class GlobalDraws(MLP):
    def build(self, width, heads, generator, inputs=0):
        layers = super().build(width, heads, generator, inputs)
        layers["more"] = torch.nn.Linear(2, 2)
        return layers


class SeesOthers(MLP):
    def forward(self, layers, embedded, inputs=None):
        found = super().forward(layers, embedded, inputs)
        return {head: output + embedded.mean() for head, output in found.items()}


class Deaf(MLP):
    def forward(self, layers, embedded, inputs=None):
        return super().forward(layers, embedded.detach(), inputs)


class Served(Link):
    """Right: a probability."""

    heads: ClassVar[tuple[str, ...]] = ("cvr",)
    tasks: ClassVar[tuple[str, ...]] = ("cvr",)

    def serve(self, outputs):
        return {"cvr": 1 / (1 + np.exp(-outputs["cvr"]))}


class OtherTask(Served):
    def serve(self, outputs):
        return {"gmv": super().serve(outputs)["cvr"]}


class Sums(Served):
    def serve(self, outputs):
        return {"cvr": np.array([super().serve(outputs)["cvr"].mean()])}


class Logits(Served):
    def serve(self, outputs):
        return {"cvr": outputs["cvr"]}


class Ranks(Served):
    def serve(self, outputs):
        return {"cvr": np.arange(len(outputs["cvr"])) / len(outputs["cvr"])}


class Shift(Offset):
    """Right: by the time of the click."""

    heads: ClassVar[tuple[str, ...]] = ("cvr",)

    def says(self, materials, clicks):
        return {"cvr": clicks.time / 1e12}

    def prepare(self, materials):
        return lambda clicks: self.says(materials, clicks)


class OtherHead(Shift):
    def says(self, materials, clicks):
        return {"cvrr": clicks.time / 1e12}


class Infinite(Shift):
    def says(self, materials, clicks):
        return {"cvr": np.full(len(clicks), np.inf)}


class OfTheSegment(Shift):
    def says(self, materials, clicks):
        return {"cvr": (clicks.time - clicks.time[0]) / 1e12}


class KnowsTheEnd(Shift):
    def says(self, materials, clicks):
        (events,) = materials.history.log.events(0, 10**13)
        return {"cvr": np.full(len(clicks), events.amount.sum())}


class Targets(Recipe):
    """Right: the final label."""

    heads = {"cvr": PROBABILITY}

    def targets(self, clicks, labels):
        return {"cvr": labels.converted.astype(float)}


class OtherTargets(Targets):
    def targets(self, clicks, labels):
        return {"rfr": labels.refunded.astype(float)}


class Short(Targets):
    def targets(self, clicks, labels):
        return {"cvr": labels.converted.astype(float)[1:]}


class Amounts(Targets):
    def targets(self, clicks, labels):
        return {"cvr": labels.gmv}


class Centred(Targets):
    def targets(self, clicks, labels):
        return {"cvr": (labels.converted - labels.converted.mean()) * 0 + labels.converted.mean()}


class Unmasked(Targets):
    def targets(self, clicks, labels):
        return {"cvr": np.where(labels.converted, 1.0, np.nan)}

    def loss(self, outputs, targets):
        return outputs["cvr"].square().mean()


class Estimates(Auxiliary):
    """Right: by the features of the row."""

    estimates: ClassVar[tuple[str, ...]] = ("q",)

    def answer(self, materials, samples):
        return {"q": samples.features.sum(axis=1) / 1e3}

    def prepare(self, materials):
        own = self

        class Made(Estimator):
            def of_samples(self, samples):
                return own.answer(materials, samples)

            def load_state_dict(self, state):
                own.restored()

        return Made()

    def restored(self):
        pass


class OtherName(Estimates):
    def answer(self, materials, samples):
        return {"p": samples.weight}


class NotANumber(Estimates):
    def answer(self, materials, samples):
        return {"q": np.full(len(samples), np.nan)}


class Mean(Estimates):
    def answer(self, materials, samples):
        return {"q": np.arange(len(samples)) / len(samples)}


class Prophet(Estimates):
    def answer(self, materials, samples):
        (events,) = materials.history.log.events(0, 10**13)
        return {"q": np.full(len(samples), events.amount.sum())}


class Forgets(Estimates):
    def restored(self):
        raise KeyError("q")


class Answers(Auxiliary):
    """Right: by the journey alone; nobody else asks it."""

    answers: ClassVar[tuple[str, ...]] = ("late",)

    def late(self, materials, question):
        return np.where(question.journey.paid, 0.0, question.known["prior"])

    def prepare(self, materials):
        own = self

        class Made(Estimator):
            def answer(self, question):
                return {"late": own.late(materials, question)}

        return Made()


class AnswersOne(Answers):
    def late(self, materials, question):
        return super().late(materials, question)[:1]


class AnswersByCall(Answers):
    def late(self, materials, question):
        CALLS[0] += 1
        return super().late(materials, question) + CALLS[0]


class AnswersProphet(Answers):
    def late(self, materials, question):
        (events,) = materials.history.log.events(0, 10**13)
        return super().late(materials, question) + events.amount.sum()


class AnswersForgets(Answers):
    def prepare(self, materials):
        made = super().prepare(materials)
        made.load_state_dict = lambda state: state["late"]
        return made


BROKEN = {
    NoScalar: "scalar", Overflows: "finite", WrongSlope: "gradient", ByPlace: "row order", TakesNulls: "nulls",
    NeedsLabels: "empty", Counts: "same twice",
    Wide: "shapes", Headless: "heads", GlobalDraws: "deterministic", SeesOthers: "eval", Deaf: "gradient",
    OtherTask: "tasks", Sums: "shapes", Logits: "range", Ranks: "row order",
    OtherHead: "heads", Infinite: "shapes", OfTheSegment: "click alone", KnowsTheEnd: "no future",
    OtherTargets: "heads", Short: "shapes", Amounts: "values", Centred: "click alone", Unmasked: "loss",
    OtherName: "samples: estimates", NotANumber: "samples: shapes", Mean: "samples: row order",
    Prophet: "samples: no future", Forgets: "state",
    AnswersOne: "late: shapes", AnswersByCall: "late: deterministic", AnswersProphet: "late: no future",
    AnswersForgets: "state",
}  # fmt: skip
"""Which check each fails, perhaps among others."""
RIGHT = (Cross, Served, Shift, Targets, Estimates, Answers)
