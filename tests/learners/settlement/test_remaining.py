"""What is still to be paid: its examples against a slow count, what it finds, and the fixed point of what is drawn by it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from learners.auxiliary import AUXILIARIES
from learners.batch import Batch
from learners.history import History
from learners.materials import Materials
from learners.objectives import OBJECTIVES
from learners.settlement.remaining import AT_ONCE, MOMENTS, _count
from simulator.learning import Clicks, Question
from simulator.log.schema import ClickBatch, EventBatch, Kind, Labels
from simulator.randomness import generator
from simulator.units import DAY, HOUR

WINDOW = 2 * DAY


def few_clicks(n=60, seed=1):
    """Clicks with up to five pays each, as a recipe is shown them."""
    rng = generator(seed, "few")
    time = np.sort(rng.integers(0, 4 * DAY, n))
    pays = [np.sort(rng.integers(0, WINDOW + 1, rng.integers(0, 6))) for _ in range(n)]
    row = np.repeat(np.arange(n), [len(p) for p in pays])
    when = time[row] + np.concatenate(pays)
    amount = rng.uniform(1, 90, len(row)).round(2)
    event = EventBatch(row + 1000, np.arange(len(row)), when, np.full(len(row), Kind.PAY, np.uint8), amount)
    count = np.bincount(row, minlength=n)
    first = np.array([time[i] + p[0] if len(p) else -1 for i, p in enumerate(pays)])
    gmv = np.array([amount[row == i].sum() for i in range(n)])
    never = np.full(n, -1)
    labels = Labels(
        count > 0, np.zeros(n, bool), gmv, np.zeros(n), count.astype(np.int32), first, never, never
    )
    clicks = ClickBatch(1000, np.arange(n) + 7, time, np.empty((n, 0), np.int32))
    return clicks, labels, event


def test_examples_are_what_a_slow_count_says():
    clicks, labels, event = few_clicks()
    part = AUXILIARIES["remaining"](attribution="2d")
    found = part.examples(clicks, labels, event)
    elapsed, ln_rest, silent, _, ln_count, ln_gmv = found.inputs.T
    assert len(found.click) > 4 * labels.converted.sum()
    for k, click in enumerate(found.click):
        own = event.row == clicks.row + click
        when, amount = event.time[own], event.amount[own]
        now = clicks.time[click] + round(elapsed[k] * WINDOW)
        seen = when <= now
        assert seen.any()
        assert now < clicks.time[click] + WINDOW
        assert silent[k] * WINDOW == pytest.approx(now - when[seen][-1], abs=2)
        left = (clicks.time[click] + WINDOW - now) / HOUR
        assert np.exp(3 * ln_rest[k]) == pytest.approx(left + AT_ONCE, rel=1e-6)
        assert np.exp(ln_count[k]) == pytest.approx(seen.sum())
        assert np.expm1(5 * ln_gmv[k]) == pytest.approx(amount[seen].sum(), rel=1e-9)
        assert found.targets["again"][k] == (not seen.all())
        growth = np.log1p(amount.sum()) - np.log1p(amount[seen].sum())
        told = found.targets["growth_50"][k]
        assert np.isnan(told) if seen.all() else told == pytest.approx(growth)


def test_examples_do_not_depend_on_how_the_clicks_are_cut():
    clicks, labels, event = few_clicks()
    part = AUXILIARIES["remaining"](attribution="2d")
    whole = part.examples(clicks, labels, event)
    parts = []
    for cut in (slice(0, 23), slice(23, 60)):
        own = (event.row >= 1000 + cut.start) & (event.row < 1000 + cut.stop)
        some = ClickBatch(1000 + cut.start, clicks.click_id[cut], clicks.time[cut], clicks.features[cut])
        parts.append(part.examples(some, labels[cut], event[own]).inputs)
    together = np.concatenate(parts)
    order, other = (np.lexsort(x.T) for x in (whole.inputs, together))
    np.testing.assert_allclose(together[other], whole.inputs[order])
    paid = labels.converted.sum()
    assert len(whole.inputs) <= MOMENTS * paid + len(event)


def test_counting_by_instants():
    rng = generator(2, "count")
    of_pay = np.sort(rng.integers(0, 30, 200))
    pay = rng.integers(0, 100, 200)
    pay = pay[np.lexsort((pay, of_pay))]
    click, now = rng.integers(0, 30, 500), rng.integers(0, 100, 500)
    slow = [np.count_nonzero((of_pay == c) & (pay <= t)) for c, t in zip(click, now, strict=True)]
    np.testing.assert_array_equal(_count(of_pay, pay, click, now), slow)
    nobody = np.empty(0, np.int64)
    assert len(_count(nobody, nobody, nobody, nobody)) == 0


def test_it_finds_who_pays_again_and_how_much(ground, small, fake_log):
    """The second pay comes an hour after the first and is a quarter of all; .7 of some segments pay it, .2 of others."""
    log = fake_log(30_000)
    materials = Materials(
        History(log, ground.windows, 0, 8 * DAY), 6 * HOUR,
        small.model_copy(update={"pretrain_epochs": 3}), 5, ground.cache, lambda: None,
    )  # fmt: skip
    estimator = AUXILIARIES["remaining"](batch_size=256).prepare(materials)
    rows = np.flatnonzero(log.converted & (log.delay < DAY))[:2_000]
    clicks = Clicks(rows, log.time[rows], log.ids[rows])
    pay = log.time[rows] + log.delay[rows]
    share = np.where(log.again[rows], 0.75, 1.0)

    def asked(hours, count, gmv):
        journey = SimpleNamespace(pay_count=np.full(len(rows), count), last_pay_time=pay, gmv=gmv)
        return estimator.answer(Question("remaining", clicks, pay + int(hours * HOUR), journey, {}))

    at_once = asked(0.0, 1, share * log.gmv[rows])
    often = log.ids[rows, 0] < 6
    assert at_once["again"][often].mean() == pytest.approx(0.7, abs=0.1)
    assert at_once["again"][~often].mean() == pytest.approx(0.2, abs=0.1)
    assert np.median(at_once["growth_50"][often]) == pytest.approx(np.log(4 / 3), abs=0.06)
    assert asked(20.0, 1, share * log.gmv[rows])["again"].mean() < 0.06, "it would have come"
    assert asked(0.5, 2, log.gmv[rows])["again"].mean() < 0.1, "nobody pays a third time"


def test_drawn_amounts_settle_where_final_ones_do(samples):
    """A median of pairs is that of the final amounts, however wrong the amounts that were drawn first."""
    rng = generator(9, "amounts")
    n = 2_001
    final, drawn, second = (rng.lognormal(3, 1, n) * scale for scale in (1.0, 4.0, 0.2))
    gmv = np.concatenate([drawn, drawn, second, second, final])
    weight = np.repeat([1.0, -1.0, 1.0, -1.0, 1.0], n)
    batch = Batch(samples(5 * n, gmv=gmv, weight=weight), dtype=torch.float64)

    def slope(at):
        leaf = torch.tensor(at, dtype=torch.float64, requires_grad=True)
        OBJECTIVES["log-mae"]().loss(batch, {"gmv": leaf.expand(5 * n)}).backward()
        return float(leaf.grad)

    middle = float(np.log1p(np.median(final)))
    assert slope(middle - 1e-3) < 0 < slope(middle + 1e-3)
    assert slope(middle - 1) < slope(middle - 0.1) < 0
