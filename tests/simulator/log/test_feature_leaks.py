"""Columns taken over from a log of one row a click: the audit fails on them, run and describe name them."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.log.schema import Feature
from simulator.log.writer import LogWriter
from simulator.units import DAY, HOUR
from tests.commands import run_directory, sim_here, summary_of
from tests.simulator.log.logs import ORIGIN
from tests.simulator.log.test_feature_checks import labels_of, shop

SCENARIO = """
name = "leak"
[data]
path = "{log}"
[windows]
attribution = "2d"
refund = "2d"
observation = "1h"
[stream]
history = "3d"
gap = "2d"
segment = "6h"
[learner]
embedding_dim = 4
hidden = [8]
[output]
dir = "{out}"
cache = "{out}/cache"
report = false
[[method]]
method = "oracle"
[[method]]
method = "fnw"
"""


@pytest.fixture(params=["conversion", None])
def scenario(request, tmp_path):
    """A log with a column of labels, or without."""
    log, n = shop(), 3000
    labels = labels_of(log)
    rng = np.random.default_rng(3)
    tags = rng.integers(-1, 5, (n, 1)).repeat(2, axis=1)
    matrix = np.column_stack([rng.integers(0, 7, n), tags, labels.converted])
    features = (Feature("cat", 7), Feature("tags", 5, 2, "tags"), Feature("conversion", 2))
    keep = slice(None) if request.param else slice(0, 3)
    with LogWriter(
        tmp_path / "log", name="leak", origin=ORIGIN, features=features if request.param else features[:2]
    ) as writer:
        ids = np.arange(n) % 50
        writer.clicks(
            time=log.click_time, user_id=ids, item_id=ids, features=matrix[:, keep].astype(np.int32)
        )
        event = log.event
        writer.events(row=event.row, time=event.time, kind=event.kind, amount=event.amount)
        writer.close(int(max(event.time[-1], 10 * DAY + HOUR)))
    path = tmp_path / "leak.toml"
    path.write_text(SCENARIO.format(log=tmp_path / "log", out=tmp_path / "runs"))
    return path, request.param


def test_labels_among_the_features_are_named(scenario, tmp_path):
    path, leaking = scenario
    sentence = "feature 'conversion' is a function of what events say later"
    audited = sim_here("audit", path, code=3 if leaking else 0)
    described = sim_here("describe", path)
    ran = sim_here(path, "--progress", "none")
    doubts = summary_of(run_directory(tmp_path / "runs"))["feature_doubts"]
    assert [(doubt["feature"], doubt["kind"]) for doubt in doubts] == (
        [("conversion", "function of events")] if leaking else []
    )
    for text in (audited.stdout, described.stdout, ran.stderr):
        assert text.count(sentence) == bool(leaking)
