"""With the true probabilities in the place of estimates, the consistent methods are calibrated; uncorrected ones are not.

A generated world of 300,000 clicks is replayed until every label is final. What each method is fed trains a model
of two numbers a head: a shift and a slope of the true logit. The truth is in reach of that model, so that what it
settles at shows the method's own bias, and nothing of optimisers or features.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.optimize import root

from learners.batch import Batch
from learners.history import History
from simulator.engine import Engine
from simulator.log.reader import Log
from simulator.samples import Samples
from simulator.units import DAY, MINUTE
from simulator.windows import Windows
from simulator.worlds.generate import generate
from simulator.worlds.settings import WorldSettings

WINDOWS = Windows(DAY, DAY)
OBSERVATION = 15 * MINUTE
METHODS = ("waiting-window", "vanilla", "fnc", "fnw", "es-dfm", "defer", "defuse", "bi-defuse", "ddfm")


def logit(p):
    return np.log(p) - np.log1p(-p)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The log, its truth by row, and per policy everything that is delivered."""
    path = tmp_path_factory.mktemp("world") / "log"
    settings = WorldSettings.model_validate({"days": 6, "clicks_per_day": 50_000})
    generate(settings, WINDOWS, OBSERVATION, 11, path)
    log = Log.open(path)
    parts = [truth for _, truth in log.truth()]
    truth = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    paid = np.concatenate([labels.converted for _, labels in log.labelled(WINDOWS, 0, 6 * DAY)])
    return SimpleNamespace(log=log, truth=truth, paid=paid)


@pytest.fixture(scope="module")
def delivered(world, resolved_once):
    policies = {name: method.policy for name, method in resolved_once.items()}
    engine = Engine(world.log, WINDOWS, policies, start=0)
    parts = {name: [] for name in policies}
    for day in range(1, 9):
        for name, samples in engine.advance(day * DAY + 1).samples.items():
            parts[name].append(samples)
    return {name: Samples.concatenate(p) for name, p in parts.items()}


@pytest.fixture(scope="module")
def resolved_once():
    from learners.catalog import resolve_all
    from simulator.scenario.model import MethodBlock, Scenario

    aided = {"es-dfm", "defer", "defuse", "ddfm"}
    blocks = [MethodBlock(method=m, auxiliary="oracle" if m in aided else None) for m in METHODS]
    windows = {"attribution": "1d", "refund": "1d", "observation": "15m"}
    found = resolve_all(Scenario(world={}, windows=windows, method=blocks))
    return {method.name: method for method in found}


def served(method, samples, world):
    """Train the small model on all samples, and return the mean that it serves."""
    truth = world.truth
    scores = {
        # FNC learns p / (1 + p), whose logit is log p.
        "cvr": np.log(truth["p_pay"]) if method.link.kind == "odds" else logit(truth["p_pay"]),
        "in_window": logit(truth["p_pay_observed"]),
        "out_window": logit(truth["p_pay"] - truth["p_pay_observed"]),
    }
    estimates = {}
    if method.auxiliary is not None:
        materials = SimpleNamespace(history=History(world.log, WINDOWS, 0, DAY))
        estimator = method.auxiliary.prepare(materials)
        cuts = np.array_split(np.arange(len(samples)), 40)
        parts = [estimator.of_samples(samples[cut]) for cut in cuts]
        estimates = {
            name: torch.from_numpy(np.concatenate([part[name] for part in parts])) for name in parts[0]
        }
    batch = Batch(samples, estimates, torch.float64)
    heads = method.objective.heads
    columns = {head: torch.from_numpy(scores[head][samples.row]) for head in heads}

    def slope(numbers):
        leaf = torch.tensor(numbers, requires_grad=True)
        outputs = {h: leaf[2 * k] + leaf[2 * k + 1] * columns[h] for k, h in enumerate(heads)}
        method.objective.loss(batch, outputs).backward()
        return leaf.grad.numpy()

    start = np.tile([0.0, 1.0], len(heads))
    found = root(slope, start, method="hybr", options={"xtol": 1e-6})
    assert np.abs(found.fun).max() < 1e-6
    outputs = {h: found.x[2 * k] + found.x[2 * k + 1] * scores[h] for k, h in enumerate(heads)}
    return method.link.serve(outputs)["cvr"]


@pytest.mark.parametrize("name", METHODS)
def test_with_the_truth_the_consistent_methods_are_calibrated(name, world, delivered, resolved_once):
    p = served(resolved_once[name], delivered[name], world)
    pcoc = p.mean() / world.paid.mean()
    if name in ("waiting-window", "vanilla"):
        share = (world.truth["p_pay"] - world.truth["p_pay_observed"]).mean() / world.truth["p_pay"].mean()
        assert pcoc < (1 - 0.9 * share if name == "waiting-window" else 0.98)
    else:
        assert pcoc == pytest.approx(1, abs=0.02)
        assert np.abs(p - world.truth["p_pay"]).mean() < 0.05 * world.paid.mean()
