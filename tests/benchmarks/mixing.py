"""Try ways of mixing methods on finished runs: ``python -m tests.benchmarks.mixing RUN...``.

RUN is the directory of a run in a world (its truth makes the regret) whose predictions.parquet has the members' columns.
Nothing is run: every way is computed from what the members predicted. An earlier sale is the next run of the same scenario, of
which there are therefore two at least; another shop's sale is the first run of another scenario. Where the stream of the first
run has two sales, ways are learnt on the first and judged on the second. What came of it is in docs/results.md.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import optimize, stats
from scipy.special import expit, logit, softmax

from simulator.calendar import PHASES
from simulator.evaluation.metrics import log_loss
from simulator.log.schema import Bool, Float64, Int64
from simulator.scenario.load import load_scenario
from simulator.units import DAY

MEMBERS = ("es-dfm", "fnc", "fnw", "posterior-settlement", "offline", "pre-trained")
RATES = (1.0, 0.1, 0.01, 0.001)
"""Of Hedge, per unit of summed log loss; towards 0 it is the mean."""


@dataclass(frozen=True)
class World:
    """What the members predicted of one world's clicks, and what came of them.

    ``logits`` are of shape (members, n), ``ends`` the instants at which segments end, ``segment`` the segment of each click
    and ``delay`` the time from the click to its first pay (NaN where there is none); ``window`` is that of attribution, and
    ``sales`` are the instants from which the sales of the stream are anticipated.
    """

    name: str
    logits: Float64
    time: Int64
    segment: Int64
    ends: Int64
    phase: Int64
    label: Float64
    delay: Float64
    truth: Float64
    window: int
    sales: Sequence[int]

    @classmethod
    def of(cls, run: Path) -> World:
        """Read a finished run."""
        summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
        columns = ["time", "segment", "phase", "converted", "first_pay", "p_pay"]
        found = pd.read_parquet(
            run / "predictions.parquet", columns=[*columns, *(f"{m}.cvr" for m in MEMBERS)]
        )
        stream, segment = summary["stream"], found.segment.to_numpy(np.int64)
        ends = stream["start"] + (np.arange(segment.max() + 1) + 1) * stream["segment"]
        return cls(
            f"{summary['name']} {summary['seed']}",
            np.stack([logit(found[f"{m}.cvr"].to_numpy(np.float64)) for m in MEMBERS]),
            found.time.to_numpy(),
            segment,
            ends,
            np.array([PHASES.index(phase) for phase in found.phase]),
            found.converted.to_numpy(np.float64),
            (found.first_pay - found.time).to_numpy(np.float64, na_value=np.nan),
            found.p_pay.to_numpy(),
            load_scenario(run / "scenario.resolved.toml").scenario.windows.attribution,
            [p["start"] - p["anticipation"] for p in summary["promotions"] if p["start"] >= stream["start"]],
        )

    def halves(self) -> tuple[World, World]:
        """Return clicks that are final a day and a window before the second sale is anticipated, and those from then on."""
        since = self.sales[1] - self.window - DAY
        return self._of(self.time < since - self.window), self._of(self.time >= since)

    def _of(self, kept: Bool) -> World:
        rows = ("time", "segment", "phase", "label", "delay", "truth")
        return replace(
            self, logits=self.logits[:, kept], **{name: getattr(self, name)[kept] for name in rows}
        )

    def regret(self, mixed: Float64) -> float:
        """Return the NLL regret of predictions of these logits: how much more than the truth itself loses."""
        return float((log_loss(expit(mixed), self.truth) - log_loss(self.truth, self.truth)).mean())

    def mixed(self, weights: Float64) -> Float64:
        """Return logits mixed by weights of shape (members, segments)."""
        mixed: Float64 = (self.logits * weights[:, self.segment]).sum(axis=0)
        return mixed


def on_matured_labels(world: World) -> Float64:
    """Return each member's summed loss as each segment begins, of shape (members, segments): of clicks that are final."""
    loss = np.array([log_loss(expit(one), world.label) for one in world.logits])
    found = np.zeros((len(MEMBERS), len(world.ends)))
    for place, end in enumerate(world.ends[:-1]):
        known = int(np.searchsorted(world.time, end - world.window, side="right"))
        found[:, place + 1] = loss[:, :known].sum(axis=1)
    return found


def on_beliefs(world: World) -> Float64:
    """Return the same of every click so far: where nobody knows yet, the loss is expected over what is believed of the label.

    A click that has paid has paid. One that has not pays with q (1 - F) / (1 - q F), where q is what the mean of the members
    said of it, and F the share of the pays that would have come by its age, among those clicks of the stream that are final.
    """
    said = expit(world.logits.mean(axis=0))
    yes, no = (
        np.array([log_loss(expit(one), of) for one in world.logits]) for of in (np.ones(1), np.zeros(1))
    )
    found = np.zeros((len(MEMBERS), len(world.ends)))
    for place, end in enumerate(world.ends[:-1]):
        served = int(np.searchsorted(world.time, end))
        final = int(np.searchsorted(world.time, end - world.window, side="right"))
        pays = np.sort(world.delay[:final][world.label[:final] > 0])
        if len(pays):
            age = end - world.time[:served]
            come = np.searchsorted(pays, age, side="right") / len(pays)
            waiting = said[:served] * (1 - come) / (1 - said[:served] * come)
            waiting[:final] = 0.0
            believed = np.where(world.delay[:served] < age, 1.0, waiting)
            found[:, place + 1] = yes[:, :served] @ believed + no[:, :served] @ (1 - believed)
    return found


def phase_weights(earlier: World) -> Float64:
    """Return weights of shape (members, phases) with the least log loss on a sale; equal ones where it has no clicks."""
    found = np.full((len(MEMBERS), len(PHASES)), 1 / len(MEMBERS))
    for phase in range(len(PHASES)):
        of = earlier.phase == phase
        if of.any():
            logits, label = earlier.logits[:, of], earlier.label[of]

            def loss(raw: Float64, logits: Float64 = logits, label: Float64 = label) -> tuple[float, Float64]:
                weights = softmax(raw)
                mixed = weights @ logits
                slope = logits @ (expit(mixed) - label) / len(label)
                value = float(np.mean(np.logaddexp(0, mixed) - label * mixed))
                return value, weights * (slope - weights @ slope)

            found[:, phase] = softmax(optimize.minimize(loss, np.zeros(len(MEMBERS)), jac=True).x)
    return found


def by_phase(judged: World, chosen_on: World, *, hindsight: bool = False) -> Float64:
    """Serve in each phase the member with the least log loss there on another world, or the least regret on this one."""
    mixed = judged.logits.mean(axis=0)
    for phase in range(len(PHASES)):
        there, here = chosen_on.phase == phase, judged.phase == phase
        if there.any():
            target = chosen_on.truth if hindsight else chosen_on.label
            losses = [log_loss(expit(one[there]), target[there]).mean() for one in chosen_on.logits]
            mixed[here] = judged.logits[int(np.argmin(losses)), here]
    return mixed


def ways(world: World, earlier: World, other: World) -> dict[str, float]:
    """Return the NLL regret of every way on one world, given an earlier sale of the same shop and one of another."""
    alone = {name: world.regret(one) for name, one in zip(MEMBERS, world.logits, strict=True)}
    found = {
        **alone,
        "best single, in hindsight": min(alone.values()),
        "best per phase, in hindsight": world.regret(by_phase(world, world, hindsight=True)),
        "mean": world.regret(world.logits.mean(axis=0)),
    }
    found |= of_sale(world, earlier, "an earlier sale") | of_sale(world, other, "another shop's sale")
    for told, losses in (("matured labels", on_matured_labels(world)), ("beliefs", on_beliefs(world))):
        for rate in RATES:
            weights = softmax(-rate * losses, axis=0)
            found[f"Hedge, {told}, {rate:g}"] = world.regret(world.mixed(weights))
    return found


def of_sale(world: World, sale: World, told: str) -> dict[str, float]:
    """Return the NLL regret of what is learnt of the phases of a sale: who serves, and with which weights."""
    weighed = (world.logits * phase_weights(sale)[:, world.phase]).sum(axis=0)
    return {
        f"by-phase, chosen on {told}": world.regret(by_phase(world, sale)),
        f"weights of the phases of {told}": world.regret(weighed),
    }


def of_two_sales(world: World) -> dict[str, float]:
    """Return the NLL regret on the second sale of a stream of the mean, and of what is learnt on its first."""
    first, second = world.halves()
    alone = {name: second.regret(one) for name, one in zip(MEMBERS, second.logits, strict=True)}
    return (
        alone | {"mean": second.regret(second.logits.mean(axis=0))} | of_sale(second, first, "the first sale")
    )


def paired(table: Mapping[str, Sequence[float]], name: str, to: str = "mean") -> tuple[float, float]:
    """Return the mean difference of two ways over the worlds, and half of its 95 % t-interval."""
    gap = np.subtract(table[name], table[to])
    half = stats.t.ppf(0.975, len(gap) - 1) * gap.std(ddof=1) / np.sqrt(len(gap))
    return float(gap.mean()), float(half)


def main(runs: Sequence[str]) -> None:
    """Print each way's regret in every world, and its difference to the mean of logits."""
    by_scenario: dict[str, list[World]] = {}
    for world in sorted((World.of(Path(run)) for run in runs), key=lambda world: world.name):
        by_scenario.setdefault(world.name.rpartition(" ")[0], []).append(world)
    names: list[str] = []
    table: dict[str, list[float]] = {}
    shops = list(by_scenario.values())
    for shop, worlds in enumerate(shops):
        other = shops[(shop + 1) % len(shops)][0]
        for place, world in enumerate(worlds):
            names.append(world.name)
            two = len(world.sales) > 1
            found = of_two_sales(world) if two else ways(world, worlds[(place + 1) % len(worlds)], other)
            for way, regret in found.items():
                table.setdefault(way, []).append(regret)
    print("| NLL regret |", *(f"{name} |" for name in names), "less the mean's |")
    print("|---|" + "---|" * (len(names) + 1))
    for way, regrets in table.items():
        gap, half = paired(table, way)
        said = "" if way == "mean" else f"{gap:+.4f} +- {half:.4f}"
        print(f"| {way} |", *(f"{regret:.4f} |" for regret in regrets), f"{said} |")


if __name__ == "__main__":
    main(sys.argv[1:])
