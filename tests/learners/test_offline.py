"""The offline protocol: epochs on final labels, the best one kept, the stream judged once and never learnt from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional

from learners.build import build_learner
from learners.catalog import resolve_all
from learners.epochs import Trial, train
from learners.finals import Finals
from learners.history import History, batches
from learners.model import Model
from learners.session import run as session
from learners.session.auditing import OFFLINE, audit_scenario
from learners.session.lint import check_methods, lint_methods
from simulator.data import open_data
from simulator.errors import RunError, ScenarioError
from simulator.log.memory import random_log
from simulator.log.schema import EventBatch, Kind
from simulator.randomness import generator, torch_seed
from simulator.scenario.lint import lint
from simulator.scenario.load import load_scenario
from simulator.scenario.offline import OfflineBlock
from simulator.scenario.timeline import Extent, timeline
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.learners.ask import asked
from tests.learners.conftest import SMALL
from tests.simulator.log.logs import write

FAST = SMALL.model_copy(update={"batch_size": 128})


def trial_of(ground, block=FAST, targets=("converted",), **offline) -> Trial:
    finals = Finals(History(ground.log, ground.windows, *ground.history), targets)
    return Trial(finals, OfflineBlock(**offline), block, ground.seed)


def built(method, trial, ground):
    return build_learner(
        method.on_finals(),
        **ground.arguments(learner=trial.block),
        made=lambda network, heads: trial.model(network, heads, method.start),
    )


def auc_of(learner, ground, rows):
    return roc_auc_score(ground.log.converted[rows], learner.predict(asked(ground.log.ids[rows]))["cvr"])


def test_it_is_the_loop_that_anybody_would_write(one, ground):
    trial = trial_of(ground, epochs=3, validation=0.2, patience=5)
    method = one.method("es-dfm")
    learner = built(method, trial, ground)
    epochs = train(learner, trial)

    held = trial.held_out()(np.arange(12_000))
    known = ground.log.time < 8 * DAY
    paid, count = ground.log.converted[known].sum(), known.sum()
    seed = torch_seed(5, "learners", "offline", "weights")
    model = Model(method.network.completed(FAST), ("cvr",), ground.log.features, FAST, seed)
    model.set_biases({"cvr": float(np.log((paid + 0.5) / (count - paid + 0.5)))})
    rng = generator(5, "learners", "offline", "shuffle")
    reached, kept = [], []
    for _ in range(3):
        rows = trial.finals.samples(lambda rows: ~held[rows])
        for batch in batches(rows, 128, rng):
            label = torch.from_numpy(ground.log.converted[batch.row]).float()
            model.step(
                ground.log.ids[batch.row],
                lambda out, label=label: functional.binary_cross_entropy_with_logits(out["cvr"], label),
            )
        logit = model.outputs(ground.log.ids)["cvr"]
        reached.append(roc_auc_score(ground.log.converted[held & known], logit[held & known]))
        kept.append(1 / (1 + np.exp(-logit)))
    np.testing.assert_allclose([epoch.value for epoch in epochs], reached, atol=1e-4)
    best = int(np.argmax([epoch.value for epoch in epochs]))
    np.testing.assert_allclose(learner.predict(asked(ground.log.ids))["cvr"], kept[best], atol=1e-5)
    assert epochs[best].samples == np.count_nonzero(known & ~held)


def test_nothing_is_learnt_of_what_is_held_out(one, ground):
    trial = trial_of(ground, epochs=1, validation=0.3)
    method, held = one.method("oracle", learner={"head_start": "random"}), trial.held_out()(np.arange(12_000))
    assert np.count_nonzero(held) == pytest.approx(3_600, abs=200)
    trial = replace(trial, block=FAST.model_copy(update={"head_start": "random"}))
    first = built(method, trial, ground)
    train(first, trial)
    ground.log.converted[held] ^= True
    second = built(method, trial, ground)
    train(second, trial)
    one_, two = (learner.predict(asked(ground.log.ids))["cvr"] for learner in (first, second))
    np.testing.assert_array_equal(one_, two)
    ground.log.converted[np.flatnonzero(~held)[:50]] ^= True
    third = built(method, trial, ground)
    train(third, trial)
    assert not np.array_equal(one_, third.predict(asked(ground.log.ids))["cvr"])


def test_the_last_rows_may_be_held_out(ground):
    held = trial_of(ground, validation=0.25, held_out="last").held_out()
    known = np.flatnonzero(ground.log.time < 8 * DAY)
    np.testing.assert_array_equal(np.flatnonzero(held(known)), known[-len(known) // 4 :])


def test_it_stops_when_nothing_gets_better_and_keeps_the_best(one, ground):
    """At a rate like this the model knows its training rows by heart long before the last epoch."""
    block = FAST.model_copy(update={"embedding_learning_rate": 0.5, "learning_rate": 5e-3})
    trial = trial_of(ground, block, epochs=40, patience=2, validation=0.3)
    learner = built(one.method("oracle"), trial, ground)
    epochs = train(learner, trial)
    values = [epoch.value for epoch in epochs]
    assert len(epochs) == int(np.argmax(values)) + 1 + 2 < 40
    assert [epoch.best for epoch in epochs][-2:] == [False, False]
    held = np.flatnonzero(trial.held_out()(np.arange(12_000)) & (ground.log.time < 8 * DAY))
    assert auc_of(learner, ground, held) == pytest.approx(max(values), abs=1e-9)
    assert values[-1] < max(values), "the last epoch's model is another one"


def test_without_validation_the_last_epoch_is_kept(one, ground):
    short, long = (trial_of(ground, epochs=n, validation=0.0) for n in (1, 3))
    served = []
    for trial in (short, long):
        learner = built(one.method("oracle"), trial, ground)
        epochs = train(learner, trial)
        assert [epoch.best for epoch in epochs] == [True] * trial.offline.epochs
        assert np.isnan([epoch.value for epoch in epochs]).all()
        assert epochs[0].samples == np.count_nonzero(ground.log.time < 8 * DAY)
        served.append(learner.predict(asked(ground.log.ids))["cvr"])
    assert not np.array_equal(*served)


def test_rates_decay_at_every_epoch_better_or_not(one, ground):
    block = FAST.model_copy(update={"learning_rate_decay": 0.5, "embedding_learning_rate": 0.8})
    trial = trial_of(ground, block, epochs=4, patience=4)
    learner = built(one.method("oracle"), trial, ground)
    begun = learner.state_dict()["rates"]
    epochs = train(learner, trial)
    assert {epoch.best for epoch in epochs} == {True, False}
    np.testing.assert_allclose(learner.state_dict()["rates"], np.multiply(begun, 0.5**4))


@pytest.mark.parametrize(
    ("left_over", "sizes"), [("drop", {100}), ("step", {100, 53}), ("spread", {100, 53})]
)
def test_what_is_left_over(ground, left_over, sizes):
    ground = replace(ground, history=(0, int(ground.log.time[753])))
    block = FAST.model_copy(update={"batch_size": 100, "left_over": left_over})
    trial = trial_of(ground, block, validation=0.0, shuffle=False)
    drawn = list(trial.samples(lambda rows: rows >= 0, np.random.default_rng(0)))
    assert {len(batch) for batch in drawn} == sizes
    order = np.concatenate([batch.row for batch in drawn])
    np.testing.assert_array_equal(order, np.arange(len(order)))


def test_amounts_too(one, ground):
    trial = trial_of(ground, FAST.model_copy(update={"batch_size": 32}), ("gmv",), epochs=8)
    learner = built(one.method("online-single"), trial, ground)
    epochs = train(learner, trial)
    assert epochs[0].samples < 0.5 * 12_000
    served = np.log1p(learner.predict(asked(ground.log.ids))["gmv"])
    assert np.corrcoef(served, ground.log.mean_log_gmv)[0, 1] > 0.5


def test_one_class_only_is_said(one, ground):
    ground.log.converted[:] = False
    trial = trial_of(ground)
    with pytest.raises(
        RunError, match=r"stream.offline.metric = 'auc' of cvr is undefined on the validation share"
    ):
        train(built(one.method("oracle"), trial, ground), trial)


def test_too_few_rows_for_a_batch_are_said(one, ground):
    trial = trial_of(ground, FAST.model_copy(update={"batch_size": 20_000, "left_over": "drop"}))
    with pytest.raises(RunError, match=r"no click of the history is left to train on.*batch_size \(20000\)"):
        train(built(one.method("oracle"), trial, ground), trial)


# Whole runs

SCENARIO = """
[data]
path = "log"
[windows]
attribution = "12h"
refund = "12h"
observation = "1h"
[stream]
protocol = "offline"
history = "12d"
gap = "1d"
[stream.offline]
epochs = 3
[learner]
embedding_dim = 4
hidden = [8]
batch_size = 64
[[method]]
method = "es-dfm"
[[method]]
method = "oracle"
task = "netcvr"
[[method]]
method = "online-net"
"""
WINDOWS = Windows(12 * HOUR, 12 * HOUR)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("offline")
    (folder / "offline.toml").write_text(SCENARIO, encoding="utf-8")
    log = random_log(np.random.default_rng(3), 4_000, WINDOWS, days=20)
    write(folder / "log", log)
    rows = np.flatnonzero(log.click_time >= 14 * DAY)[::3]
    pays = EventBatch(
        rows, np.arange(len(rows)) + 10**6, log.click_time[rows] + HOUR, np.full(len(rows), Kind.PAY, np.uint8),
        np.full(len(rows), 9.0),
    )  # fmt: skip
    events = EventBatch.concatenate([log.event, pays]).in_order()
    write(folder / "flipped", replace(log, event=events))
    return folder


def ran(folder: Path, *overrides: str) -> Path:
    loaded = load_scenario(folder / "offline.toml", [f"output.cache={folder / 'cache'}", *overrides])
    return session.run(
        loaded, run_dir_base=folder / "runs", dump_samples=False, progress="none", replace=True
    )


@pytest.fixture(scope="module")
def run(folder):
    return ran(folder)


def test_a_run_says_what_its_epochs_reached(run):
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    training = summary["training"]["es-dfm"]
    assert (training["task"], training["metric"], len(training["epochs"])) == ("cvr", "auc", 3)
    best = training["epochs"][training["best"] - 1]
    assert best["value"] == max(epoch["value"] for epoch in training["epochs"])
    assert summary["training"]["online-net"]["task"] == "netgmv"
    assert summary["costs"] == {}
    assert summary["rows"]["cvr"]["cells"] == 1, "the stream is judged as one"
    assert summary["log"]["immature"] == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "What is judged is the model of the best epoch" in page
    predictions = pq.read_table(run / "predictions.parquet")
    assert predictions.num_rows == summary["rows"]["cvr"]["rows"] > 500
    auc = roc_auc_score(predictions["converted"], predictions["es-dfm.cvr"])
    assert summary["methods"]["es-dfm"]["cvr"]["auc"] == pytest.approx(auc, abs=1e-9)


def test_a_label_of_the_stream_changes_no_prediction(folder, run):
    flipped = ran(folder, f"data.path={folder / 'flipped'}")
    one, two = (pq.read_table(path / "predictions.parquet") for path in (run, flipped))
    assert not one["converted"].equals(two["converted"])
    for method in ("es-dfm.cvr", "oracle.netcvr", "online-net.netgmv"):
        assert one[method].equals(two[method]), method


def test_the_same_again_whatever_the_workers_and_cells(folder, run):
    again = ran(folder, "engine.workers=1", "stream.offline.cell=1d")
    one, two = (pq.read_table(path / "predictions.parquet") for path in (run, again))
    assert one["es-dfm.cvr"].equals(two["es-dfm.cvr"])
    summary = json.loads((again / "summary.json").read_text(encoding="utf-8"))
    assert summary["rows"]["cvr"]["cells"] > 3


def test_audit_says_that_there_is_nothing_to_audit(folder):
    report = audit_scenario(load_scenario(folder / "offline.toml"), open_data)
    assert (report.note, report.cuts, report.leaks) == (OFFLINE, [], [])


def test_an_interrupted_run_is_made_anew(folder):
    partial = folder / "runs" / "offline" / "0a1b2c3d-s0.partial"
    partial.mkdir(parents=True, exist_ok=True)
    with pytest.raises(RunError, match=r'stream.protocol = "offline" keeps none: run its scenario again'):
        session.resume(partial, "none")


def test_policies_play_no_part_and_validate_says_so(folder):
    overrides = ["stream.segment=1h", "engine.capacity=5"]
    scenario = load_scenario(folder / "offline.toml", overrides).scenario
    (said,) = (warning for warning in lint(scenario) if "offline" in warning)
    assert "delay policies" in said
    assert said.endswith("Not read: stream.segment, engine.capacity.")
    twins = SCENARIO.replace('method = "online-net"', 'method = "fnw"')
    (folder / "twins.toml").write_text(twins, encoding="utf-8")
    scenario = load_scenario(folder / "twins.toml").scenario
    methods = resolve_all(scenario)
    assert [method.policy.kind for method in methods] == ["never"] * 3
    (alike,) = lint_methods(methods, scenario)
    assert alike.startswith("methods es-dfm, fnw are the same on final labels")


def test_an_unknown_metric_is_refused(folder):
    with pytest.raises(ScenarioError, match=r"stream.offline.metric: .*'auk'.*Did you mean 'auc'"):
        load_scenario(folder / "offline.toml", ["stream.offline.metric=auk"], check=check_methods)
    with pytest.raises(ScenarioError, match=r"stream.offline.metric: 'gauc' is a figure inside users"):
        load_scenario(folder / "offline.toml", ["stream.offline.metric=gauc"], check=check_methods)


def test_a_stream_without_history_is_refused(folder):
    scenario = load_scenario(folder / "offline.toml", ["stream.history=0s"]).scenario
    with pytest.raises(
        ScenarioError, match=r'stream.history = "0s": protocol = "offline" trains on the history'
    ):
        timeline(scenario, Extent(0, 20 * DAY))


def test_the_stream_ends_where_labels_are_no_longer_final(folder):
    scenario = load_scenario(folder / "offline.toml").scenario
    line = timeline(scenario, Extent(0, 20 * DAY + 7))
    assert (line.stream_start, line.stream_end) == (13 * DAY, 19 * DAY + 8)
    assert line.segment == line.stream_end - line.stream_start
