"""What a method costs against what it loses, and how it stands to a baseline: the figures say what the numbers say."""

import copy

import numpy as np
import pytest
from scipy import stats

from simulator.report.trade_offs import paired, paired_figure, pareto_figure
from simulator.units import DAY
from tests.simulator.report.made import make_run


def test_bands_are_t_intervals_over_the_segments_of_a_stretch():
    random = np.random.default_rng(1)
    index = np.repeat(np.arange(4), [5, 2, 7, 3])
    difference, rows = random.normal(size=17), random.integers(1, 50, 17).astype(float)
    difference[6], rows[16] = np.nan, 0.0
    mean, half = paired(difference, rows, index, 0.9)
    for stretch in range(4):
        kept = (index == stretch) & np.isfinite(difference) & (rows > 0)
        d, w, n = difference[kept], rows[kept], kept.sum()
        assert mean[stretch] == pytest.approx((d * w).sum() / w.sum())
        if n < 3:
            assert np.isnan(half[stretch])
            continue
        error = np.sqrt((w**2 * (d - mean[stretch]) ** 2).sum() * n / (n - 1)) / w.sum()
        assert half[stretch] == pytest.approx(error * stats.t.ppf(0.95, n - 1))


def test_equal_weights_give_the_textbook_interval():
    d = np.array([0.1, 0.4, -0.2, 0.3])
    mean, half = paired(d, np.full(4, 10.0), np.zeros(4, int), 0.95)
    assert mean[0] == pytest.approx(d.mean())
    assert half[0] == pytest.approx(stats.t.ppf(0.975, 3) * d.std(ddof=1) / 2)


def test_every_baseline_can_be_chosen_and_lies_at_zero():
    results, summary = make_run()
    figure = paired_figure(summary, results.metrics, "cvr")
    (menu,) = figure.layout.updatemenus
    lines = [trace.name for trace in figure.data]
    assert [button.label for button in menu.buttons] == lines
    for place, button in enumerate(menu.buttons):
        view = button.args[0]
        assert set(view["y"][place]) == {0.0}
        other = view["y"][place - 1]
        back = menu.buttons[place - 1].args[0]["y"][place]
        assert other == pytest.approx([-value for value in back], abs=2e-6)
    day = results.starts // DAY
    series = {m: results.series[m, "cvr"] for m in lines}
    rows = series[lines[0]].rows
    loss = {
        m: [np.average(s.values["nll"][day == d], weights=rows[day == d]) for d in np.unique(day)]
        for m, s in series.items()
    }
    wanted = np.array(loss[lines[1]]) - np.array(loss[lines[0]])
    assert figure.data[1].y == pytest.approx(wanted, abs=1e-6)


def test_the_frontier_joins_what_no_other_method_beats_in_both():
    _, summary = make_run()
    summary = copy.deepcopy(summary)
    ranking = summary["ranking"]["cvr"]
    first, second = ranking["methods"][:2]
    frozen, oracle = ranking["pretrained"], ranking["oracle"]
    for method, (cost, loss) in {
        first: (2.0, 0.1),
        second: (1.5, 0.3),
        frozen: (0.0, 0.2),
        oracle: (0.5, 0.0),
    }.items():
        summary["methods"][method]["cvr"][ranking["metric"]] = loss
        summary["costs"][method]["duplication_factor"] = cost or None
    figure = pareto_figure(summary, "cvr")
    frontier, *points = figure.data
    assert list(zip(frontier.x, frontier.y, strict=True)) == [(0.0, 0.2), (2.0, 0.1)], (
        "not the bound, not who is beaten"
    )
    assert {point.name: (*point.x, *point.y) for point in points}[oracle] == (0.5, 0.0)
    assert {button.label.split(" ")[0] for button in figure.layout.updatemenus[0].buttons} >= {"samples"}


def test_who_learns_from_other_rows_than_clicks_has_no_cost_by_clicks():
    _, summary = make_run()
    summary = copy.deepcopy(summary)
    first = summary["ranking"]["cvr"]["methods"][0]
    summary["costs"][first] |= {"duplication_factor": None, "samples_learned": 7, "steps": 9}
    figure = pareto_figure(summary, "cvr")
    views = {button.label: button.args[0] for button in figure.layout.updatemenus[0].buttons}
    place = [trace.name for trace in figure.data].index(first)
    assert views["samples a click"]["x"][place] == views["samples a click"]["y"][place] == []
    assert len(views["steps of training"]["x"][place]) == 1


def test_one_method_is_no_choice():
    results, summary = make_run()
    assert paired_figure(summary, results.metrics, "rfr") is None
    assert pareto_figure({**summary, "costs": {}}, "cvr") is None
