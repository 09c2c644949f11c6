"""DFSN: a network and two satellites, each with a stream of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from learners.objectives.base import OBJECTIVES, Objective

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("dfsn")
class Satellites(Objective):
    """Neural satellite networks (DFSN, SIGIR 2023), as NetCVR (WWW 2026) describes and builds them.

    Rows belong to one of three streams by their role (policy ``satellites``). ``feature`` learns the label after half the
    window by plain cross-entropy; ``unbias`` learns from fake negatives with the weights of FNW, w+ = 1 + q and
    w- = (1 - q) (1 + q), q its own prediction without gradient; ``cvr``, whose logit the network has added the
    satellite's to (without gradient), learns from elapsed-time delivery by plain cross-entropy.
    One step is taken on the sum of the three, where the paper's code takes a pass over each stream in turn. A final label
    belongs to all three.
    """

    heads = ("cvr", "unbias", "feature")
    unserved = ("unbias",)
    targets = ("converted",)

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        target = batch.target("converted")
        final = batch.role("final")
        unbias = batch.role("unbias_negative", "unbias_positive")
        main = 1 - batch.role("feature") - unbias
        feature = batch.role("feature") + final
        q = outputs["unbias"].detach().sigmoid()
        positive, negative = unbias * (1 + q) + final, unbias * (1 - q) * (1 + q) + final
        return (
            target.cross_entropy(outputs["cvr"], main, main)
            + target.cross_entropy(outputs["feature"], feature, feature)
            + target.cross_entropy(outputs["unbias"], positive, negative)
        )
