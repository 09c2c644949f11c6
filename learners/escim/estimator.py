"""Labelers at work: batch by batch, from scores to labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from learners import checkpoint
from learners.auxiliary.base import Estimator
from learners.escim import rules
from learners.escim.joint import Joint
from learners.escim.scm import Autoencoder, Prior
from learners.history import History
from simulator.errors import ScenarioError
from simulator.log.schema import Bool, Float64, Int32
from simulator.randomness import generator
from simulator.samples import Samples

if TYPE_CHECKING:
    from learners.escim.labeler import CounterfactualLabels, JointLabels, Labeler, NaiveLabels
    from learners.materials import Materials


class Scorer(Protocol):
    """Says how likely a click of each impression would convert."""

    def score(self, features: Int32, clicked: Int32, converted: Float64) -> Float64:
        """Return the scores of a batch, given the features of its clicks and whether these converted."""

    def learn(self, clicked: Int32, converted: Float64) -> None:
        """Take a step on the clicks of a batch."""

    def state_dict(self) -> dict[str, Any]:
        """Return all state."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""


class Structural:
    """Scores by the conversion model and the autoencoder of ESCIM."""

    def __init__(self, prior: Prior, autoencoder: Autoencoder | None, *, mean: bool, beta: float) -> None:
        self._prior, self._autoencoder, self._mean, self._beta = prior, autoencoder, mean, beta

    def score(self, features: Int32, clicked: Int32, converted: Float64) -> Float64:
        """Return the scores of a batch. Without clicks z is drawn from its prior."""
        return self._prior.score(features, self._noise(len(features), clicked, converted))

    def _noise(self, rows: int, clicked: Int32, converted: Float64) -> Float64:
        if self._autoencoder is None:
            return np.empty((rows, 0))
        centre, spread = np.zeros(self._autoencoder.noise), np.ones(self._autoencoder.noise)
        if len(converted):
            means, deviations = self._autoencoder.encode(clicked, converted)
            centre, spread = means.mean(0), deviations.mean(0)
        if self._mean:
            return np.tile(centre, (rows, 1))
        return centre + spread * self._autoencoder.draw(rows)

    def learn(self, clicked: Int32, converted: Float64) -> None:
        """Take a step on the clicks of a batch."""
        self._prior.step(clicked, converted)
        if self._autoencoder is not None:
            self._autoencoder.step(clicked, converted, self._beta)

    def state_dict(self) -> dict[str, Any]:
        """Return all state."""
        autoencoder = None if self._autoencoder is None else self._autoencoder.state_dict()
        return {"prior": self._prior.state_dict(), "autoencoder": autoencoder}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._prior.load_state_dict(state["prior"])
        if self._autoencoder is not None:
            self._autoencoder.load_state_dict(state["autoencoder"])


class Labels(Estimator):
    """Labels the impressions of each batch by a rule. Each batch is labelled once."""

    def __init__(self, part: Labeler, scorer: Scorer, seed: int) -> None:
        self._part, self._scorer, self._seed = part, scorer, seed
        self._counts = rules.Counts()
        self._batches = 0

    def of_samples(self, samples: Samples) -> Mapping[str, Float64]:
        """Return ``potential`` of each impression of a batch; 0 on rows that are none."""
        clicked = samples.column("clicked")
        shown = np.flatnonzero(~np.isnan(clicked))
        observed = np.flatnonzero(~np.isnan(samples.converted) & (clicked != 0))
        converted = samples.converted[observed]
        features = samples.features
        scores = self._scorer.score(features, features[observed], converted)
        labels = np.zeros(len(samples))
        if len(shown):
            batch = rules.Shown(scores[shown], clicked[shown] == 1)
            labels[shown] = self._labelled(batch, scores[observed][converted == 1], int(converted.sum()))
        if self._part.refresh and len(observed) > 1:
            self._scorer.learn(features[observed], converted)
        self._batches += 1
        return {"potential": labels}

    def _labelled(self, batch: rules.Shown, converted: Float64, conversions: int) -> Float64:
        rule = self._part.rule
        if rule == "soft":
            return batch.score
        if rule == "max":
            return rules.by_maximum(batch, converted)
        sizes = conversions, int(batch.clicked.sum()), len(batch.score)
        count = self._counts.take(*sizes) if self._part.counts == "running" else rules.ratio(*sizes)
        if rule == "ratio":
            return rules.by_rank(batch, count)
        return rules.at_random(
            batch, count, generator(self._seed, "learners", "escim", "labels", self._batches)
        )

    def state_dict(self) -> dict[str, Any]:
        """Return all that the stream changes."""
        return {
            "scorer": self._scorer.state_dict(),
            "counts": self._counts.state_dict(),
            "batches": self._batches,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._scorer.load_state_dict(state["scorer"])
        self._counts.load_state_dict(state["counts"])
        self._batches = int(state["batches"])


class TruePotential(Estimator):
    """What would have come of every impression, in memory: a byte each."""

    def __init__(self, history: History) -> None:
        log = history.log
        if "would_pay" not in log.meta.exposure:
            raise ScenarioError(
                f'auxiliary "potential" needs would_pay of the truth, which the log {log.meta.name!r} does not have; only '
                "the log of a generated world with [world] impressions = true has it"
            )
        parts = [columns["would_pay"].astype(np.int8) for _, columns in log.exposure(0)]
        self._would_pay = np.concatenate(parts)

    def of_samples(self, samples: Samples) -> Mapping[str, Float64]:
        """Return ``potential`` of each impression; 0 on rows that are none."""
        place = samples.column("impression")
        known: Bool = ~np.isnan(place)
        labels = np.zeros(len(samples))
        labels[known] = self._would_pay[place[known].astype(np.int64)]
        return {"potential": labels}


def scm_labels(part: CounterfactualLabels, materials: Materials) -> Labels:
    """Fit ESCIM's two models, or load them, and return the labeler."""
    dim = materials.learner.embedding_dim
    noise = part.latent * dim * len(materials.history.log.features)

    def fit_prior(prior: Prior) -> None:
        prior.fit(materials, part.epochs)

    def fit_autoencoder(autoencoder: Autoencoder) -> None:
        autoencoder.fit(materials, part.autoencoder_epochs, part.beta)

    prior = _fitted(
        Prior(materials, noise, part.rate), fit_prior, materials, ["prior", part.epochs, part.rate, noise]
    )
    autoencoder = _fitted(
        Autoencoder(materials, noise, part.rate, dim),
        fit_autoencoder,
        materials,
        ["autoencoder", part.autoencoder_epochs, part.rate, part.beta, noise],
    )
    scorer = Structural(prior, autoencoder, mean=part.noise == "mean", beta=part.beta)
    return Labels(part, scorer, materials.seed)


def naive_labels(part: NaiveLabels, materials: Materials) -> Labels:
    """Fit a conversion model of the clicks, or load it, and return the labeler."""
    prior = _fitted(
        Prior(materials, 0, part.rate),
        lambda made: made.fit(materials, part.epochs),
        materials,
        ["prior", part.epochs, part.rate, 0],
    )
    return Labels(part, Structural(prior, None, mean=True, beta=0.0), materials.seed)


def joint_labels(part: JointLabels, materials: Materials) -> Labels:
    """Fit the joint model on the history, or load it, and return the labeler."""
    sizes = {
        "latent": part.latent,
        "edge": part.edge,
        "rate": part.rate,
        "beta": part.beta,
        "draws": part.draws,
    }
    joint = _fitted(
        Joint(materials, **sizes),  # type: ignore[arg-type]
        lambda made: made.fit(materials, part.epochs),
        materials,
        ["joint", part.epochs, sizes],
    )
    return Labels(part, joint, materials.seed)


M = TypeVar("M", bound=checkpoint.Stateful)


def _fitted(model: M, fit: Callable[[M], None], materials: Materials, own: list[Any]) -> M:
    """Fit a model on the history, or load what was fitted before."""
    history, learner = materials.history, materials.learner
    key = checkpoint.key_of(
        {
            "escim": own,
            "learner": learner.model_dump(mode="json"),
            "seed": materials.seed,
            "log": history.log.meta.fingerprint,
            "features": [[f.name, f.cardinality, f.width] for f in history.log.features],
            "windows": repr(history.windows),
            "history": [history.start, history.end],
        }
    )
    path = checkpoint.path_of(Path(materials.cache), key)
    with checkpoint.held(path):
        if not checkpoint.load(path, key, model):
            fit(model)
            checkpoint.save(path, key, model.state_dict())
    return model
