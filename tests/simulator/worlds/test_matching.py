from __future__ import annotations

import numpy as np
import pytest

from simulator.log.schema import Kind
from simulator.units import DAY, HOUR, parse_duration
from simulator.worlds import levels
from simulator.worlds.settings import WorldSettings
from tests.matching import cascade, taobao_mobile, trace
from tests.matching.__main__ import main
from tests.matching.engine import Dial, Step, duration, fit, report, shares
from tests.matching.expected import expected
from tests.matching.moments import by_rate, live, within, world


def test_least_squares_finds_the_dials_and_lets_go_of_what_cannot_be():
    def moments(tables):
        a, b = tables["a"], tables["b"]
        return np.array([a + b, a * b, a - 3 * b, 7.0])

    step = Step(
        "toy",
        (Dial("a", 1.0, 0.1, 10.0, log=True), Dial("b", 0.5, -2.0, 4.0)),
        lambda v: {"a": v["a"], "b": v["b"]},
        moments,
        ["sum", "product", "difference", "impossible"],
        np.array([4.0, 3.75, -6.0, 0.0]),
        np.array([0.1, 0.1, 0.1, 0.1]),
    )
    found = fit(step, tries=40)
    assert found.values == pytest.approx({"a": 1.5, "b": 2.5}, abs=0.2)
    assert found.within() == np.sum(np.abs(found.after - step.targets) <= step.tolerances)
    text = report(found)
    assert text.count("outside") >= 1
    assert "impossible" in text


def test_shares_and_durations_are_what_settings_take():
    for odds in ((0.3, -2.0), (1.0, 1.0, 4.0)):
        assert sum(shares(*odds)) == pytest.approx(1, abs=1e-12)
    assert parse_duration(duration(0.125)) == HOUR // 8
    assert parse_duration(duration(26.1)) == pytest.approx(26.1 * HOUR)


def test_means_by_rate_against_a_plain_loop():
    rng = np.random.default_rng(3)
    who, happened = rng.integers(40, size=600), rng.random(600) < 0.4
    value, edges = rng.random(600), (0.0, 0.3, 0.5, 1.01)
    found = by_rate(who, happened, value, edges)
    parts = [[], [], []]
    for one in range(40):
        rate = happened[who == one].mean()
        parts[next(i for i in range(3) if edges[i] <= rate < edges[i + 1])] += list(
            value[(who == one) & happened]
        )
    assert found == pytest.approx([np.mean(part) for part in parts])
    assert within(np.array([1.0, np.inf, 3.0]), [0.5, 1.0, 9.0]).tolist() == [0, 0.5, 1]


def test_what_was_lived_is_what_the_events_say():
    one = world("trace", 3, {"days": 2, "clicks_per_day": 500, "users": 200, "items": 100})
    log, days = live(one), list(one.days(truth=False))
    assert not days[0].truth
    pays = [(d.day, int(r), int(t), float(a)) for d in days for r, t, k, a in zip(
        d.events.row, d.events.time, d.events.kind, d.events.amount, strict=True) if k == Kind.PAY]  # fmt: skip
    assert log.pays.sum() == len(pays)
    assert log.gmv.sum() == pytest.approx(sum(p[3] for p in pays))
    assert len(log.later_click) == len(pays) - log.paid.sum()
    second = len(days[0].time)
    for row in np.flatnonzero(log.paid)[::20]:
        day, own = (0, row) if row < second else (1, row - second)
        times = sorted(t for d, r, t, _ in pays if (d, r) == (day, own))
        assert log.first_pay[row] == pytest.approx((times[0] - days[day].time[own]) / HOUR)
        later = sorted(log.later_wait[log.later_click == row])
        assert later == pytest.approx([(t - days[day].time[own]) / HOUR for t in times[1:]])


def test_expected_counts_are_those_of_the_events():
    tables = {"days": 9, "clicks_per_day": 20_000, "cvr": 0.15, "cart": {"rate": 0.2, "rhythm": 0.5}}
    one = world(
        "blend", 4, tables | {"repurchase": {"first": 0.0}, "promotion": [{"name": "s", "start": "5d"}]}
    )
    counts, days = expected(one), list(one.days(truth=False))
    for name, kind in (("pays", Kind.PAY), ("carts", Kind.CART)):
        time = np.concatenate([d.events.time[d.events.kind == kind] for d in days])
        seen = np.bincount(time // HOUR, minlength=24 * 9)[: 24 * 9]
        mean = getattr(counts, name)
        z = (seen - mean) / np.sqrt(mean)
        assert np.abs(z).max() < 4.5
        assert (z**2).mean() == pytest.approx(1, abs=0.3)
    old = sum(((d.events.time // DAY == 5) & (d.events.kind == Kind.PAY)).sum() for d in days[:5])
    assert old == pytest.approx(counts.daily("old")[5], rel=0.05)


@pytest.mark.parametrize("module", [cascade, trace, taobao_mobile])
def test_steps_write_tables_that_worlds_take(module):
    for step in module.steps(1):
        assert len(step.names) == len(step.targets) == len(step.tolerances)
        tables = step.tables({dial.name: dial.start for dial in step.dials})
        WorldSettings.model_validate({"preset": module.PRESET, "days": 25, **tables})
        assert all(dial.low <= dial.start <= dial.high for dial in step.dials)


def test_the_command_prints_moments_and_constants(capsys, monkeypatch):
    monkeypatch.setattr(levels, "SAMPLE", 2_000)
    main(["taobao-mobile", "--step", "clicks by hour"])
    text = capsys.readouterr().out
    assert "opening_scale" in text
    assert "## clicks by hour of the day" in text
    assert "## the sale" not in text


def test_the_command_knows_its_presets(capsys):
    with pytest.raises(SystemExit):
        main(["cascad"])
    assert "cascade" in capsys.readouterr().err
