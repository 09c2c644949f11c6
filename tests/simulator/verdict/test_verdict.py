"""On runs whose truth is known: who wins in each stretch, by how much, and how many seeds would settle it."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.calendar import NO_PROMOTIONS, Calendar, Promotion
from simulator.errors import ScenarioError
from simulator.units import DAY, HOUR
from tests.simulator.verdict.known import COSTS, END, asked, divergence, factor_of, made

METHODS = {
    "frozen": {"all": 1.3, "anticipation": 1.02},
    "quick": {"all": 1.1, "promotion": 1.05, "anticipation": 0.7},
    "slow": {"all": 1.02, "promotion": 0.4, "anticipation": 0.6},
}
BEST = {"before": "slow", "anticipation": "frozen", "opening": "quick", "day": "quick", "after": "slow"}


@pytest.fixture(scope="module")
def seeds():
    return [made(METHODS, seed) for seed in range(8)]


def exact(method, other, inside, clicks=200_000):
    """By how much the expected regret of ``other`` is above that of ``method`` in some of the time."""
    random = np.random.default_rng(99)
    time = np.sort(random.integers(0, END, clicks))
    p = 0.3 * np.exp(random.uniform(-0.5, 0.5, clicks))
    lost = [divergence(p, factor_of(METHODS[m], time)) for m in (method, other)]
    return float((lost[1] - lost[0])[inside(time)].mean())


def test_the_known_best_wins_every_stretch(seeds):
    told, found = asked(seeds)
    assert {name: found[name]["best"] for name in BEST} == BEST
    assert told["metric"] == "regret_nll"
    assert told["runs"] == 8
    assert found["before"]["settled"]
    assert found["anticipation"]["nothing"] is None  # it is doing nothing that wins there


def test_margins_cover_the_exact_difference(seeds):
    _, found = asked(seeds, confidence=0.99)
    spans = {"before": (0, 2), "anticipation": (2, 3), "day": (3, 4), "after": (4, 6)}
    for name, (start, stop) in spans.items():
        margin = found[name]["runner_up"]
        truth = exact(BEST[name], margin["method"], lambda t: (t >= start * DAY) & (t < stop * DAY))  # noqa: B023 - called at once
        assert margin["low"] < truth < margin["high"], name
        assert margin["low"] <= margin["difference"] <= margin["high"]
        assert margin["replicates"] == 8


def test_what_is_made_of_others_is_no_rival_of_the_member_that_it_serves(seeds):
    """A name that comes first in the alphabet serves the best of each phase, so that on the day it is "quick" itself."""
    methods = {**METHODS, "chosen": {"all": 1.02, "promotion": 1.05, "anticipation": 1.02}}
    costs = {"chosen": {**COSTS, "members": ["frozen", "quick", "slow"]}}
    _, found = asked([made(methods, seed, costs=costs) for seed in range(8)])
    _, alone = asked(seeds)
    for name in ("before", "anticipation", "day"):
        assert found[name]["best"] == BEST[name]
        assert found[name]["settled"] == alone[name]["settled"]
        assert found[name]["runner_up"] == alone[name]["runner_up"]
    assert found["all"]["best"] == "chosen"


def test_seeds_that_are_asked_for_follow_from_the_paired_variance(seeds):
    """Two methods that differ by little: what is asked for is what a t-test needs at the true effect and deviation."""
    near = {"frozen": {"all": 1.5}, "one": {"all": 1.0}, "two": {"all": 1.07}}
    runs = [made(near, seed, clicks=1500) for seed in range(60)]
    _, found = asked(runs)
    margin = found["all"]["runner_up"]
    assert (found["all"]["best"], margin["method"]) == ("one", "two")
    few = [asked(runs[i : i + 6])[1]["all"] for i in range(0, 60, 6)]
    unsettled = [one["needed"]["seeds"] for one in few if one["best"] == "one" and not one["settled"]]
    per_run = [run.summary["methods"] for run in runs]
    change = np.array([m["two"]["cvr"]["nll"] - m["one"]["cvr"]["nll"] for m in per_run])
    effect = change.mean() / change.std(ddof=1)
    assert margin["difference"] == pytest.approx(change.mean(), rel=1e-6)
    expected = (1.96 + 0.84) ** 2 / effect**2  # the normal approximation
    assert unsettled
    assert expected / 4 < np.median([n or 1000 for n in unsettled]) < 4 * expected + 4


def test_of_one_run_blocks_of_segments_are_replicates():
    told, found = asked([made(METHODS, 3)])
    assert told["runs"] == 1
    assert found["before"]["runner_up"]["replicates"] == 5  # of 16 segments, three or four each
    assert found["before"]["best"] == "slow"
    unsettled = [one for one in found.values() if one["needed"] is not None]
    assert all(one["needed"]["seeds"] is None for one in unsettled)
    days = [one["needed"]["days"] for one in unsettled if one["needed"]["days"] is not None]
    assert all(need > one["days"] for need, one in zip(days, unsettled, strict=False))


def test_methods_that_are_equal_are_level_and_nothing_settles_them():
    told, found = asked([made({"a": {"all": 1.1}, "b": {"all": 1.1}}, seed) for seed in range(3)])
    for one in found.values():
        assert not one["settled"]
        assert one["level"] == ["b"]
        assert one["needed"] == {"seeds": None, "days": None, "sales": None}
        assert one["runner_up"]["difference"] == 0
        assert one["why"] == ""
    assert any("never updated" in note for note in told["notes"])


def test_equal_methods_are_rarely_settled_by_chance():
    """Four methods, none better: the best of them beats all others with zero outside in few runs only."""

    def noisy(p, time, random):
        return np.clip(p * np.exp(0.2 * random.normal(size=len(p))), 0.001, 0.999)

    wrong = [
        asked([made(dict.fromkeys("abcd", noisy), seed, clicks=800)])[1]["all"]["settled"]
        for seed in range(120)
    ]
    assert np.mean(wrong) < 0.08


def test_settled_is_ahead_of_every_other_and_not_of_the_runner_up_alone():
    def moody(p, time, random):
        return np.minimum(p * random.choice([1.0, 1.6]), 0.99)

    runs = [made({"a": {"all": 1.0}, "b": {"all": 1.12}, "moody": moody}, seed) for seed in range(5)]
    found = asked(runs)[1]["all"]
    assert (found["best"], found["runner_up"]["method"]) == ("a", "b")
    assert found["runner_up"]["settled"]
    assert (found["settled"], found["level"]) == (False, ["moody"])
    assert found["needed"]["seeds"] > 5


def test_bounds_that_read_the_truth_cannot_be_served():
    methods = METHODS | {"oracle": {"all": 1.0}, "seer": {"all": 1.0}}
    run = made(methods, 0, scale={"cvr": ("frozen", "oracle")}, peeking=["oracle", "seer"])
    _, found = asked([run])
    assert {name: found[name]["best"] for name in BEST} == BEST
    assert not {"oracle", "seer"} & found["all"]["values"].keys()


@pytest.mark.parametrize("goal", ["nll", "calibration", "ranking", "money"])
def test_of_bounds_alone_nobody_can_be_served(goal, tmp_path):
    run = made({"seer": {"all": 1.0}}, 0, peeking=["seer"], path=tmp_path / "predictions.parquet")
    told, found = asked([run], goal=goal)
    assert not found
    assert any("there is nobody to serve" in note for note in told["notes"])


def test_one_method_alone_is_served_and_nothing_is_settled():
    told, found = asked([made({"only": {"all": 1.1}}, 0)])
    assert found["all"]["best"] == "only"
    assert found["all"]["runner_up"] is None
    assert not found["all"]["settled"]
    assert told["nothing"] is None


def test_a_method_without_a_number_is_no_candidate():
    def broken(p, time, random):
        return np.where(time < END // 2, p, np.nan)

    _, found = asked([made(METHODS | {"broken": broken}, 0)])
    assert "broken" in found["all"]["unknown"]
    assert found["all"]["best"] != "broken"
    assert found["before"]["best"] == "broken"  # there it has numbers, and they are the truth
    _, found = asked([made({"broken": lambda p, *_: np.full(len(p), np.nan)}, 0)])
    assert found["all"]["best"] is None


def test_without_a_promotion_the_stream_is_one_stretch():
    _, found = asked([made(METHODS, 0, calendar=NO_PROMOTIONS)])
    assert list(found) == ["all"]


def test_a_stream_of_sales_has_every_opening_in_one_stretch():
    calendar = Calendar.of([Promotion(f"s{i}", i * DAY, i * DAY + 12 * HOUR, 0) for i in (1, 3)])
    _, found = asked([made(METHODS, 0, calendar=calendar)], opening="3h")
    assert found["opening"]["days"] == pytest.approx(2 * 3 / 24)
    assert found["day"]["days"] == 1.0
    if (needed := found["day"]["needed"]) is not None and needed["days"] is not None:
        assert needed["sales"] == np.ceil(2 * needed["days"])


def test_an_opening_as_long_as_the_sale_is_left_out():
    _, found = asked([made(METHODS, 0)], opening="2d")
    assert "opening" not in found
    _, found = asked([made(METHODS, 0)], opening="1m")  # the first segment, at least
    assert found["opening"]["days"] == 3 / 24


def test_weights_decide_what_is_served_throughout(seeds):
    heavy = {name: asked(seeds, stretches={name: 1.0})[1]["all"] for name in BEST}
    for name, one in heavy.items():
        alone = asked(seeds)[1][name]
        assert one["best"] == BEST[name]
        assert one["runner_up"]["difference"] == pytest.approx(alone["runner_up"]["difference"])
    both = asked(seeds, stretches={"before": 1.0, "day": 3.0})[1]["all"]
    by = {name: asked(seeds)[1][name] for name in ("before", "day")}
    expected = (by["before"]["values"]["quick"] + 3 * by["day"]["values"]["quick"]) / 4
    assert both["values"]["quick"] == pytest.approx(expected)


def test_goals_order_by_their_own_figures(seeds):
    def order(p, time, random):
        return 0.3 * p**0.5  # perfectly ranked, wrongly scaled

    methods = {"frozen": {"all": 2.0}, "flat": lambda p, *_: np.full(len(p), 0.3), "order": order}
    run = made(methods, 1)
    assert asked([run], goal="ranking")[1]["all"]["best"] in {"frozen", "order"}
    assert asked([run], goal="calibration")[1]["all"]["best"] == "flat"
    told, found = asked([run], goal="ranking")
    assert told["metric"] == "auc"
    assert 0.5 <= found["all"]["values"]["flat"] < found["all"]["values"]["order"] <= 1


def test_guardrails_bar_methods_and_say_why(seeds):
    _, found = asked(seeds, guardrails={"pcoc": [0.9, 1.1]})
    assert found["opening"]["best"] == "quick"
    assert "PCOC 0." in found["opening"]["barred"]["slow"]
    assert found["before"]["best"] == "slow"  # held in the opening alone
    assert "slow" in found["all"]["barred"]
    _, found = asked(seeds, guardrails={"staleness": "1h"})
    assert "never updated" in found["all"]["barred"]["frozen"]
    assert found["anticipation"]["best"] == "quick"
    assert found["anticipation"]["nothing"]["difference"] < 0  # doing nothing would have been better
    _, found = asked(seeds, guardrails={"samples_per_click": 0.5})
    assert found["all"]["best"] == "frozen" or "1.00 samples" in found["all"]["barred"]["slow"]
    _, found = asked(seeds, guardrails={"pcoc": [5.0, 6.0], "pcoc_in": ["all"]})
    assert found["all"]["best"] is None
    assert set(found["all"]["barred"]) == set(METHODS)


def test_what_is_served_today_can_be_any_method(seeds):
    told, found = asked(seeds, baseline="quick")
    assert told["nothing"] == "quick"
    assert found["before"]["nothing"]["method"] == "quick"
    with pytest.raises(ScenarioError, match=r"quikc.*Did you mean 'quick'"):
        asked(seeds, baseline="quikc")


def test_without_a_truth_losses_are_shown():
    told, found = asked([made(METHODS, seed, truth=False) for seed in range(4)])
    assert told["metric"] == "nll"
    assert found["before"]["best"] == "slow"
    assert found["before"]["values"]["slow"] > 0.3


def test_reasons_are_taken_from_what_was_measured(seeds):
    _, found = asked(seeds)
    assert "of the margin to frozen is calibration (PCOC" in found["day"]["why"]
    stale = {"slow": {"samples": 5, "fake_negative_rate": 0.42, "label_age_s": {"p50": 900.0}}}
    runs = [made({k: METHODS[k] for k in ("quick", "slow")}, seed, costs=stale.items()) for seed in range(6)]
    assert "42.0% of the negatives that slow was taught paid later" in asked(runs)[1]["day"]["why"]
    old = {"slow": {"samples": 5, "fake_negative_rate": 0.0, "label_age_s": {"p50": 3 * 86400.0}}}
    runs = [made({k: METHODS[k] for k in ("quick", "slow")}, seed, costs=old.items()) for seed in range(6)]
    assert "labels that slow learns from are 3.0d old" in asked(runs)[1]["day"]["why"]


def test_what_calibration_has_of_a_margin_is_told_of_differences_over_rows_alone(seeds):
    assert "of the margin to" in asked(seeds)[1]["all"]["why"]
    weighted = asked(seeds, stretches={"before": 1.0})[1]["all"]["why"]
    assert weighted.startswith(("over frozen: ", "over quick: "))
    assert asked(seeds, goal="ranking")[1]["day"]["why"][:4] in {"over", ""}


def test_nothing_that_is_not_settled_has_a_reason(seeds):
    for _, found in (asked(seeds[:2]), asked(seeds)):
        for one in found.values():
            settled = [m for m in (one["runner_up"], one["nothing"]) if m is not None and m["settled"]]
            assert bool(one["why"]) == bool(settled)
