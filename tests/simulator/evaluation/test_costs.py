"""The cost meter against a slow count over every click."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.evaluation import costs
from simulator.evaluation.costs import CostMeter
from simulator.log.schema import Labels
from simulator.units import DAY, HOUR, SECOND
from tests.learners.conftest import make_samples


def random_case(n, seed):
    random = np.random.default_rng(seed)
    converted = random.random(n) < 0.3
    refunded = converted & (random.random(n) < 0.3)
    gmv = np.where(converted, random.integers(1, 50, n) * 1.0, 0.0)
    minus = np.full(n, -1, np.int64)
    labels = Labels(converted, refunded, gmv, np.zeros(n), converted.astype(np.int32), minus, minus, minus)
    count = int(random.integers(0, 4 * n + 1))
    row = random.integers(0, n, count)
    click = row * HOUR
    elapsed = random.integers(0, 3 * DAY, count)
    order = np.argsort(click + elapsed, kind="stable")
    row, click, elapsed = row[order], click[order], elapsed[order]
    blank = random.random((3, count)) < 0.3
    final = np.stack([converted[row], refunded[row], gmv[row]]).astype(np.float64)
    stated = np.where(random.random((3, count)) < 0.4, 1.0 - final, final)
    stated[blank] = np.nan
    samples = make_samples(
        count,
        row=row,
        click_id=row,
        event_time=click + elapsed,
        visible_time=click + elapsed + HOUR,
        weight=np.where(random.random(count) < 0.1, -1.0, 1.0),
        converted=stated[0],
        refunded=stated[1],
        gmv=stated[2],
        elapsed=elapsed,
    )
    return labels, samples


def slow(labels, samples, settled):
    used = [i for i in range(len(samples)) if samples.weight[i] > 0]
    by_click = {}
    judged = right = negatives = fake = 0
    for i in used:
        row = samples.row[i]
        truth = (labels.converted[row], labels.refunded[row], labels.gmv[row])
        stated = (samples.converted[i], samples.refunded[i], samples.gmv[i])
        good = all(np.isnan(s) or float(s) == float(t) for s, t in zip(stated, truth, strict=True))
        age = samples.visible_time[i] - row * HOUR
        if row < settled:
            judged += 1
            right += good
            negatives += stated[0] == 0
            fake += stated[0] == 0 and labels.converted[row]
        by_click.setdefault(row, []).append((age, good))
    known = [v for row, v in by_click.items() if row < settled]
    wrong = [v for v in known if not v[0][1]]
    return {
        "samples": len(used),
        "retractions": len(samples) - len(used),
        "clicks": len(by_click),
        "judged": judged,
        "right": right,
        "negatives": negatives,
        "fake": fake,
        "first_ages": sorted(v[0][0] for v in known),
        "lags": sorted(next(age for age, good in v if good) for v in wrong if any(good for _, good in v)),
        "wrong": len(wrong),
    }


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(0, 10_000))
def test_costs_match_a_slow_count(n, seed):
    labels, samples = random_case(n, seed)
    random = np.random.default_rng(seed + 1)
    settled = int(random.integers(0, n + 1))
    meter, at, row = CostMeter(), 0, 0
    while at < len(samples) or row < settled:
        if at < len(samples) and (row >= settled or random.random() < 0.5):
            stop = at + int(random.integers(1, 20))
            meter.delivered(samples[at:stop])
            at = stop
        elif row < settled:
            stop = min(settled, row + int(random.integers(1, 20)))
            meter.finalise(row, labels[row:stop])
            row = stop
    found, wanted = meter.summary(), slow(labels, samples, settled)
    for name in ("samples", "retractions", "clicks", "judged"):
        assert found[name] == wanted[name], name
    ratio = {
        "label_accuracy": ("right", "judged"),
        "fake_negative_rate": ("fake", "negatives"),
        "duplication_factor": ("samples", "clicks"),
    }
    for name, (part, whole) in ratio.items():
        if wanted[whole]:
            assert found[name] == pytest.approx(wanted[part] / wanted[whole]), name
        else:
            assert np.isnan(found[name])
    assert meter.first_use.of().total == len(wanted["first_ages"])
    assert meter.first_use.sums.sum() == sum(wanted["first_ages"])
    assert found["corrected_clicks"] == len(wanted["lags"])
    assert meter.correction.sums.sum() == sum(wanted["lags"])
    if wanted["wrong"]:
        assert found["uncorrected_rate"] == pytest.approx(1 - len(wanted["lags"]) / wanted["wrong"])
    assert sum(found["by_day"]["delivered"]) == found["samples"]


@pytest.mark.parametrize("task", ["converted", "refunded"])
@pytest.mark.parametrize(("stated", "says"), [(0.5, True), (np.nextafter(0.5, 0), False)])
def test_a_soft_label_of_a_half_says_yes(task, stated, says):
    labels, _ = random_case(2, 0)
    labels.converted[:] = labels.refunded[:] = labels.gmv[:] = [1, 0]
    _, samples = random_case(50, 1)
    samples = samples[:2]
    samples.row[:], samples.weight[:] = [0, 1], 1.0
    for name in ("converted", "refunded", "gmv"):
        getattr(samples, name)[:] = np.nan
    getattr(samples, task)[:] = stated
    meter = CostMeter()
    meter.delivered(samples)
    meter.finalise(0, labels)
    meter._resolve()
    right = np.array([day[costs._RIGHT] for day in meter._days.values()]).sum()
    negatives = np.array([day[costs._NEGATIVES] for day in meter._days.values()]).sum()
    assert right == 1
    assert negatives == (0 if says or task == "refunded" else 2)
    # Which of the two it was right about: the one that converted (was refunded), if it says yes.
    assert (meter._final[0].state & costs._CORRECT > 0).tolist() == [says, not says]


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(costs, "RETAINED", 500)
    labels, _ = random_case(100, 0)
    meter = CostMeter()
    for start in range(0, 20_000, 100):
        row = np.arange(start, start + 100)
        at = row * SECOND
        meter.delivered(
            make_samples(
                100, row=row, click_id=row, event_time=at, visible_time=at, elapsed=row * 0, converted=0.0
            )
        )
        meter.finalise(start, labels)
    assert sum(len(part.state) for part in meter._final) <= 700
    assert not meter._held
    assert meter.summary()["fake_negative_rate"] == pytest.approx(labels.converted.mean())


def test_nothing_delivered_is_undefined_not_zero():
    assert np.isnan(CostMeter().summary()["label_accuracy"])


def test_durations_are_close_and_point_masses_exact():
    random = np.random.default_rng(0)
    values = (np.minimum(random.lognormal(10, 2, 50_000), 5e7) * SECOND).astype(np.int64)
    meter = CostMeter()
    for part in np.array_split(values, 7):
        meter.delay.add(0, part)
    told = meter.summary()
    assert told["delivery_delay_s"]["mean"] == pytest.approx(values.mean() / SECOND)
    for q in (10, 50, 90):
        quantile = np.percentile(values, q) / SECOND
        assert told["delivery_delay_s"][f"p{q}"] == pytest.approx(quantile, rel=0.011)
    seconds, share = told["delay_cdf"].values()
    np.testing.assert_allclose(share, [np.mean(values <= s * SECOND + 500) for s in seconds], atol=2e-5)
    assert share[0] == 0.0
    assert share[-1] == 1.0


def test_one_duration_is_told_exactly():
    meter = CostMeter()
    meter.delay.add(0, np.full(10, 864 * SECOND))
    told = meter.summary()
    assert set(told["delivery_delay_s"].values()) == {864.0}
    seconds, share = told["delay_cdf"].values()
    assert share == [0.0, 1.0]
    assert seconds[0] < 864 <= seconds[1]
