"""Label rules against the slow obvious ones, ties and empty batches included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learners.escim import rules
from simulator.randomness import generator

SCORES = st.lists(st.sampled_from([0.1, 0.2, 0.2, 0.3, 0.5]), min_size=0, max_size=12)


def shown(scores: list[float]) -> rules.Shown:
    return rules.Shown(np.array(scores, np.float64), np.zeros(len(scores), np.bool_))


@given(SCORES, SCORES)
def test_max_labels_what_scores_as_high_as_the_best_conversion(
    scores: list[float], best: list[float]
) -> None:
    slow = [float(bool(best) and score >= max(best)) for score in scores]
    assert rules.by_maximum(shown(scores), np.array(best)).tolist() == slow


@given(SCORES, st.integers(-1, 14))
def test_ratio_labels_the_highest_scores_of_equal_ones_the_first(scores: list[float], count: int) -> None:
    slow = [0.0] * len(scores)
    left = list(range(len(scores)))
    for _ in range(min(max(count, 0), len(scores))):
        best = max(left, key=lambda k: (scores[k], -k))
        left.remove(best)
        slow[best] = 1.0
    assert rules.by_rank(shown(scores), count).tolist() == slow


@pytest.mark.parametrize(
    ("conversions", "clicks", "impressions", "count"),
    [(2, 300, 8192, 54), (0, 300, 8192, 0), (3, 0, 8192, 0), (3, 5, 4, 0), (1, 1, 7, 7)],
)
def test_ratio_takes_whole_impressions_per_click(
    conversions: int, clicks: int, impressions: int, count: int
) -> None:
    assert rules.ratio(conversions, clicks, impressions) == count


def test_at_random_labels_as_many_whichever() -> None:
    scores = shown(np.linspace(0, 1, 50).tolist())
    drawn = [rules.at_random(scores, 10, generator(seed, "rules")) for seed in range(200)]
    assert {labels.sum() for labels in drawn} == {10}
    assert np.abs(np.mean(drawn, axis=0) - 0.2).max() < 0.12
    assert not any(rules.at_random(scores, count, generator(0, "rules")).any() for count in (0, -1))


def test_running_counts_do_not_depend_on_how_batches_are_cut() -> None:
    rng = generator(1, "counts")
    rows = [(int(rng.random() < 0.05), int(rng.random() < 0.2)) for _ in range(20_000)]
    totals = []
    for size in (50, 400, 5_000):
        counts, given_out = rules.Counts(), 0
        for begin in range(0, len(rows), size):
            cut = rows[begin : begin + size]
            clicks = sum(o for _, o in cut)
            given_out += counts.take(sum(r * o for r, o in cut), clicks, len(cut))
        totals.append(given_out)
    # Were all clicked, a twentieth would convert.
    assert all(abs(total - 1_000) < 250 for total in totals)
    again = rules.Counts()
    again.load_state_dict(counts.state_dict())
    assert again.take(1, 10, 500) == counts.take(1, 10, 500)


def test_running_counts_carry_what_is_less_than_one() -> None:
    counts = rules.Counts()
    assert counts.take(0, 0, 100) == 0  # no click yet: nothing is known of the rate
    assert counts.take(1, 4, 10) == 2  # 10 / 4
    assert counts.take(0, 0, 1) == 0  # 0.5 + 0.25
    assert counts.state_dict() == {"conversions": 1, "clicks": 4, "carried": 0.75}
    assert counts.take(0, 0, 1) == 1
    assert counts.take(1, 0, 3) == 1  # 3 * 2 / 4
    assert counts.carried == 0.5
