"""The methods of the refund cascade as a whole: the table, its variants, a run, and calibration where the truth is known."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.optimize import root

from learners.batch import Batch
from learners.build import build_learner
from learners.catalog import METHODS
from learners.history import History
from learners.learner import TorchLearner
from learners.model import Model
from learners.networks import NETWORKS
from learners.objectives import OBJECTIVES
from learners.serve import LINKS
from simulator.engine import Engine
from simulator.log.reader import Log
from simulator.log.schema import Feature, Labels
from simulator.samples import Samples
from simulator.scenario.learner import LearnerBlock
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows
from simulator.worlds.generate import generate
from simulator.worlds.settings import WorldSettings
from tests.learners.ask import asked

CASCADED = sorted(name for name, entry in METHODS.items() if entry.netcvr)
WINDOWS = Windows(DAY, DAY)
OWN = ("direct", "tesla", "tesla-hybrid", "tesla-shared", "tesla-separate")


SELVES = [(name, "paper") for name in (*CASCADED, *OWN)]
SELVES += [(name, "reference") for name in CASCADED if METHODS[name].netcvr_reference]
SELVES += [(name, "reference") for name in OWN if METHODS[name].reference]


@pytest.mark.parametrize(("name", "fidelity"), SELVES)
def test_every_method_has_a_self_with_refunds(name, fidelity, resolved):
    method = resolved({"method": name, "task": "netcvr", "fidelity": fidelity})[0]
    assert "netcvr" in method.link.tasks
    assert "refunded" in method.policy.labels
    assert set(method.link.heads) <= set(method.objective.heads)
    assert {"rfr", "netcvr"} & set(method.start.heads), "the second tower is pre-trained"
    assert method.policy.kind == "never" or getattr(method.policy, "refunds", True) != "none"


def test_the_scenarios_window_is_that_of_both_observations(resolved):
    for name in ("tesla", "waiting-window", "es-dfm"):
        policy = resolved({"method": name, "task": "netcvr"}, windows={"observation": "1h"})[0].policy
        assert (policy.window, policy.refund_window) == (HOUR, HOUR)


def test_parts_of_a_cascade_can_be_replaced(resolved):
    method = resolved(
        {
            "method": "es-dfm",
            "task": "netcvr",
            "objective": {"conversion": "bce", "refund": "none"},
            "network": "hybrid",
            "serve": {"conversion": {"kind": "odds", "clip": 0.5}},
            "auxiliary": "none",
        }
    )[0]
    assert (method.objective.conversion.kind, method.objective.refund) == ("bce", None)
    assert (method.network.kind, method.link.conversion.clip) == ("hybrid", 0.5)


@pytest.mark.parametrize("name", ["tesla", "tesla-shared", "tesla-separate", "fnw", "direct"])
def test_a_learner_learns_and_resumes(name, one, ground, small, samples):
    method = one.method(
        {"method": name, "task": "netcvr", "auxiliary": "late" if name.startswith("tesla") else "none"}
    )
    ground.log.converted[:] = np.arange(len(ground.log.converted)) % 5 == 0
    arguments = ground.arguments(learner=small, history=(0, 0))  # untrained: the fake log has no refunds
    learner, other = (build_learner(method, **arguments) for _ in range(2))
    rows = samples(
        64, converted=np.tile([0.0, 1, np.nan, np.nan], 16), refunded=np.tile([np.nan, np.nan, 0, 1], 16),
        event_time=30 * HOUR, elapsed=20 * HOUR, previous_time=np.tile([-1, 15, 15, 15], 16) * HOUR,
    )  # fmt: skip
    before = learner.predict(asked(ground.log.ids[:50]))
    learner.learn(replace(rows, features=ground.log.ids[:64]))
    other.load_state_dict(learner.state_dict())
    for each in (learner, other):
        each.learn(replace(rows, features=ground.log.ids[64:128]))
        each.publish()
    after = learner.predict(asked(ground.log.ids[:50]))
    assert set(after) == set(method.link.tasks)
    for task, values in after.items():
        assert not np.array_equal(values, before[task])
        assert ((values > 0) & (values < 1)).all()
        np.testing.assert_array_equal(values, other.predict(asked(ground.log.ids[:50]))[task])


CELLS = 24


class Known:
    """Estimates for the rows of a batch, by their cell."""

    def __init__(self, estimates):
        self._estimates = estimates

    def of_samples(self, samples):
        return {name: values[samples.features[:, 0]] for name, values in self._estimates.items()}


@pytest.fixture(scope="module")
def cells():
    """Cells that differ in rates and in how late their events come, and every row they deliver, weighted by how often."""
    rng = np.random.default_rng(11)
    p, late = rng.beta(2, 18, CELLS), rng.beta(4, 2, CELLS)
    r, late_back = rng.beta(3, 9, CELLS), rng.beta(3, 3, CELLS)
    pay = [(1.0, np.nan, p * (1 - late)), (0.0, np.nan, 1 - p * (1 - late)), (1.0, np.nan, p * late)]
    back = [(np.nan, 1.0, p * r), (np.nan, 0.0, p * (1 - r * (1 - late_back)))]
    return SimpleNamespace(
        p=p,
        r=r,
        rows=[*pay, *back],
        estimates={
            "late_pay": late, "late_refund": late_back, "q_pay": p, "inw_pay": p * (1 - late),
            "tn_pay": (1 - p) / (1 - p * (1 - late)), "q_refund": r, "inw_refund": r * (1 - late_back),
            "tn_refund": (1 - r) / (1 - r * (1 - late_back)),
        },
    )  # fmt: skip


WHOLE = ("cvr", "rfr", "netcvr")


@pytest.mark.parametrize(
    ("network", "objective", "calibrated"),
    [
        ("hybrid", {}, WHOLE),
        ("separate", {"weights": "frozen"}, WHOLE),
        ("separate", {"debias_refunds": False}, ("cvr",)),
    ],
)
def test_weights_with_true_estimates_are_calibrated(network, objective, calibrated, cells, samples):
    """A network that sees every row as often as it is delivered ends calibrated, on average and cell by cell."""
    block = LearnerBlock(embedding_dim=8, hidden=(32,), learning_rate=0.01)
    model = Model(
        NETWORKS[network]().completed(block), ("cvr", "rfr"), (Feature("cell", CELLS),), block, seed=3
    )
    learner = TorchLearner(
        model,
        OBJECTIVES.parse({"kind": "tesla", "ranking": "none", **objective}, "objective"),
        LINKS["cascade"](),
        Known(cells.estimates),
    )
    ids = np.arange(CELLS, dtype=np.int32)[:, None]
    columns = [
        np.concatenate(c) for c in zip(*[np.broadcast_arrays(*row) for row in cells.rows], strict=True)
    ]
    batch = samples(len(columns[0]), converted=columns[0], refunded=columns[1], weight=columns[2])
    features = np.tile(ids, (len(cells.rows), 1))
    for _ in range(500):
        learner.learn(replace(batch, features=features))
    learner.publish()
    served = learner.predict(asked(ids))
    truth = {"cvr": cells.p, "rfr": cells.r, "netcvr": cells.p * (1 - cells.r)}
    weight = {"cvr": 1.0, "rfr": cells.p, "netcvr": 1.0}
    for task, true in truth.items():
        pcoc = (weight[task] * served[task]).sum() / (weight[task] * true).sum()
        assert (0.98 < pcoc < 1.02) == (task in calibrated), (task, pcoc)


def logit(p):
    return np.log(p) - np.log1p(-p)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A generated log of 300,000 clicks, what is true of each, and its final labels."""
    path = tmp_path_factory.mktemp("world") / "log"
    settings = WorldSettings.model_validate({"preset": "cascade", "days": 6, "clicks_per_day": 50_000})
    generate(settings, WINDOWS, 15 * MINUTE, 12, path)
    log = Log.open(path)
    parts = [truth for _, truth in log.truth()]
    labels = Labels.concatenate([labels for _, labels in log.labelled(WINDOWS, 0, 6 * DAY)])
    return SimpleNamespace(
        log=log,
        truth={name: np.concatenate([part[name] for part in parts]) for name in parts[0]},
        labels=labels,
    )


def settled_at(method, world):
    """Feed a shift and a slope of each true logit with everything that is delivered; return what they serve of every click."""
    engine = Engine(world.log, WINDOWS, {"it": method.policy}, start=0)
    samples = Samples.concatenate([engine.advance(day * DAY + 1).samples["it"] for day in range(1, 10)])
    scores = {"cvr": logit(world.truth["p_pay"]), "rfr": logit(world.truth["p_refund"])}
    estimator = method.auxiliary.prepare(SimpleNamespace(history=History(world.log, WINDOWS, 0, DAY)))
    cuts = np.array_split(np.arange(len(samples)), 40)
    parts = [estimator.of_samples(samples[cut]) for cut in cuts]
    estimates = {name: torch.from_numpy(np.concatenate([p[name] for p in parts])) for name in parts[0]}
    batch = Batch(samples, estimates, torch.float64)
    columns = {head: torch.from_numpy(score[samples.row]) for head, score in scores.items()}

    def outputs(numbers, columns):
        return {head: numbers[2 * k] + numbers[2 * k + 1] * columns[head] for k, head in enumerate(scores)}

    def slope(numbers):
        leaf = torch.tensor(numbers, requires_grad=True)
        method.objective.loss(batch, outputs(leaf, columns)).backward()
        return leaf.grad.numpy()

    found = root(slope, np.tile([0.0, 1.0], 2), options={"xtol": 1e-6})
    assert np.abs(found.fun).max() < 1e-6
    return method.link.serve(outputs(found.x, scores))


def test_with_the_truth_both_stages_are_calibrated(world, resolved):
    """TESLA's weights at both stages; the baselines' refund stage is too low and so their product too high."""
    windows = {"attribution": "1d", "refund": "1d", "observation": "15m"}
    blocks = [
        {"method": "tesla-separate"},
        {
            "method": "tesla-separate",
            "name": "frozen",
            "fidelity": "reference",
            "objective": {"ranking": "none"},
        },
        {"method": "tesla-separate", "name": "unweighted", "objective": {"debias_refunds": False}},
        {"method": "es-dfm", "task": "netcvr"},
    ]
    pcoc = {}
    paid, refunded = world.labels.converted, world.labels.refunded
    for method in resolved(*[{**block, "auxiliary": "oracle"} for block in blocks], windows=windows):
        served = settled_at(method, world)
        pcoc[method.name] = {
            "cvr": served["cvr"].mean() / paid.mean(),
            "rfr": served["rfr"][paid].mean() / refunded[paid].mean(),
            "netcvr": served["netcvr"].mean() / (paid & ~refunded).mean(),
        }
    for name in ("tesla-separate", "frozen"):
        assert all(0.98 < value < 1.02 for value in pcoc[name].values()), pcoc
    for name in ("unweighted", "es-dfm"):
        assert 0.98 < pcoc[name]["cvr"] < 1.02, pcoc
        assert pcoc[name]["rfr"] < 0.95, pcoc
        assert pcoc[name]["netcvr"] > 1.01, pcoc
    assert pcoc["es-dfm"]["rfr"] < pcoc["unweighted"]["rfr"]
