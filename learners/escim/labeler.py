"""Auxiliaries that label what nobody clicked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from learners.auxiliary.base import AUXILIARIES, Auxiliary, Estimator
from learners.escim.rules import Rule

if TYPE_CHECKING:
    from learners.materials import Materials


class Labeler(Auxiliary):
    """Says of each impression what a click would have come to, ``potential``: a label, or a probability."""

    estimates = ("potential",)

    rule: Rule = "max"
    """How scores become labels of a batch's impressions: "max", what scores as high as its best conversion; "ratio", the
    highest scores, as many as would convert if all were clicked at the rate of its clicks; "random", as many as "ratio",
    whichever; "soft", the score itself."""
    counts: Literal["batch", "running"] = "batch"
    """What the ratio is of: the batch, whose size is then a hidden hyper-parameter, or all batches so far."""
    refresh: bool = False
    """Its models take a step on the clicks of each batch, too."""


@AUXILIARIES.register("escim")
class CounterfactualLabels(Labeler):
    """ESCIM's labels (ICDM 2025): a conversion model of clicks with a noise z, which an autoencoder of clicks abducts.

    Both are fitted on the history's clicks alone. For a batch, its clicks are encoded, one normal is made of the mean of
    their means and of their deviations, and z drawn from it for every impression. Since the conversion model was fitted with
    z of no meaning, what scores say is P(conversion | x, clicked) as far as it has learnt to ignore z. By default it is fitted
    for 2 epochs at a rate of 1e-4, as published.
    """

    noise: Literal["drawn", "mean"] = "drawn"
    """Whether z is drawn for each impression, or is the mean of the batch's normal."""
    epochs: PositiveInt = 2
    """Passes over the history's clicks of the conversion model."""
    autoencoder_epochs: PositiveInt = 5
    """Passes of the autoencoder."""
    rate: PositiveFloat = 1e-4
    """Learning rate of both."""
    beta: NonNegativeFloat = 0.5
    """Weight that the divergence of the autoencoder grows towards."""
    latent: Annotated[int, Field(ge=1)] = 1
    """Numbers in z, as multiples of those in the embeddings of a click."""

    def prepare(self, materials: Materials) -> Estimator:
        from learners.escim.estimator import scm_labels

        return scm_labels(self, materials)


@AUXILIARIES.register("naive-labeler")
class NaiveLabels(Labeler):
    """Self-training without causes: a conversion model of clicks scores every impression, and there is no z.

    The naive tower of ESCIM's public code, and what tells its gain from that of pseudo labels as such.
    """

    epochs: PositiveInt = 2
    """Passes over the history's clicks."""
    rate: PositiveFloat = 1e-4
    """Learning rate."""

    def prepare(self, materials: Materials) -> Estimator:
        from learners.escim.estimator import naive_labels

        return naive_labels(self, materials)


@AUXILIARIES.register("escim-joint")
class JointLabels(Labeler):
    """ESCIM's idea, fitted as one model: what a click depends on and is not seen, z, is abducted for each impression from
    whether it was clicked (a formulation of our own; the published models are fitted apart, so that their z means nothing).

    With ``edge``, z moves clicks and conversions, and what nobody clicked is scored by P(conversion | x, z) over z given that
    nobody did: of all labelers the only one that can differ from P(conversion | x, clicked). What is identified then rests
    on the form of the model.
    """

    rule: Rule = "soft"
    edge: bool = True
    """Whether z moves clicks, too."""
    latent: PositiveInt = 1
    """Numbers in z."""
    epochs: PositiveInt = 2
    """Passes over the history."""
    rate: PositiveFloat = 1e-3
    """Learning rate."""
    beta: NonNegativeFloat = 1.0
    """Weight of the divergence from N(0, I); 1 is the bound on the likelihood."""
    draws: PositiveInt = 8
    """Draws of z that a score is the mean of."""

    def prepare(self, materials: Materials) -> Estimator:
        from learners.escim.estimator import joint_labels

        return joint_labels(self, materials)


@AUXILIARIES.register("potential")
class TrueLabels(Labeler):
    """The true potential outcome of every impression, from the world that made it: the labels that no rule can beat."""

    peeks = True
    rule: Rule = "soft"

    def prepare(self, materials: Materials) -> Estimator:
        from learners.escim.estimator import TruePotential

        return TruePotential(materials.history)
