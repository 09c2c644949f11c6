"""Sums by hour around a promotion, against a loop over clicks."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.calendar import Calendar, Promotion
from simulator.evaluation.openings import AFTER, BEFORE, Openings
from simulator.evaluation.tasks import Outcome
from simulator.units import DAY, HOUR


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.integers(1, 50), st.booleans())
def test_hours_are_the_sums_of_their_clicks(seed, n, chunk, known):
    rng = np.random.default_rng(seed)
    sale = Promotion("sale", 5 * DAY, 6 * DAY + HOUR // 2, 2 * DAY)
    time = np.sort(rng.integers(0, 12 * DAY, n))
    label, truth, prediction = rng.random(n).round(), rng.random(n), rng.random(n)
    kept = rng.random(n) < 0.7
    meter = Openings(Calendar.of([sale]))
    for a in range(0, n, chunk):
        cut = slice(a, a + chunk)
        own = kept[cut]
        outcome = Outcome(own, label[cut][own], truth[cut][own] if known else None)
        meter.add(time[cut], {"cvr": outcome}, {"m": {"cvr": prediction[cut]}})
    expected: dict = {}
    for t, k, y, p, q in zip(time, kept, label, truth, prediction, strict=True):
        hour = (t - sale.start) // HOUR
        if k and -BEFORE <= hour < 25 + AFTER:
            row = expected.setdefault(int(hour), [0.0, 0.0, 0.0, 0.0])
            for i, value in enumerate((1, y, p, q)):
                row[i] += value
    inside = ((time - sale.start) // HOUR >= -BEFORE) & ((time - sale.start) // HOUR < 25 + AFTER)
    found = meter.summary()
    assert len(found) == bool(inside.any())
    if not found:
        return
    [opening] = found
    assert opening["hour"][0] == -BEFORE
    assert opening["hour"][-1] == 24 + AFTER
    sums = opening["tasks"]["cvr"]
    if not known:
        assert sums["expected"] is None
    for i, hour in enumerate(opening["hour"]):
        row = expected.get(hour, [0.0, 0.0, 0.0, 0.0])
        got = [
            sums["rows"][i], sums["label"][i], sums["expected"][i] if known else row[2],
            opening["methods"]["m"]["cvr"][i],
        ]  # fmt: skip
        np.testing.assert_allclose(got, row, atol=1e-12)


def test_a_log_without_promotions_has_no_openings():
    meter = Openings(Calendar())
    meter.add(np.zeros(1, np.int64), {"cvr": Outcome(np.ones(1, bool), np.ones(1), None)}, {})
    assert meter.summary() == []
