"""TRACE, the method: a likelihood of trajectories, and a posterior that both labels and a completer teach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import NonNegativeFloat

from learners.objectives.base import OBJECTIVES, Objective
from learners.trajectory.estimator import EVIDENCE, WEIGHT

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch

TINY = 1e-12


@OBJECTIVES.register("trajectory")
class TrajectoryConditioned(Objective):
    """Trajectory-conditioned delayed feedback (TRACE: Zhang, Ding and Ao, SIGIR 2026): L_trj + L_sup + ``consistency`` L_con.

    z is the logit of p(y | x), e_h and eta_h are the auxiliary's evidence and weight of horizon h. L_trj is the mean over all
    visible horizons, weighed by eta_h, of -ln sum_y p(o_h | x, y) p(y | x): softplus(z) - softplus(z + e_h), but for what z
    does not move. The posterior of a row is sigmoid(z + sum_h a_h e_h), a_h the row's eta_h scaled to a sum of 1. L_sup is its
    cross-entropy with the label, a mean over final rows. L_con is its cross-entropy with the completer's q, a mean over the
    others weighed by w = sigmoid(H(posterior)) sigmoid(1 - H(q)) sigmoid(1 - share of horizons visible), without gradient,
    entropies in bits.

    Since the a_h sum to 1, evidence is averaged: the posterior is tempered, not Bayes', and its mean is not p. L_trj settles at
    p, and so does L_sup, since the last horizon leaves next to nothing open; L_con pulls away from it, by .0008 at p = .2 in
    the world of the tests. ``posterior = "chain"`` has Bayes' rule on all horizons together, and settles at p.
    """

    heads = ("cvr",)
    targets = ("converted", "horizon")
    estimates = (*EVIDENCE, *WEIGHT, "chain", "completed", "visible")

    posterior: Literal["tempered", "chain"] = "tempered"
    """As published, or p(o_1) p(o_2 | o_1) and so on."""
    consistency: NonNegativeFloat = 0.1
    """Weight of L_con."""

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

        logit, target = outputs["cvr"], batch.target("converted")
        evidence, weight = _stacked(batch, EVIDENCE), _stacked(batch, WEIGHT)
        of_row = target.weight * weight
        trajectories = weighted_mean(surprise(logit, evidence), of_row)
        posterior = logit + (
            batch.estimates["chain"].detach()
            if self.posterior == "chain"
            else (weight * evidence).sum(0) / weight.sum(0).clamp(min=TINY)
        )
        final = batch.role("final")
        labelled = weighted_mean(
            cross_entropy(posterior, target.value, reduction="none"), target.weight * final
        )
        total = trajectories + labelled
        if not self.consistency:
            return total
        completed = batch.estimates["completed"].detach()
        gate = torch.sigmoid(_entropy(posterior.detach().sigmoid())) * torch.sigmoid(1 - _entropy(completed))
        gate = gate * torch.sigmoid(1 - batch.estimates["visible"].detach()) * (1 - final)
        consistent = weighted_mean(
            cross_entropy(posterior, completed, reduction="none"), target.weight * gate
        )
        return total + self.consistency * consistent

    def on_finals(self) -> Objective:
        """Return plain cross-entropy, as the published model is pre-trained."""
        return OBJECTIVES.find("bce")()


def surprise(logit: Tensor, evidence: Tensor) -> Tensor:
    """Return -ln(p(o | 0) (1 - p) + p(o | 1) p), less -ln p(o | 0), where p is the sigmoid of the logit."""
    from torch.nn.functional import softplus

    return softplus(logit) - softplus(logit + evidence)


def weighted_mean(losses: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted sum of losses over the sum of the weights' sizes: a retraction counts as a row, too."""
    return (weight * losses).sum() / weight.abs().sum().clamp(min=TINY)


def _stacked(batch: Batch, names: tuple[str, ...]) -> Tensor:
    import torch

    return torch.stack([batch.estimates[name].detach() for name in names])


def _entropy(chance: Tensor) -> Tensor:
    """Return H of a yes or no, in bits."""
    import torch

    inside = chance.clamp(TINY, 1 - 1e-7)
    return -(inside * torch.log2(inside) + (1 - inside) * torch.log2(1 - inside))
