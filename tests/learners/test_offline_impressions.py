"""The offline protocol and pre-training on impressions, clicked or not."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from learners.catalog import resolve_all
from learners.epochs import Trial
from learners.finals import Finals
from learners.history import History
from learners.session import run as session
from simulator.log.reader import Log
from simulator.log.schema import Feature, Kind
from simulator.log.writer import LogWriter
from simulator.samples import Samples
from simulator.scenario.lint import lint
from simulator.scenario.load import load_scenario
from simulator.scenario.offline import OfflineBlock
from simulator.scenario.timeline import Extent, timeline
from simulator.units import DAY, HOUR, MINUTE, SECOND
from simulator.windows import Windows
from tests.learners.conftest import SMALL

WINDOWS = Windows(HOUR, HOUR, click=10 * MINUTE)
ROWS, TEST = 6_000, 2 * DAY
PARTS = """
from learners.objectives import Objective
from learners.serve import Link
from simulator.logistic import expit


class Both(Objective):
    heads, targets = ("ctr", "cvr"), ("clicked", "converted")

    def loss(self, batch, outputs):
        from torch.nn.functional import logsigmoid

        clicked, converted = batch.target("clicked"), batch.target("converted")
        log_both = logsigmoid(outputs["ctr"]) + logsigmoid(outputs["cvr"])
        both = -(converted.value * log_both + (1 - converted.value) * (-log_both.exp()).log1p())
        return clicked.cross_entropy(outputs["ctr"]) + converted.mean(both)


class Served(Link):
    heads, tasks = ("ctr", "cvr"), ("cvr", "ctr", "ctcvr")

    def serve(self, outputs):
        ctr, cvr = expit(outputs["ctr"]), expit(outputs["cvr"])
        return {"ctr": ctr, "cvr": cvr, "ctcvr": ctr * cvr}
"""
SCENARIO = """
[data]
path = "log"
[windows]
attribution = "1h"
refund = "1h"
observation = "10m"
click = "10m"
[stream]
protocol = "offline"
[stream.offline]
epochs = 4
validation = 0.2
[learner]
embedding_dim = 4
hidden = [16]
batch_size = 64
pretrain_batch_size = 64
[[method]]
method = "oracle"
name = "both"
objective = "shown_parts:Both"
serve = "shown_parts:Served"
start = "objective"
[[method]]
method = "oracle"
name = "clicks"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A log as ali-ccp is imported: a training file, then, from a midnight on, a test file; in it a slice, too."""
    folder = tmp_path_factory.mktemp("shown")
    (folder / "shown_parts.py").write_text(PARTS, encoding="utf-8")
    (folder / "offline.toml").write_text(SCENARIO, encoding="utf-8")
    rng = np.random.default_rng(4)
    features = (Feature("user", 20), Feature("item", 30))
    ids = np.stack([rng.integers(0, f.cardinality, ROWS) for f in features], axis=1).astype(np.int32)
    time = np.arange(ROWS) * 10 * SECOND
    time[ROWS * 2 // 3 :] += TEST - time[ROWS * 2 // 3]
    attraction, worth = rng.normal(0, 1.2, 20), rng.normal(0, 1.2, 30)
    clicked = rng.random(ROWS) < 1 / (1 + np.exp(1.5 - attraction[ids[:, 0]]))
    would_pay = rng.random(ROWS) < 1 / (1 + np.exp(1.0 - worth[ids[:, 1]]))
    coin = np.where(rng.random(ROWS) < 0.1, rng.integers(0, 2, ROWS), -1).astype(np.int8)
    clicked &= coin < 0
    rows = np.flatnonzero(clicked)
    at, row = np.full(ROWS, -1), np.full(ROWS, -1)
    at[rows], row[rows] = time[rows], np.arange(len(rows))
    paid = np.where(coin == 1, would_pay, -1).astype(np.int8)
    pays = np.flatnonzero(would_pay[rows])
    said = {"test_start": TEST, "train_rows": ROWS * 2 // 3}
    exposure = {"would_pay": would_pay.astype(float)} | dict.fromkeys(
        ("c", "q", "q0", "q1"), np.full(ROWS, 0.3)
    )
    with LogWriter(
        folder / "log", name="shown", origin=datetime(2026, 1, 1, tzinfo=UTC), features=features,
        exposure=tuple(exposure), provenance=said,
    ) as writer:  # fmt: skip
        writer.impressions(
            time=time, user_id=ids[:, 0], item_id=ids[:, 1], features=ids, click_row=row, click_time=at, coin=coin,
            paid=paid, exposure=exposure,
        )  # fmt: skip
        writer.clicks(time=time[rows], user_id=ids[rows, 0], item_id=ids[rows, 1], features=ids[rows])
        writer.events(
            row=pays,
            time=time[rows][pays],
            kind=np.full(len(pays), Kind.PAY, np.uint8),
            amount=np.ones(len(pays)),
        )
        writer.close(int(time[-1]) + 3 * HOUR)
    return folder


@pytest.fixture(scope="module")
def shown(folder):
    """The training part: labels by position."""
    log = Log.open(folder / "log")
    (batch, labels), *_ = log.exposed(WINDOWS, 0, TEST)
    return log, batch, labels


def finals(log, **other) -> Finals:
    return Finals(History(log, WINDOWS, 0, TEST), ("clicked", "converted"), **other)


def test_an_impression_has_one_sample_with_both_labels(shown):
    log, batch, labels = shown
    samples = Samples.concatenate(list(finals(log).samples()))
    np.testing.assert_array_equal(samples.column("impression"), batch.rows)
    np.testing.assert_array_equal(samples.column("clicked"), labels.clicked)
    np.testing.assert_array_equal(samples.converted, labels.converted)
    assert not samples.converted[~labels.clicked].any()
    np.testing.assert_array_equal(samples.row[labels.clicked], batch.click_row[labels.clicked])
    assert (samples.row[~labels.clicked] == -1).all()
    np.testing.assert_array_equal(samples.features, batch.features)
    assert set(samples.role_names) == {"final"}
    assert (samples.elapsed[~labels.clicked] == WINDOWS.click).all()


def test_heads_start_at_the_rates_of_their_own_rows(shown):
    log, _, labels = shown
    biases = finals(log).biases(("ctr", "cvr"))
    rates = {"ctr": labels.clicked.mean(), "cvr": labels.converted[labels.clicked].mean()}
    for head, rate in rates.items():
        assert 1 / (1 + np.exp(-biases[head])) == pytest.approx(rate, abs=2e-3)


def test_the_slice_alone_tells_of_conversions(shown):
    log, batch, _ = shown
    samples = Samples.concatenate(list(finals(log, which="slice").samples()))
    ordinary = ~np.isnan(samples.column("clicked"))
    assert np.isnan(samples.converted[ordinary & (samples.column("clicked") == 1)]).all()
    (slice_,) = log.impressions(0, TEST, which="slice")
    heads = slice_[slice_.coin == 1]
    np.testing.assert_array_equal(samples.column("impression")[~ordinary], heads.rows)
    np.testing.assert_array_equal(samples.converted[~ordinary], heads.paid)
    assert np.count_nonzero(ordinary) == len(batch)


def test_the_bound_knows_what_would_have_come_of_a_click(shown):
    log, batch, labels = shown
    samples = Samples.concatenate(list(finals(log, which="potential").samples()))
    ((_, truth),) = log.exposure(0, TEST)
    np.testing.assert_array_equal(samples.converted, truth["would_pay"][batch.rows])
    assert samples.converted[~labels.clicked].any()


def test_bounds_stay_bounds(folder):
    """Of a policy there is left what it hears of impressions: its reading of the truth is still told."""
    text = (folder / "offline.toml").read_text(encoding="utf-8")
    for policy in ("potential", "randomised", "oracle"):
        text += f'[[method]]\nmethod = "oracle"\nname = "{policy}"\npolicy = "{policy}"\nobjective = "shown_parts:Both"\n'
        text += 'serve = "shown_parts:Served"\nstart = "objective"\n'
    (folder / "bounds.toml").write_text(text, encoding="utf-8")
    methods = {method.name: method for method in resolve_all(load_scenario(folder / "bounds.toml").scenario)}
    heard = {name: methods[name].listens for name in ("potential", "randomised", "oracle", "clicks")}
    assert heard == {"potential": "potential", "randomised": "slice", "oracle": "impressions", "clicks": ""}
    assert [name for name, method in methods.items() if method.peeks] == ["potential"]


def test_a_log_of_two_files_is_split_between_them(folder, shown):
    log, *_ = shown
    scenario = load_scenario(folder / "offline.toml").scenario
    line = timeline(scenario, Extent.of(log.meta))
    assert (line.history_start, line.history_end, line.stream_start) == (0, TEST, TEST)
    own = load_scenario(
        folder / "offline.toml", ["stream.start=1d", "stream.history=12h", "stream.gap=1h"]
    ).scenario
    line = timeline(own, Extent.of(log.meta))
    assert (line.history_start, line.history_end, line.stream_start) == (11 * HOUR, 23 * HOUR, DAY)
    stream = load_scenario(folder / "offline.toml", ["stream.protocol=stream", "stream.history=1d"]).scenario
    assert timeline(stream, Extent.of(log.meta)).stream_start == DAY + HOUR
    assert not [
        said for said in lint(scenario, Extent.of(log.meta)) if "stream." in said and "offline" not in said
    ]


def test_a_whole_run_is_judged_on_impressions_and_stops_by_ctcvr(folder, tmp_path):
    loaded = load_scenario(folder / "offline.toml", [f"output.cache={tmp_path / 'cache'}"])
    run = session.run(loaded, run_dir_base=tmp_path, dump_samples=False, progress="none", replace=True)
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert summary["training"]["both"]["task"] == "ctcvr"
    assert summary["training"]["clicks"]["task"] == "cvr"
    log = Log.open(folder / "log")
    judged = list(log.exposed(WINDOWS, TEST, 4 * DAY))
    assert summary["rows"]["ctcvr"]["rows"] == sum(len(batch) for batch, _ in judged)
    assert summary["rows"]["cvr"]["rows"] == sum(np.count_nonzero(labels.clicked) for _, labels in judged)
    scores = summary["methods"]["both"]
    assert scores["ctr"]["auc"] > 0.65
    assert scores["ctcvr"]["auc"] > 0.65
    assert scores["cvr_unclicked"]["auc"] > 0.6
    predictions = pq.read_table(run / "predictions.parquet")
    auc = roc_auc_score(predictions["converted"], predictions["both.cvr"])
    assert scores["cvr"]["auc"] == pytest.approx(auc, abs=1e-9)
    assert summary["log"]["immature"] == 0


def test_epochs_of_a_method_that_serves_conversions_alone_are_compared_on_clicks(shown):
    log, _, labels = shown
    trial = Trial(finals(log), OfflineBlock(validation=0.3), SMALL, 0)

    class Constant:
        tasks = ("cvr",)
        asked = 0

        def predict(self, clicks, *, current):
            assert current
            self.asked += len(clicks)
            return {"cvr": np.arange(len(clicks)) / len(clicks)}

    learner = Constant()
    trial.value(learner, trial.held_out())
    held = trial.held_out()(np.arange(len(labels)))
    _, batch, labels = shown
    assert learner.asked == np.count_nonzero(trial.held_out()(batch.rows) & labels.clicked)
    assert 0 < learner.asked < np.count_nonzero(held)


def test_pre_training_by_the_own_objective_learns_from_impressions(folder, tmp_path):
    """In a stream that begins later: frozen, what is served is what the history taught."""
    overrides = ["stream.protocol=stream", "stream.history=10h", "stream.gap=1h", "stream.segment=1h"]
    overrides += ["stream.length=3h", f"output.cache={tmp_path / 'cache'}", "learner.pretrain_epochs=4"]
    loaded = load_scenario(folder / "offline.toml", overrides)
    run = session.run(loaded, run_dir_base=tmp_path, dump_samples=False, progress="none", replace=True)
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert summary["methods"]["both"]["ctr"]["auc"] > 0.6
