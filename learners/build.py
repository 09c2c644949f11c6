"""From a method of the table to a learner that is ready for the stream."""

from __future__ import annotations

from pathlib import Path

from learners.catalog import ResolvedMethod
from learners.history import History, LabelledLog
from learners.learner import Estimator, TorchLearner
from learners.model import Model
from learners.pretrain import Pretraining, heads_beyond, pretrained
from simulator.randomness import torch_seed
from simulator.scenario.model import LearnerBlock
from simulator.windows import Windows


def build_learner(
    method: ResolvedMethod,
    *,
    log: LabelledLog,
    windows: Windows,
    history: tuple[int, int],
    observation: int,
    learner: LearnerBlock,
    seed: int,
    cache: Path,
) -> TorchLearner:
    """Pre-train what the method starts from (or load it), and return its learner.

    Every random draw is named by the seed and by what is drawn, never by the method: adding a method
    changes no other's numbers, and methods with equal starts share one checkpoint.

    Parameters
    ----------
    log, windows : where clicks and their complete labels come from.
    history : clicks of ``[start, end)`` are pre-trained on, µs from the log's origin; equal ends mean none.
    observation : observation window (µs) for auxiliaries that leave theirs open.
    learner : hyper-parameters, normally ``method.learner``.
    seed : of the run.
    cache : directory whose ``checkpoints/`` holds pre-trained models.

    Raises
    ------
    RunError : the history holds no click that the method's pre-training can learn from.
    """
    source = History(log, windows, *history)
    network = method.network.settled(learner)
    heads = tuple(dict.fromkeys((*method.objective.heads, *method.link.heads)))
    if method.start is None:
        model = Model(
            network, heads, log.features, learner, torch_seed(seed, "learners", "no recipe", "weights")
        )
    else:
        extra = heads_beyond(method.start, heads)
        model = pretrained(Pretraining(method.start, network, extra, learner, source, seed), cache)
    estimator = None
    if method.auxiliary is not None:
        auxiliary = method.auxiliary.settled(observation)
        plan = Pretraining(auxiliary, network, (), learner, source, seed)
        estimator = Estimator(auxiliary, pretrained(plan, cache))
    return TorchLearner(model, method.objective, method.link, estimator)
