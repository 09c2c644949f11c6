"""Pre-training of DFSN's three networks."""

from __future__ import annotations

from learners.heads import PROBABILITY
from learners.start.base import RECIPES, WindowedRecipe
from simulator.log.schema import ClickBatch, Float64, Labels


@RECIPES.register("satellites")
class Satellites(WindowedRecipe):
    """Cross-entropy, on every click of the history, of what each network's stream settles at: the final label
    for ``unbias`` and for what the main network adds to it (``cvr``), the label after half the window for ``feature``.
    """

    heads = dict.fromkeys(("unbias", "feature", "cvr"), PROBABILITY)

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        assert self.window is not None, "completed() comes before targets()"
        final = labels.converted.astype(float)
        early = self.paid_within(clicks, labels, self.window // 2).astype(float)
        return {"unbias": final, "feature": early, "cvr": final}
