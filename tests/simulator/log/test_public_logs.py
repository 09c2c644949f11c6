"""The importers on the public files, where these lie beside the repository, against known figures."""

from pathlib import Path

import numpy as np
import pytest

from simulator.log.reader import Log
from simulator.units import DAY, HOUR
from simulator.windows import Windows

from .importing import import_log

DATA = Path(__file__).parents[3] / "../shared/data"


def source(name):
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{name} is not here")
    return path


def whole(log, windows):
    parts = [(clicks.time, labels) for clicks, labels in log.labelled(windows, features=False)]
    time = np.concatenate([time for time, _ in parts])
    return time, {
        name: np.concatenate([getattr(p, name) for _, p in parts])
        for name in ("converted", "first_pay", "refunded")
    }


def test_taobao_carts(tmp_path):
    path = source("taobao_userbehavior_buyers.csv.gz")
    meta = import_log("taobao", path, tmp_path / "log", opens="cart", attribution=9 * DAY)
    assert meta.clicks == 140_068
    assert meta.events == 25_614
    skipped = sum(meta.ignored.values())
    assert meta.read + skipped == meta.provenance["source_rows"] == 471_337
    time, labels = whole(Log.open(tmp_path / "log"), Windows(9 * DAY, DAY))
    paid = labels["converted"]
    assert 0.17 < paid.mean() < 0.2
    delay = (labels["first_pay"] - time)[paid] / HOUR
    assert np.quantile(delay, [0.1, 0.5, 0.9, 0.99]) == pytest.approx([0.2276, 19.42, 73.96, 157.9], rel=1e-3)


def test_taobao_views(tmp_path):
    path = source("taobao_userbehavior_114users.csv.gz")
    meta = import_log("taobao", path, tmp_path / "log", attribution=DAY)
    assert meta.clicks + meta.reasons["time outside the span of [data] between"] == 9046
    assert meta.read + meta.ignored["favourite"] == 10_000
    assert {feature.name for feature in meta.features} >= {
        "user",
        "item",
        "category",
        "item_views",
        "user_pays",
    }


def test_retailrocket(tmp_path):
    path = source("retailrocket_events.csv.gz")
    meta = import_log("retailrocket", path, tmp_path / "log", attribution=140 * DAY)
    assert (meta.clicks, meta.read) == (75_374, 97_381)
    log = Log.open(tmp_path / "log")
    kinds = np.concatenate([batch.kind for batch in log.events()])
    assert np.bincount(kinds, minlength=3).tolist() == [0, 7592, 6846]  # carts and pays in the right order


def test_online_retail(tmp_path):
    path = source("online_retail.csv.gz")
    meta = import_log("online-retail", path, tmp_path / "log")
    assert meta.provenance["source_rows"] == 541_909 == meta.events + meta.quarantined
    matched = (
        meta.provenance["source_rows"]
        - 397_884
        - sum(count for reason, count in meta.reasons.items() if reason != "refund above what was paid")
    )
    unmatched = meta.reasons["cancellation without an earlier purchase of that many"]
    assert matched / (matched + unmatched) == pytest.approx(0.87, abs=0.03)
    _, labels = whole(Log.open(tmp_path / "log"), Windows(90 * DAY, 90 * DAY))
    assert labels["converted"].all()
    assert 0.01 < labels["refunded"].mean() < 0.04
