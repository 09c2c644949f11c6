"""Which click an action belongs to, against a slow reading of the rule, row by row."""

import numpy as np
import pytest

from simulator.log.intake.imports import import_format
from simulator.log.intake.open import Settings, make_log
from simulator.log.reader import Log
from simulator.scenario.data import DataBlock
from simulator.units import DAY
from simulator.windows import Windows

from .importing import clicks, events

SECOND, START = 1_000_000, 1_511_539_200  # 2017-11-25 00:00 in China
FOLLOWERS = {"view": ("cart", "pay"), "favourite": ("cart", "pay"), "cart": ("pay",)}
WORDS = {"view": "pv", "cart": "cart", "favourite": "fav", "pay": "buy"}
WINDOW = 40


def bucket(count):
    return 0 if count == 0 else int(np.log2(count)) + 1


def slow(rows, opens):
    """Clicks as (time, user, item, counts of what was strictly before), and events as (click, kind, time)."""
    inside = [row for row in rows if 0 <= row[0] < 9 * 86_400]
    openers = sorted((t, u, i, k) for k, (t, u, i, kind) in enumerate(inside) if kind == opens)
    kinds = ("cart", "pay") if opens == "cart" else dict.fromkeys((opens, "cart", "pay"))
    made = []
    for time, user, item, _ in openers:
        before = [row for row in inside if row[0] < time]
        counts = [sum(u == user and kind == wanted for _, u, _, kind in before) for wanted in kinds]
        counts += [sum(i == item and kind == wanted for _, _, i, kind in before) for wanted in (opens, "pay")]
        made.append((time, user, item, *map(bucket, counts)))
    found, lost = [], 0
    for time, user, item, kind in inside:
        if kind not in FOLLOWERS[opens]:
            continue
        own = [n for n, (t, u, i, _) in enumerate(openers) if (u, i) == (user, item) and t <= time]
        last = max(own, key=lambda n: (openers[n][0], openers[n][3]), default=None)
        if last is None or time - openers[last][0] > WINDOW:
            lost += 1
        else:
            found.append((last, kind, time))
    return made, found, lost, len(rows) - len(inside)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("opens", list(FOLLOWERS))
def test_against_a_slow_reading(tmp_path, opens, seed):
    random = np.random.default_rng([seed, len(opens)])
    n = int(random.integers(30, 90))
    kinds = random.choice(list(WORDS), n)
    kinds[:5] = [opens, *WORDS]  # every kind is there, in the nine days
    times = random.integers(0, 200, n)
    times[random.random(n) < 0.1] -= 300  # before the nine days
    times[:5] = 5
    rows = [
        (int(t), int(u), int(i), str(k))
        for t, u, i, k in zip(times, random.integers(0, 3, n), random.integers(0, 3, n), kinds, strict=True)
    ]
    lines = [f"{u},{i},7,{WORDS[kind]},{START + t}" for t, u, i, kind in rows]
    (tmp_path / "UserBehavior.csv").write_text("\n".join(lines) + "\n")
    meta = import_format(
        "taobao", [tmp_path / "UserBehavior.csv"], tmp_path / "log", opens=opens, attribution=WINDOW * SECOND
    )
    made, found, lost, strays = slow(rows, opens)
    log = Log.open(tmp_path / "log")
    counters = [feature.name for feature in log.features][3:]
    got = [(time // SECOND, *(values[name] for name in counters)) for time, values in clicks(log)]
    assert got == [(time, *counts) for time, _, _, *counts in made]
    assert sorted((row, kind, time // SECOND) for row, kind, time, _ in events(log)) == sorted(found)
    by_class = {
        kind: sum(p.rows for p in meta.aside if p.kind == kind) for kind in ("unattributed", "by rule")
    }
    assert by_class == {"unattributed": lost, "by rule": strays}
    assert meta.observed_until // SECOND == max(
        t for t, *_ in rows
    )  # of any kind: until then the shop was looked at


@pytest.mark.parametrize("seed", range(6))
def test_a_conversion_of_several_rows_counts_at_its_latest_click(tmp_path, seed):
    random = np.random.default_rng(seed)
    n = 60
    times, ids = np.sort(random.integers(0, 100, n)), random.integers(-1, 8, n)
    paid = {k: int(random.integers(0, 110)) for k in range(8)}
    head = "timestamp uid campaign conversion_timestamp conversion_id attribution click time_since_last_click"
    names = [*head.split(), *(f"cat{k}" for k in range(1, 10))]
    rows = [
        [int(t), k, 3, paid[int(i)] if i >= 0 else -1, int(i), 1, 1, -1, *range(9)]
        for k, (t, i) in enumerate(zip(times, ids, strict=True))
    ]
    lines = ["\t".join(map(str, row)) for row in (names, *rows)]
    (tmp_path / "a.tsv").write_text("\n".join(lines) + "\n")
    meta = import_format("criteo-attribution", [tmp_path / "a.tsv"], tmp_path / "log", most_bad=1)
    expected, early = [], 0
    for conversion in range(8):
        carriers = [k for k in range(n) if ids[k] == conversion]
        before = [k for k in carriers if times[k] <= paid[conversion]]
        if before:
            expected.append((max(before), "pay", paid[conversion]))
        elif carriers:
            early += 1
    log = Log.open(tmp_path / "log")
    assert sorted((row, kind, time // SECOND) for row, kind, time, _ in events(log)) == sorted(expected)
    assert meta.quarantined == early
    assert meta.read + sum(meta.ignored.values()) == n + meta.provenance["made"]


def test_two_flags_of_one_kind_are_one_action(tmp_path):
    """A row that is liked and followed is one favourite; one that is only hated is left out, and counted."""
    lines = ["user_id,item_id,time,is_like,is_follow,is_hate,is_click"]
    lines += ["1,5,1649350800,1,1,0,1", "1,6,1649350801,0,1,0,0", "1,7,1649350802,0,0,1,0"]
    (tmp_path / "log.csv").write_text("\n".join(lines) + "\n")
    flags = {"is_like": "favourite", "is_follow": "favourite", "is_hate": "ignore", "is_click": "pay"}
    data = {"touches": str(tmp_path / "log.csv"), "opens": "favourite", "columns": {"flags": flags}}
    settings = Settings(Windows(DAY, DAY), 0, DAY, None)
    meta = make_log(DataBlock.model_validate(data), settings, tmp_path / "made")
    assert (meta.clicks, meta.events, meta.ignored) == (2, 1, {"rows without a flag": 1})
    assert meta.read + 1 == meta.provenance["source_rows"] + meta.provenance["made"]
