"""Where TWICE settles in a world of one cell whose traffic jumps: with the cohorts' mass taken out at p, without it above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from learners.batch import Batch
from learners.objectives import OBJECTIVES
from learners.twice.cohorts import CohortMass, Cohorts
from learners.twice.delays import DELAYS, EDGES
from learners.twice.fields import Groups
from simulator.learning import Clicks
from simulator.units import HOUR, MINUTE

P, WINDOW, ATTRIBUTION = 0.2, 30 * MINUTE, 8 * HOUR
SHARES = np.array([0.1, 0.1, 0.15, 0.15, 0.2, 0.2, 0.1])
STEP, POINTS = 10 * MINUTE, 5
OPENING, END = 20 * HOUR, 26 * HOUR


@dataclass(frozen=True)
class Stream:
    """Clicks every ten minutes, ``jump`` times as many or ``lift`` times as ready to pay from the opening on; and what
    arrives from half an hour before the opening to the end.
    """

    jump: float
    lift: float

    def clicks(self):
        time = np.arange(OPENING - 9 * HOUR, END, STEP)
        opened = time >= OPENING
        return time, np.where(opened, self.jump, 1.0), P * np.where(opened, self.lift, 1.0)

    def arrivals(self):
        """Click times, delays and expected counts: delays are even inside a bucket."""
        time, count, rate = self.clicks()
        starts = np.array((0, *EDGES[:6]))
        delay = np.concatenate(
            [
                start + (end - start) * (np.arange(POINTS) + 0.5) / POINTS
                for start, end in zip(starts, EDGES, strict=False)
            ]
        )
        each = np.repeat(SHARES / POINTS, POINTS)
        when = time[:, None] + STEP / 2 + delay
        seen = (when >= OPENING - HOUR / 2) & (when < END)
        row, place = np.nonzero(seen)
        return time[row] + STEP / 2, delay[place], (count * rate)[row] * each[place]


def settled(stream, by, samples):
    """Return p as it is served for clicks of the base rate, and F at the end of the window."""
    time, delay, expected = stream.arrivals()
    n = len(time) + 2
    seen = P * SHARES[:3].sum()
    elapsed = np.append(delay, [WINDOW, WINDOW]).astype(np.int64)
    rows = samples(
        n,
        converted=np.append(np.ones(n - 1), 0.0),
        role=np.where(np.arange(n) < n - 2, "conversion", "click"),
        weight=np.append(expected, [seen, 1 - seen]),
        elapsed=elapsed,
        event_time=np.append(time, [0, 0]).astype(np.int64) + elapsed,
        delay=np.append(np.round(delay), [np.nan, np.nan]),
    )
    estimates = {}
    if by is not None:
        mass = CohortMass(Cohorts(by=by, length=f"{STEP}us"), Groups((), ()), ATTRIBUTION)
        clicked, count, rate = stream.clicks()
        crowd = np.repeat(clicked, np.rint(4 * count).astype(int))
        each = np.repeat(np.broadcast_to(rate, clicked.shape), np.rint(4 * count).astype(int))
        features = np.empty((len(crowd), 0), np.int32)
        mass.hear(Clicks(np.arange(len(crowd)), crowd, features), np.full(len(crowd), END), {"cvr": each})
        estimates = {name: torch.from_numpy(values) for name, values in mass.of_samples(rows).items()}
    objective = OBJECTIVES["two-clocks"](cohorts=by is not None)
    batch = Batch(rows, estimates, torch.float64)
    heads = {head: torch.zeros(1, dtype=torch.float64, requires_grad=True) for head in objective.heads}
    optimiser = torch.optim.LBFGS(
        list(heads.values()), lr=0.5, max_iter=120, tolerance_grad=1e-9, tolerance_change=0
    )

    def closure():
        optimiser.zero_grad()
        loss = objective.loss(batch, {head: leaf.expand(n) for head, leaf in heads.items()})
        loss.backward()
        return loss

    for _ in range(2):  # p follows F, which carries no gradient to it
        optimiser.step(closure)
    logs = np.array([float(heads[head].detach()) for head in DELAYS])[:7]
    shares = np.exp(logs - logs.max()) / np.exp(logs - logs.max()).sum()
    return float(torch.sigmoid(heads["cvr"].detach())), shares


STREAMS = {"calm": Stream(1.0, 1.0), "traffic": Stream(3.0, 1.0), "rate": Stream(1.0, 3.0)}


@pytest.mark.parametrize("name", STREAMS)
def test_with_the_mass_of_cohorts_it_settles_at_p(name, samples):
    p, shares = settled(STREAMS[name], "cvr", samples)
    np.testing.assert_allclose(shares, SHARES, atol=2e-3)
    assert p == pytest.approx(P, abs=1e-3)


def plain(stream):
    """Shares of the arrivals as they come."""
    _, delay, expected = stream.arrivals()
    return np.bincount(np.searchsorted(EDGES, delay), expected, minlength=7) / expected.sum()


@pytest.mark.parametrize(("name", "by"), [("traffic", None), ("rate", None), ("rate", "clicks")])
def test_arrivals_as_they_come_look_too_fast_at_an_opening(name, by, samples):
    """What is not taken out stays in F, and p makes up for it: p F(window) is right alone."""
    p, shares = settled(STREAMS[name], by, samples)
    np.testing.assert_allclose(shares, plain(STREAMS[name]), atol=2e-3)
    assert p == pytest.approx(P * SHARES[:3].sum() / shares[:3].sum(), abs=1e-3)
    assert p < 0.9 * P


def test_counts_do_where_the_rate_is_the_same(samples):
    p, shares = settled(STREAMS["traffic"], "clicks", samples)
    np.testing.assert_allclose(shares, SHARES, atol=2e-3)
    assert p == pytest.approx(P, abs=1e-3)
