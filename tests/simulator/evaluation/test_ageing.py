"""New entities by age: what is computed in columns is what a loop over clicks finds."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulator.evaluation.ageing import Ageing, ageing
from simulator.report.ageing import ageing_section
from simulator.units import DAY


def slowly(rows, entity, first, asked, served, *, task):
    """The same, click by click. ``rows`` are those that are judged."""
    seen = set(entity[:first])
    lives = {}
    for row, who in zip(rows, entity[first:], strict=True):
        if who not in seen:
            lives.setdefault(who, []).append(row)
    end = rows[-1]["time"] + 1
    times, costs = [], []
    for own in lives.values():
        born, days = own[0]["time"], {}
        observed = (end - born) // DAY
        kept = [row for row in own if task == "cvr" or row["converted"]]
        positives = sum(row["converted"] for row in kept)
        if positives < asked.positives or observed < asked.days:
            continue
        for row in kept:
            wanted = row["gmv"] if task == "gmv" else row["converted"]
            if "p_pay" in row:
                wanted = row["p_pay"] if task == "cvr" else row["expected_gmv"] / row["p_pay"]
            sums = days.setdefault((row["time"] - born) // DAY, [0.0, 0.0])
            sums[0] += row[served]
            sums[1] += wanted
        when = np.inf
        for day in range(int(observed) - asked.days, -1, -1):
            up, down = (sum(days.get(d, (0, 0))[i] for d in range(day, day + asked.days)) for i in (0, 1))
            if down > 0 and abs(up / down - 1) <= asked.within:
                when = day
        value = 1.0 if task == "gmv" else sum(row["gmv"] for row in kept) / positives
        costs.append(sum(abs(up - down) for day, (up, down) in days.items() if day < when) * value)
        times.append(when)
    return times, costs


def made(tmp_path, seed, *, truth=True, n=3000):
    random = np.random.default_rng(seed)
    time = np.sort(random.integers(0, 9 * DAY, n))
    entity = random.integers(0, 60, n) + (time // DAY) * 15  # they come and go
    first = int(np.searchsorted(time, 3 * DAY))
    p = random.uniform(0.1, 0.6, n)
    converted = random.random(n) < p
    gmv = np.where(converted, random.gamma(4.0, 10.0, n), 0.0)
    born = {who: time[row] for row, who in reversed(list(enumerate(entity)))}
    age = np.array([(t - born[who]) / DAY for t, who in zip(time, entity, strict=True)])
    columns = {
        "time": time, "converted": converted, "refunded": np.zeros(n, bool), "gmv": gmv,
        "slow.cvr": p * np.exp(-np.exp(-age)), "quick.cvr": p * np.exp(random.normal(0, 0.3, n)),
        "quick.gmv": 40 * np.exp(random.normal(0, 0.3, n)),
    }  # fmt: skip
    if truth:
        columns |= {"p_pay": p, "p_refund": np.zeros(n), "expected_gmv": 40 * p}
    table = pa.table({name: values[first:] for name, values in columns.items()})
    path = tmp_path / "predictions.parquet"
    pq.write_table(table, path)
    return path, table.to_pylist(), entity, first


METHODS = {"slow": ("cvr",), "quick": ("cvr", "gmv", "other")}


@pytest.mark.parametrize("truth", [True, False])
@pytest.mark.parametrize("asked", [Ageing(), Ageing(0.1, 1, 3), Ageing(0.4, 3, 12)])
def test_it_is_what_a_loop_finds(tmp_path, asked, truth):
    path, rows, entity, first = made(tmp_path, 3, truth=truth)
    found = ageing(path, METHODS, entity, first, asked)
    assert set(found) == {"cvr", "gmv"}
    for task, methods in (("cvr", ("slow", "quick")), ("gmv", ("quick",))):
        assert set(found[task]["methods"]) == set(methods)
        for method in methods:
            one = found[task]["methods"][method]
            times, costs = slowly(rows, entity, first, asked, f"{method}.{task}", task=task)
            assert found[task]["entities"] == len(times) > 3
            assert one["never"] == pytest.approx(np.isinf(times).mean())
            assert one["money"] == pytest.approx(np.mean(costs))
            median = np.median(times)
            assert one["median"] == (None if np.isinf(median) else median)
            assert one["calibrated"] == pytest.approx(
                [np.mean(np.array(times) <= d) for d in range(len(one["calibrated"]))]
            )


def test_who_learns_late_is_calibrated_late(tmp_path):
    path, _, entity, first = made(tmp_path, 4)
    found = ageing(path, METHODS, entity, first, Ageing(0.2, 1))["cvr"]
    slow, quick = found["methods"]["slow"], found["methods"]["quick"]
    assert quick["calibrated"][0] > slow["calibrated"][0]
    assert slow["money"] > quick["money"]
    section = ageing_section("item_id", {"cvr": found}, Ageing(0.2, 1))
    assert section.tables[0].title.startswith(
        f"CVR: {found['entities']} new by item_id, {found['young']} more too young"
    )
    assert section.tables[0].rows["slow"][1][0].text == f"{100 * slow['never']:.1f}%"
    assert section.panels[0].series["slow"] == (list(range(len(slow["calibrated"]))), slow["calibrated"])


def test_nobody_new_says_nothing(tmp_path):
    path, _, entity, first = made(tmp_path, 5)
    found = ageing(path, METHODS, np.zeros_like(entity), first, Ageing())
    assert found["cvr"]["entities"] == 0
    assert found["cvr"]["methods"]["slow"] == {"median": None, "never": None, "money": None, "calibrated": []}
    section = ageing_section("item_id", found, Ageing())
    assert (section.panels, section.tables) == ([], [])
