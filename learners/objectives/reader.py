"""READER: routed towers, calibrated partial labels, and alignment when the label is final."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import NonNegativeFloat

from learners.objectives.base import OBJECTIVES, Objective
from learners.routing import Zones, known_route, mixed

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch, Target


@OBJECTIVES.register("reader")
class Reader(Zones, Objective):
    """Main loss on calibrated labels + ``alignment`` (GRA - ``unlearning`` PLU) (READER, WWW 2026, eq. 15 to 19).

    A partial label y of a click that pays again stands for expm1(log1p(y) + growth); the growth is the calibrator's, and
    the target is mixed as the route is. GRA is the error against the final label, PLU that against the target that
    the last partial label had stood for; both are means over the samples delivered as "final" (0 where there are
    none). All errors are in log1p space; targets carry no gradient.
    """

    heads: ClassVar[tuple[str, ...]] = ("gmv_single", "gmv_repurchase")
    targets = ("gmv",)
    estimates: ClassVar[tuple[str, ...]] = ("repurchase", "growth")

    alignment: NonNegativeFloat = 0.1
    """Weight of the alignment (lambda 1)."""
    unlearning: NonNegativeFloat = 0.5
    """Weight of unlearning in it (lambda 2). Below 1, attraction to the final label always outweighs repulsion from the
    partial one."""
    finals_in_main: bool = False
    """The main loss takes final labels in as well (public code); the paper's is over the pays."""
    soft_targets: bool = True
    """Targets are mixed by the probability itself (eq. 15); else in the zones of the route (public code)."""

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        return self._loss(batch, outputs, batch.estimates["repurchase"].detach())

    def on_finals(self) -> Objective:
        # The paper's main loss is over partial labels, of which there are none, nor anything to unlearn.
        return self.model_copy(update={"finals_in_main": True, "unlearning": 0.0})

    def _loss(self, batch: Batch, outputs: Mapping[str, Tensor], again: Tensor) -> Tensor:
        """Return the loss with ``again``, the router's probability of a repurchase; its gradient goes into the route."""
        gmv = batch.target("gmv")
        final = batch.role("final")
        route = known_route(batch, again)
        predicted = mixed(outputs["gmv_single"], outputs["gmv_repurchase"], self.share(route))
        label = gmv.value.log1p()
        target = label + (1 - final) * (self._calibrated(batch, label, route.detach()) - label)
        main = (predicted - target).abs()
        return (
            gmv.mean(main) if self.finals_in_main else gmv.mean(main, 1 - final)
        ) + self.alignment * self._at_close(batch, gmv, predicted, again.detach())

    def _at_close(self, batch: Batch, gmv: Target, predicted: Tensor, again: Tensor) -> Tensor:
        final = batch.role("final")
        count = batch.tensor(batch.samples.pay_count.astype(float))
        # What had been said at the last pay, when a single pay was not yet known to be the only one.
        route = again.where(count <= 1, again.new_ones(()))
        previous = batch.tensor(batch.samples.previous_gmv).log1p()
        left = self._calibrated(batch, previous, route)
        aligned = gmv.mean((predicted - gmv.value.log1p()).abs(), final)
        return aligned - self.unlearning * gmv.mean((predicted - left).abs(), final)

    def _calibrated(self, batch: Batch, label: Tensor, route: Tensor) -> Tensor:
        """Return log1p of what partial labels, given as log1p, stand for."""
        growth = batch.estimates["growth"].detach()
        return mixed(label, label + growth, route if self.soft_targets else self.share(route))


@OBJECTIVES.register("reader-joint")
class JointReader(Reader):
    """As reader, with the router trained along (as the paper says; the public code leaves it frozen).

    It hears of the loss through the mixture, and of each final label whether the click paid again (cross-entropy).
    """

    heads = ("gmv_single", "gmv_repurchase", "repurchase")
    estimates = ("growth",)

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        from torch.nn import functional

        logit = outputs["repurchase"]
        again = batch.tensor((batch.samples.pay_count > 1).astype(float))
        surprise = functional.binary_cross_entropy_with_logits(logit, again, reduction="none")
        told = batch.target("gmv").mean(surprise, batch.role("final"))
        return self._loss(batch, outputs, logit.sigmoid()) + told
