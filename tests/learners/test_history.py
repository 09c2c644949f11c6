"""Shuffling in bounded memory: nothing lost, nothing twice, independent of how rows arrive."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.auxiliary.delay import Delay
from learners.history import History, Rows, batches
from learners.start.cvr import ConversionRate
from learners.start.gmv import Gmv
from simulator.errors import RunError
from simulator.units import DAY, HOUR
from simulator.windows import Windows


def cut(n: int, sizes: list[int]):
    begin, k = 0, 0
    while begin < n:
        end = min(begin + sizes[k % len(sizes)], n)
        ids = np.arange(begin, end, dtype=np.int32)[:, None]
        targets = ids.astype(np.float32)
        yield Rows(ids, targets, 2 * targets)
        begin, k = end, k + 1


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 2_000),
    st.lists(st.integers(1, 300), min_size=1, max_size=4),
    st.integers(1, 20),
    st.integers(0, 900),
)
def test_every_row_once_whatever_the_cut(n, sizes, size, pool):
    one = list(batches(cut(n, sizes), size, np.random.default_rng(1), pool))
    two = list(batches(cut(n, [n]), size, np.random.default_rng(1), pool))
    assert [len(b) for b in one] == [len(b) for b in two]
    joined = np.concatenate([b.features[:, 0] for b in one])
    np.testing.assert_array_equal(joined, np.concatenate([b.features[:, 0] for b in two]))
    np.testing.assert_array_equal(np.sort(joined), np.arange(n))
    assert all(len(b) == size for b in one[:-1])
    assert n < size or size / 2 <= len(one[-1]) < 1.5 * size + 1
    assert all((b.features[:, 0] == b.targets[:, 0]).all() for b in one)


def test_a_short_history_is_shuffled_whole():
    order = np.concatenate(
        [b.features[:, 0] for b in batches(cut(5_000, [700]), 50, np.random.default_rng(0))]
    )
    assert abs(np.corrcoef(order, np.arange(5_000))[0, 1]) < 0.05


def test_base_rates(ground):
    history = History(ground.log, Windows(), 0, 8 * DAY)
    known = ground.log.time < 8 * DAY
    rate = ground.log.converted[known].mean()
    assert history.biases(ConversionRate())["cvr"] == pytest.approx(np.log(rate / (1 - rate)), abs=1e-3)
    amounts = np.log1p(ground.log.gmv[known & ground.log.converted])
    assert history.biases(Gmv())["gmv"] == pytest.approx(amounts.mean(), abs=1e-5)


def test_gmv_recipe_keeps_converting_clicks_alone(ground):
    rows = Rows.concatenate(list(History(ground.log, Windows(), 0, 2 * DAY).rows(Gmv())))
    known = (ground.log.time < 2 * DAY) & ground.log.converted
    np.testing.assert_array_equal(rows.features, ground.log.ids[known])
    np.testing.assert_allclose(rows.targets[:, 0], np.log1p(ground.log.gmv[known]), rtol=1e-6)


def test_delay_targets_follow_the_window(ground):
    recipe = Delay(window="6h")
    rows = Rows.concatenate(list(History(ground.log, Windows(), 0, 10 * DAY).rows(recipe)))
    late = ground.log.converted & (ground.log.delay > 6 * HOUR)
    np.testing.assert_array_equal(rows.targets[:, 0], late)
    inside = ground.log.converted & ~late
    np.testing.assert_array_equal(np.isnan(rows.targets[:, 1]), inside)
    np.testing.assert_array_equal(rows.targets[~inside, 1], ~ground.log.converted[~inside])


def test_a_pay_at_the_windows_end_is_inside(ground):
    ground.log.delay[:] = 6 * HOUR
    (clicks, labels), *_ = ground.log.labelled(Windows(), 0, DAY)
    assert not Delay(window="6h").targets(clicks, labels)["p_dp"].any()


def test_history_without_targets_is_an_error(ground):
    ground.log.converted[:] = False
    with pytest.raises(RunError, match=r"pre-training 'gmv': no click from 0s to 2d has a target for 'gmv'"):
        History(ground.log, Windows(), 0, 2 * DAY).biases(Gmv())
