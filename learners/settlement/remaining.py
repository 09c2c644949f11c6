"""What is still to be paid: whether a click pays again, and how much that makes of its GMV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt

from learners.auxiliary.base import AUXILIARIES, Estimator, FittedAuxiliary
from learners.heads import PROBABILITY, Head
from learners.start.base import Examples
from simulator.log.schema import ClickBatch, EventBatch, Float64, Int64, Kind, Labels
from simulator.randomness import draws
from simulator.units import HOUR, PositiveDuration

if TYPE_CHECKING:
    from torch import Tensor

    from learners.materials import Materials
    from learners.model import Model
    from simulator.learning import Question

MOMENTS = 4
"""Random instants of each paying click, besides those of its pays."""
AT_ONCE = 0.1
"""Hours added to the time since the last pay, and to that until the close, before its logarithm is taken."""


class Quantile(Head):
    """The output is in the units of the target, fitted by the pinball loss: a quantile."""

    def __init__(self, level: float) -> None:
        self.level = level

    def bias(self, total: float, count: int) -> float:
        return total / count

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        missing = target - output
        return (self.level - (missing < 0).to(output.dtype)) * missing

    def value(self, output: Float64) -> Float64:
        return output


@AUXILIARIES.register("remaining")
class Remaining(FittedAuxiliary):
    """``again``: P(one more pay inside the window | so far); ``growth_10`` to ``growth_90``: quantiles of the growth then.

    The growth is log1p(final GMV) - log1p(GMV so far), as READER's calibrator has it (OnlineGMV, WWW 2026, eq. 14), which
    knows its median at pays alone. Fitted on the paying clicks of the history at each of their pays and at random times
    of silence between the first one and the close, from the features, the time since the click as a share of the
    attribution window, what is left of it, the time since the latest pay, the number of pays and the GMV so far.
    """

    heads = {
        "again": PROBABILITY,
        **{f"growth_{level}": Quantile(level / 100) for level in (10, 30, 50, 70, 90)},
    }
    inputs = ("elapsed", "ln_rest", "silent", "ln_silent", "ln_count", "ln_gmv")
    uses_events = True
    answers = ("remaining",)

    attribution: PositiveDuration | None = None
    """What times are a share of; the attribution window unless given."""
    hidden: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (64, 32)
    """Sizes of its hidden layers. It is asked for every open click that has paid, every segment."""
    batch_size: PositiveInt = 128
    """Samples of a step of its fit."""
    embedding_learning_rate: PositiveFloat = 0.002
    """Far below that of a learner: each click is shown at every pay and some times more, all with one fate, and at the
    learner's own rate its ids are learnt by heart, so that beliefs are too bold on the stream."""

    def prepare(self, materials: Materials) -> Estimator:
        from learners.networks.mlp import MLP
        from learners.pretrain import Pretraining, pretrained

        given = self.attribution if self.attribution is not None else materials.history.windows.attribution
        own = self.model_copy(update={"attribution": given})
        rate = self.embedding_learning_rate
        update = {"pretrain_batch_size": self.batch_size, "embedding_learning_rate": rate}
        learner = materials.learner.model_copy(update=update)
        network = MLP(hidden=self.hidden)
        plan = Pretraining(own, network, (), learner, materials.history, materials.seed)
        return RemainingEstimator(own, pretrained(plan, materials.cache))

    def examples(self, clicks: ClickBatch, labels: Labels, events: EventBatch) -> Examples:
        assert self.attribution is not None, "prepare() fills it in"
        pays = events[np.flatnonzero(events.kind == Kind.PAY)]
        of_pay = pays.row - clicks.row
        # Pays in order of (click, time): the k-th of a click stands at first[click] + k.
        first = np.searchsorted(of_pay, np.arange(len(clicks)))
        total = np.concatenate([np.zeros(1), np.cumsum(pays.amount)])
        click, now = self._moments(clicks, labels, pays.time, of_pay)
        seen = _count(of_pay, pays.time, click, now)
        so_far = np.maximum(total[first[click] + seen] - total[first[click]], 0.0)
        again = labels.pay_count[click] > seen
        growth = np.maximum(np.log1p(labels.gmv[click]) - np.log1p(so_far), 0.0)
        told = np.where(again, growth, np.nan)
        targets = {name: told for name in self.heads if name != "again"}
        inputs = self.numbers(
            now - clicks.time[click], now - pays.time[first[click] + seen - 1], seen.astype(float), so_far
        )
        return Examples({"again": again.astype(float), **targets}, click, inputs)

    def _moments(self, clicks: ClickBatch, labels: Labels, pay: Int64, of_pay: Int64) -> tuple[Int64, Int64]:
        """Return clicks, by place, and instants at which their future is asked about."""
        assert self.attribution is not None
        paid = np.flatnonzero(labels.converted)
        start, close = labels.first_pay[paid], clicks.time[paid] + self.attribution
        places, instants = [of_pay], [pay]
        for k in range(MOMENTS):
            share = draws(clicks.click_id[paid], "learners", "remaining", k)
            # Half of them soon after the pay, when most of what is left to say is said.
            share = share if k % 2 else np.power(1e-3, share)
            places.append(paid)
            instants.append(start + (share * (close - start)).astype(np.int64))
        place, now = np.concatenate(places), np.concatenate(instants)
        inside = now < clicks.time[place] + self.attribution
        return place[inside], now[inside]

    def numbers(self, elapsed: Int64, silent: Int64, count: Float64, gmv: Float64) -> Float64:
        """Return the inputs, each of about unit size; times in microseconds."""
        assert self.attribution is not None, "prepare() fills it in"
        return np.stack(
            [
                elapsed / self.attribution,
                np.log(np.maximum(self.attribution - elapsed, 0) / HOUR + AT_ONCE) / 3,
                silent / self.attribution,
                np.log(silent / HOUR + AT_ONCE) / 3,
                np.log(np.maximum(count, 1.0)),
                np.log1p(gmv) / 5,
            ],
            axis=1,
        )


class RemainingEstimator(Estimator):
    """Asks the network of `Remaining` for open journeys that have paid."""

    def __init__(self, auxiliary: Remaining, model: Model) -> None:
        self._auxiliary, self._model = auxiliary, model

    def answer(self, question: Question) -> Mapping[str, Float64]:
        clicks, now, journey = question.clicks, question.now, question.journey
        assert now is not None, "a policy asks at an instant"
        assert journey is not None, "a policy asks of journeys"
        count = journey.pay_count.astype(np.float64)
        inputs = self._auxiliary.numbers(now - clicks.time, now - journey.last_pay_time, count, journey.gmv)
        outputs = self._model.outputs(clicks.features, inputs)
        return {head: scale.value(outputs[head]) for head, scale in self._auxiliary.heads.items()}


def _count(of_pay: Int64, pay: Int64, click: Int64, now: Int64) -> Int64:
    """Return how many pays each click has by an instant of its own; pays are sorted by (click, time)."""
    if not len(pay):
        return np.zeros(len(click), np.int64)
    begin = int(min(pay.min(), now.min()))
    length = int(max(pay.max(), now.max())) - begin + 1
    found = np.searchsorted(of_pay * length + (pay - begin), click * length + (now - begin), side="right")
    return found - np.searchsorted(of_pay, click)
