"""The refund tower of NetCVR's public code: fitted over random embeddings, which the stream alone moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from learners.build import build_learner
from learners.catalog import METHODS
from simulator.errors import ScenarioError
from simulator.units import HOUR
from tests.commands import sim_here


def refund_embeddings(model):
    """The second half of each row: the first belongs to the conversion tower."""
    dim = model.table.dim
    return model.table.weight[:, -dim:].clone()


def untrained(method, ground, small):
    return build_learner(method, **ground.arguments(learner=small, history=(0, 0)))._model


@pytest.mark.parametrize(("fidelity", "moves"), [("paper", True), ("reference", False)])
def test_pretraining_of_es_dfm_moves_refund_embeddings(fidelity, moves, one, ground, small):
    method = one.method({"method": "es-dfm", "task": "netcvr", "fidelity": fidelity})
    started = build_learner(method, **ground.arguments(learner=small))._model
    first = untrained(method, ground, small)
    assert moves != np.array_equal(refund_embeddings(started), refund_embeddings(first))
    assert not np.array_equal(started.table.weight, first.table.weight), "the conversion tower's always move"


def test_the_stream_moves_them_all_the_same(one, ground, small, samples):
    method = one.method({"method": "es-dfm", "task": "netcvr", "fidelity": "reference"})
    learner = build_learner(method, **ground.arguments(learner=small))
    before = refund_embeddings(learner._model)
    rows = samples(64, refunded=np.tile([0.0, 1.0], 32), event_time=30 * HOUR, elapsed=20 * HOUR)
    learner.learn(replace(rows, features=ground.log.ids[:64]))
    assert not np.array_equal(refund_embeddings(learner._model), before)


def test_the_public_baselines_start_from_one_checkpoint(resolved, ground, small):
    # FNC's public code never trains those embeddings, ES-DFM's does from the stream on; both load the same file.
    names = ("pre-trained", "es-dfm", "fnc", "waiting-window")
    for method in resolved(*[{"method": n, "task": "netcvr", "fidelity": "reference"} for n in names]):
        build_learner(method, **ground.arguments(learner=small))
    aside = 1  # the delay network of ES-DFM
    assert len(list((ground.cache / "checkpoints").glob("*.safetensors"))) == 1 + aside


@pytest.mark.parametrize(
    "name",
    ["pre-trained", "waiting-window", "fnw", "es-dfm", "defer", "defuse", "ddfm", "dfsn", "miss"],
)
def test_all_that_start_from_it_say_so(name, one):
    reference = one.method({"method": name, "task": "netcvr", "fidelity": "reference"})
    assert reference.network.detach == "pre-training"
    assert one.method({"method": name, "task": "netcvr"}).network.detach is False


def test_validate_no_longer_says_that_es_dfm_does_as_its_paper(tmp_path):
    text = (
        '[world]\n[[method]]\nmethod = "es-dfm"\ntask = "netcvr"\nfidelity = "reference"\n'
        '[[method]]\nmethod = "fsiw"\nfidelity = "reference"\n'
    )
    (tmp_path / "s.toml").write_text(text, encoding="utf-8")
    told = " ".join(sim_here("validate", tmp_path / "s.toml", code=2).stderr.split())
    assert "'es-dfm' has no such variant" not in told
    assert "'fsiw' has no such variant, since no public code of it departs from the paper's formulas" in told


def test_detach_takes_three_values(one):
    with pytest.raises(ScenarioError, match="detach"):
        one.method({"method": "es-dfm", "task": "netcvr", "network": {"detach": "stream"}})
    assert METHODS["es-dfm"].netcvr_reference == {"network": {"detach": "pre-training"}}
