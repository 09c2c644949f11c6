"""Pre-training: shared, cached, safe against bad files; and that anything is learnt at all."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from learners.build import build_learner
from simulator.errors import RunError
from simulator.units import DAY
from tests.learners.ask import asked


@pytest.fixture
def build(one, small, ground):
    def make(name, **other):
        block = other.pop("learner", small)
        return build_learner(one.method(name), **ground.arguments(learner=block, **other))

    return make


def files(ground):
    return sorted(path.name for path in (ground.cache / "checkpoints").iterdir())


def test_methods_share_a_checkpoint(build, ground):
    build("fnw")
    reads = ground.log.reads
    one = files(ground)
    build("fnc")
    build("oracle")
    assert ground.log.reads == reads, "the history is read once"
    assert files(ground) == one
    assert len(one) == 1
    build("es-dfm")
    build("oracle-single")
    assert len(files(ground)) == 3, "the delay network and the GMV model have their own"


def test_a_start_does_not_depend_on_the_method_or_on_the_cache(build, ground, tmp_path):
    cold = build("fnw").predict(asked(ground.log.ids))["cvr"]
    warm = build("oracle").predict(asked(ground.log.ids))["cvr"]
    fresh = build("es-dfm", cache=tmp_path / "other").predict(asked(ground.log.ids))["cvr"]
    np.testing.assert_array_equal(cold, warm)
    np.testing.assert_array_equal(cold, fresh)


@pytest.mark.parametrize("change", ["seed", "history", "window", "learner", "fingerprint", "network"])
def test_whatever_it_depends_on_changes_the_checkpoint(change, build, ground, small):
    build("fnw")
    method, other = "fnw", {}
    if change == "seed":
        other["seed"] = 6
    elif change == "history":
        other["history"] = (0, 7 * DAY)
    elif change == "window":
        other["windows"] = type(ground.windows)(2 * DAY, DAY)
    elif change == "learner":
        other["learner"] = small.model_copy(update={"pretrain_batch_size": 200})
    elif change == "network":
        method = {"method": "fnw", "network": {"hidden": [8]}}
    else:
        object.__setattr__(ground.log.meta, "fingerprint", "another")
    build(method, **other)
    assert len(files(ground)) == 2


def test_stream_settings_do_not_change_the_checkpoint(build, ground, small):
    build("fnw")
    build("fnw", learner=small.model_copy(update={"batch_size": 31}))
    assert len(files(ground)) == 1


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a checkpoint", None])
def test_a_bad_checkpoint_is_made_again(damage, build, ground, caplog):
    good = build("fnw").predict(asked(ground.log.ids))["cvr"]
    (path,) = (ground.cache / "checkpoints").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    with caplog.at_level(logging.WARNING):
        again = build("fnw").predict(asked(ground.log.ids))["cvr"]
    np.testing.assert_array_equal(again, good)
    assert "made again" in caplog.text
    assert len(path.read_bytes()) == len(whole)


def test_another_models_checkpoint_is_not_taken(build, ground, caplog):
    """A file under the wrong name is noticed by the key inside."""
    build("fnw")
    (first,) = (ground.cache / "checkpoints").iterdir()
    content = first.read_bytes()
    good = build("oracle-single").predict(asked(ground.log.ids))["gmv"]
    second = next(p for p in (ground.cache / "checkpoints").iterdir() if p != first)
    second.write_bytes(content)
    np.testing.assert_array_equal(build("oracle-single").predict(asked(ground.log.ids))["gmv"], good)
    assert "made again" in caplog.text


def test_learners_built_in_threads_train_once_and_agree(build, ground, tmp_path):
    names = ["fnw", "oracle", "es-dfm", "fnc", "pre-single", "oracle-single"]
    with ThreadPoolExecutor(4) as pool:
        learners = list(pool.map(build, names))
    assert len(files(ground)) == 3
    for name, learner in zip(names, learners, strict=True):
        alone = build(name, cache=tmp_path / "alone")
        for task in learner.tasks:
            np.testing.assert_array_equal(
                learner.predict(asked(ground.log.ids))[task], alone.predict(asked(ground.log.ids))[task]
            )


def test_how_the_log_is_cut_does_not_matter(build, ground, tmp_path):
    one = build("fnw").predict(asked(ground.log.ids))["cvr"]
    ground.log.batch = 777
    two = build("fnw", cache=tmp_path / "other").predict(asked(ground.log.ids))["cvr"]
    np.testing.assert_array_equal(one, two)


def test_without_history_a_learner_starts_untrained(build, ground):
    learner = build("fnw", history=(0, 0))
    assert learner.steps == 0
    assert not (ground.cache / "checkpoints").exists()


def test_a_history_without_conversions_is_an_error(build, ground):
    ground.log.converted[:] = False
    with pytest.raises(RunError, match="no click from 0s to 8d has a target for 'gmv'"):
        build("pre-single")
    assert not (ground.cache / "checkpoints").exists()


def test_pretraining_ranks_and_is_calibrated(build, ground, fake_log):
    log = fake_log(60_000)
    learner = build("pre-trained", log=log)
    test = log.time >= 8 * DAY
    p = learner.predict(asked(log.ids[test]))["cvr"]
    bayes = roc_auc_score(log.converted[test], log.p[test])
    assert roc_auc_score(log.converted[test], p) > bayes - 0.02
    assert p.mean() / log.converted[test].mean() == pytest.approx(1, abs=0.06)


def test_learning_on_the_stream_helps(build, ground, samples):
    log = ground.log
    learner = build("oracle", history=(0, DAY))
    test = log.time >= 8 * DAY
    before = roc_auc_score(log.converted[test], learner.predict(asked(log.ids[test]))["cvr"])
    known = np.flatnonzero((log.time >= DAY) & (log.time < 8 * DAY))
    for part in np.array_split(known, len(known) // 64):
        learner.learn(samples(len(part), converted=log.converted[part], features=log.ids[part]))
    learner.publish()
    p = learner.predict(asked(log.ids[test]))["cvr"]
    assert roc_auc_score(log.converted[test], p) > before + 0.05
    assert p.mean() / log.converted[test].mean() == pytest.approx(1, abs=0.1)


def test_gmv_is_learnt_in_log_space(build, fake_log):
    log = fake_log(60_000)
    learner = build("pre-single", log=log)
    test = (log.time >= 8 * DAY) & log.converted
    predicted = np.log1p(learner.predict(asked(log.ids[test]))["gmv"])
    error = np.abs(predicted - np.log1p(log.gmv[test])).mean()
    constant = np.abs(np.log1p(log.gmv[test]) - np.median(np.log1p(log.gmv[test]))).mean()
    noise = 0.4 * np.sqrt(2 / np.pi)  # mean absolute error of the truth itself
    assert error < noise + 0.5 * (constant - noise)


def test_the_delay_network_estimates_its_probabilities(build, fake_log, one, small, ground, samples):
    log = fake_log(60_000)
    method = one.method("es-dfm", windows={"observation": "6h"})
    learner = build_learner(method, **ground.arguments(learner=small, log=log))
    estimates = learner._estimator.of_samples(samples(len(log.ids), features=log.ids))
    late = np.exp(-6 / 10)  # delays are exponential with mean 10 h, the window is 6 h
    p_dp = log.p * late
    p_rn = (1 - log.p) / (1 - log.p + p_dp)
    assert estimates["p_dp"].mean() == pytest.approx(p_dp.mean(), rel=0.06)
    assert estimates["p_rn"].mean() == pytest.approx(p_rn.mean(), rel=0.06)
    assert np.corrcoef(estimates["p_rn"], p_rn)[0, 1] > 0.9
